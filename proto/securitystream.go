package proto

// DestinationSSF is the kind of destination that is a stream of OpenID Shared Signals 1.0: it receives security event
// tokens, by push (RFC 8935) or by poll (RFC 8936).
const DestinationSSF = "ssf"

// Bounds of streams.
const (
	MaxStreamAudience = 8
	MaxStreamText     = 1024 // bytes of an audience, a description, a reason or a state
	// MaxStreamNotices bounds the notices of a stream that are kept.
	MaxStreamNotices = 16
)

// SecurityStream has the settings of a stream.
type SecurityStream struct {
	Issuer   string   `msgpack:"issuer"`   // of the tokens
	Audience []string `msgpack:"audience"` // of the tokens
	// Client is the Client ID of the service token that manages the stream. Empty: no receiver manages it.
	Client      string `msgpack:"client"`
	Description string `msgpack:"description"`
	// Requested are the event types that the receiver asked for, as it wrote them; nil if it asked for none.
	Requested []string `msgpack:"requested"`
	// Poll is set if the receiver fetches the tokens; otherwise they are pushed to the destination's URL.
	Poll    bool          `msgpack:"poll"`
	Subject SubjectFormat `msgpack:"subject"`
	Profile StreamProfile `msgpack:"profile"`
	// Expired is set if a result that expired is sent as not-compliant. Other unknown outcomes are never sent.
	Expired bool `msgpack:"expired"`
	// Check limits the stream to one check; zero: all.
	Check  ID           `msgpack:"check"`
	Status StreamStatus `msgpack:"status"`
	Reason string       `msgpack:"reason"` // of the status
	// Notices are the newest events about the stream itself, the oldest first, numbered from 1.
	Notices []StreamNotice `msgpack:"notices"`
}

// SubjectFormat is the form of the tokens' subjects.
type SubjectFormat string

// The formats.
const (
	SubjectComplex SubjectFormat = "complex" // device, user and tenant
	SubjectEmail   SubjectFormat = "email"   // the user's address; devices without a user are not sent
	SubjectIssSub  SubjectFormat = "iss_sub" // the device's id
)

// StreamProfile is a receiver's variant of the tokens.
type StreamProfile string

// The profiles.
const (
	ProfileCAEP StreamProfile = "caep"
	ProfileOkta StreamProfile = "okta" // the event itself has the subject as well
)

// StreamStatus is the status of a stream.
type StreamStatus string

// The statuses.
const (
	StreamEnabled  StreamStatus = "enabled"
	StreamPaused   StreamStatus = "paused"   // events are kept until the stream is enabled
	StreamDisabled StreamStatus = "disabled" // events are dropped
)

// StreamNotice is an event about a stream: a verification or, if Status is not empty, a change of its status.
type StreamNotice struct {
	Number uint64       `msgpack:"number"`
	At     Millis       `msgpack:"at"`
	State  *string      `msgpack:"state"` // of a verification; nil: none was given
	Status StreamStatus `msgpack:"status"`
	Reason string       `msgpack:"reason"`
}

// Notify adds a notice and drops the oldest one if there are too many. It does not change the slice that s has.
func (s *SecurityStream) Notify(n StreamNotice) {
	if last := len(s.Notices); last > 0 {
		n.Number = s.Notices[last-1].Number
	}
	n.Number++
	from := max(0, len(s.Notices)+1-MaxStreamNotices)
	s.Notices = append(append([]StreamNotice(nil), s.Notices[from:]...), n)
}
