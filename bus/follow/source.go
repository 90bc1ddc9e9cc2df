package follow

import (
	"context"
	"log/slog"

	"github.com/nats-io/nats.go"
	"github.com/nats-io/nats.go/jetstream"
	"plumbline.dev/bus/internal/tuning"
	"plumbline.dev/bus/message"
)

// Source is the connection of a follower. Package bus implements it.
type Source interface {
	NATS() *nats.Conn
	JetStream() jetstream.JetStream
	Log() *slog.Logger
	Tuning() tuning.Tuning
	// Follower returns the name of the follower in the credentials, and the name of the consumer storing its position.
	// Both are empty for the credentials of another role.
	Follower() (name, consumer string)
	// Monitor starts a monitor, which the follower closes.
	Monitor(name string) Monitor
	// Tail reads a stream until ctx ends, and then returns nil. It returns the errors of Apply and
	// [message.ErrReplaced].
	Tail(ctx context.Context, t Tail) error
	// LeaderNext reads the first matching message after a sequence from the stream's leader, or returns
	// [message.ErrNotFound].
	LeaderNext(ctx context.Context, stream, filter string, after uint64) (*message.Msg, error)
	// Unreadable reports a record with undecodable content.
	Unreadable(stream, key string, revision uint64, err error)
	// CloseReason returns the reason for the closing of the connection.
	CloseReason() error
}

// Monitor detects whether the server still answers.
type Monitor interface {
	Heard()         // the server answered a request
	Lost()          // the server did not answer a request in time
	Idle(idle bool) // whether no answer is due
	Close()
}

// Tail selects the messages of a stream to read, in order.
type Tail struct {
	Stream string
	Filter string // of the subjects
	After  uint64 // the sequence to start after
	// Apply is called with each message, one at a time.
	Apply func(*message.Msg) error
	// Current, if not nil, is called once, after all messages held by the stream's leader at the start were applied.
	Current func()
}
