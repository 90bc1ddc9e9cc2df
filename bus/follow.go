package bus

import (
	"context"
	"fmt"

	"plumbline.dev/bus/follow"
	"plumbline.dev/bus/topology"
)

// Following selects the results to follow and the position to start from.
type Following = follow.Following

// Event is one event of [Conn.Follow].
type Event = follow.Event

// EventKind is the kind of an [Event].
type EventKind = follow.EventKind

// The kinds of events. A new follower, or one whose position is older than the log's retention, receives Reset, a
// State for each page, Ready, and then Changes.
const (
	EventReset  = follow.EventReset  // discard all results: a new state follows
	EventState  = follow.EventState  // the newest entry of one page; it replaces an older entry of the same page
	EventReady  = follow.EventReady  // the state is complete as of Seq
	EventChange = follow.EventChange // devices changed to an outcome
)

// Results holds the outcome of every check for every device, computed from a follower's events. The zero value is
// ready to use. It is not safe for concurrent use.
type Results = follow.Results

// ResultKey identifies the outcome of one check for one device in one page.
type ResultKey = follow.ResultKey

// Follow calls handle with every event, in order, one at a time, until ctx ends, and then returns nil. If handle
// returns an error, Follow returns it. Follow also returns an error if the connection is closed, for instance by the
// server because the credentials expired or were revoked. It waits out lost connections. Applying the changes to the
// state yields the state at any later position: see [Results].
func (c *Conn) Follow(ctx context.Context, f Following, handle func(context.Context, Event) error) error {
	return follow.Run(ctx, followed{c}, f, handle)
}

// followed is a connection as package follow uses it.
type followed struct{ *Conn }

// Follower returns the name and the consumer of the follower in the credentials. They are empty for other roles.
func (f followed) Follower() (name, consumer string) {
	if f.role != topology.Follower {
		return "", ""
	}
	return f.user.Name, f.user.Consumer
}

// Monitor starts a monitor.
func (f followed) Monitor(name string) follow.Monitor { return f.Conn.Monitor(name) }

// Tail reads a stream until ctx ends.
func (f followed) Tail(ctx context.Context, t follow.Tail) error {
	reader := &Tail{Conn: f.Conn, Stream: t.Stream, Filters: []string{t.Filter}, After: t.After, Apply: t.Apply,
		Current: t.Current}
	return reader.Run(ctx)
}

// ValidCursor returns an error if text is neither an [Event.Cursor] nor a plain sequence.
func ValidCursor(text string) error { return follow.ValidCursor(text) }

// End returns the sequence of the newest message of POSTURE_LOG, and the cursor to continue from.
func (c *Conn) End(ctx context.Context) (seq uint64, position string, err error) {
	log, err := c.js.Stream(ctx, topology.PostureLog)
	if err != nil {
		return 0, "", fmt.Errorf("end of the log: %w", translate(err))
	}
	info := log.CachedInfo()
	return info.State.LastSeq, follow.CursorAt(info.State.LastSeq, info.Created), nil
}
