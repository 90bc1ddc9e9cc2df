// Package tuning holds what tests change about a connection: its timeouts, and its JetStream client.
package tuning

import (
	"time"

	"github.com/nats-io/nats.go/jetstream"
	"plumbline.dev/bus/topology"
)

// Tuning holds the timeouts of a connection.
type Tuning struct {
	// PublishAsync is how long a message of PublishAll occupies a pending slot without a confirmation.
	PublishAsync time.Duration
	// PullExpires is how long the server keeps a pull request open. It then answers that there is no message, and
	// this answer may arrive PullMargin later. Together they limit the wait for a request or reply lost in transit,
	// independent of the state of the server and the client library.
	PullExpires, PullMargin time.Duration
	// AckWait is the acknowledgement deadline of a stage's consumer. A stage extends it three times in this period.
	AckWait time.Duration
	// ConfirmEvery is the interval of a Tail's requests to the stream's leader. They detect a reverted stream, and a
	// replica lagging for long.
	ConfirmEvery time.Duration
	// SetBack is how long a leader may be behind the last message read before the stream counts as reverted. A newly
	// elected leader may still be applying messages.
	SetBack time.Duration
	// Recheck is how long a follower relies on its last check of the log. Messages do not show how many others were
	// deleted while a handler ran or the connection was lost.
	Recheck time.Duration
	// JetStream, if not nil, replaces the JetStream client of the connection.
	JetStream func(jetstream.JetStream) jetstream.JetStream
}

// Default returns the timeouts used in production.
func Default() Tuning {
	return Tuning{
		PublishAsync: 10 * time.Second,
		PullExpires:  3 * time.Second, PullMargin: 2 * time.Second,
		AckWait:      topology.AckWait,
		ConfirmEvery: 10 * time.Second, SetBack: 5 * time.Second, Recheck: time.Second,
	}
}
