package proto

import "time"

// DestinationWebhook is the kind of destination that receives events by HTTP as Standard Webhooks 1.0.0.
const DestinationWebhook = "webhook"

// Bounds of destinations.
const (
	MaxDestinations        = 100 // of one account
	MaxDestinationHeaders  = 16
	MaxDestinationTemplate = 8 << 10 // bytes
)

// RotationOverlap is how long messages are signed with the previous secret as well after a rotation, by default.
// MaxRotationOverlap is the longest time.
const (
	RotationOverlap    = 24 * time.Hour
	MaxRotationOverlap = 30 * 24 * time.Hour
)

// Destination is a system that receives events. Its URL, secrets and header values are sealed to the dispatchers.
type Destination struct {
	ID   ID     `msgpack:"id"`
	Name string `msgpack:"name"`
	Kind string `msgpack:"kind"`
	// Origin is the scheme, host and port of the URL, for people. The rest of a URL may be a secret.
	Origin    string              `msgpack:"origin"`
	SealedURL []byte              `msgpack:"sealed_url"`
	Secrets   []DestinationSecret `msgpack:"secrets"` // the newest first
	Headers   []DestinationHeader `msgpack:"headers"`
	// Template renders the body; empty: the event's JSON.
	Template string `msgpack:"template"`
	// Upload has the settings of the kinds that receive log lines; nil for a webhook.
	Upload *Upload `msgpack:"upload"`
	// Events lists the types that are sent; none means all, including those of later versions.
	Events []string `msgpack:"events"`
	Paused bool     `msgpack:"paused"`
	// Replays counts the replays that were asked for. The newest one begins at ReplayFrom.
	Replays    uint64 `msgpack:"replays"`
	ReplayFrom Millis `msgpack:"replay_from"`
	CreatedAt  Millis `msgpack:"created_at"`
	UpdatedAt  Millis `msgpack:"updated_at"`
}

// DestinationSecret is a secret that signs messages.
type DestinationSecret struct {
	Sealed []byte `msgpack:"sealed"`
	// Until is when the secret is no longer used; 0: until the next rotation.
	Until Millis `msgpack:"until"`
}

// DestinationHeader is a header that every message has.
type DestinationHeader struct {
	Name   string `msgpack:"name"`
	Sealed []byte `msgpack:"sealed"`
}

// Schema implements Message.
func (*Destination) Schema() Schema { return Schema{"destination", 1} }

// Signing returns the sealed secrets that sign messages at a time, the newest first.
func (d *Destination) Signing(now Millis) [][]byte {
	var all [][]byte
	for _, s := range d.Secrets {
		if s.Until == 0 || now < s.Until {
			all = append(all, s.Sealed)
		}
	}
	return all
}

// Delivery is the state of the deliveries to a destination, written by the dispatcher that owns it.
type Delivery struct {
	// Owner is the dispatcher that delivers; zero: none. Beat grows while it works: another dispatcher takes over a
	// destination with a beat that stands still.
	Owner ID     `msgpack:"owner"`
	Beat  uint64 `msgpack:"beat"`
	// Revision is that of the destination's record which the owner uses.
	Revision uint64 `msgpack:"revision"`
	// Positions are those in the streams, by name of the source.
	Positions map[string]DeliveryPosition `msgpack:"positions"`
	// Replays is the newest replay that was begun.
	Replays uint64 `msgpack:"replays"`
	// Waiting is the event that could not be delivered yet, and WaitingSince its time; empty if there is none. Attempts
	// counts its attempts. The next attempt is made at NextAt.
	Waiting      string `msgpack:"waiting"`
	WaitingSince Millis `msgpack:"waiting_since"`
	Attempts     int    `msgpack:"attempts"`
	NextAt       Millis `msgpack:"next_at"`
	// The newest failed attempt. Status is 0 without a response.
	LastError   string `msgpack:"last_error"`
	LastStatus  int    `msgpack:"last_status"`
	LastErrorAt Millis `msgpack:"last_error_at"`
	// LastSuccessAt is the time of the newest delivered message.
	LastSuccessAt Millis `msgpack:"last_success_at"`
	Delivered     uint64 `msgpack:"delivered"` // messages
	Failed        uint64 `msgpack:"failed"`    // attempts
	// Disabled is why the destination was disabled; empty if it is not. Any change of the destination after revision
	// DisabledRevision enables it again.
	Disabled         string `msgpack:"disabled"`
	DisabledAt       Millis `msgpack:"disabled_at"`
	DisabledRevision uint64 `msgpack:"disabled_revision"`
	UpdatedAt        Millis `msgpack:"updated_at"`
}

// DeliveryPosition is a position in a stream: every message up to Seq was delivered.
type DeliveryPosition struct {
	Seq uint64 `msgpack:"seq"`
	// Created is when the stream was created, in nanoseconds: another time is another stream.
	Created int64 `msgpack:"created"`
	// At is a time up to which everything was delivered.
	At Millis `msgpack:"at"`
}

// Schema implements Message.
func (*Delivery) Schema() Schema { return Schema{"delivery", 1} }

// IsDisabled reports whether nothing is delivered to a destination whose record has a revision.
func (d *Delivery) IsDisabled(revision uint64) bool {
	return d.Disabled != "" && revision <= d.DisabledRevision
}

// DestinationTest asks a dispatcher to send a test.ping to a destination.
type DestinationTest struct {
	Destination ID     `msgpack:"destination"`
	Revision    uint64 `msgpack:"revision"` // of the record, at least
	By          string `msgpack:"by"`       // who tests, for people
	// Unsaved, if not nil, is tested in place of the record, to try it before it is stored.
	Unsaved *Destination `msgpack:"unsaved"`
}

// Schema implements Message.
func (*DestinationTest) Schema() Schema { return Schema{"destination_test", 1} }

// DestinationTestResult is the result of a test.
type DestinationTestResult struct {
	Event  string        `msgpack:"event"`  // id of the message; empty if none was sent
	Status int           `msgpack:"status"` // 0: no response
	Took   time.Duration `msgpack:"took"`
	Error  string        `msgpack:"error"` // a sentence; empty if the receiver accepted the message
}

// Schema implements Message.
func (*DestinationTestResult) Schema() Schema { return Schema{"destination_test_result", 1} }
