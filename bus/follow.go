package bus

import (
	"cmp"
	"context"
	"errors"
	"fmt"
	"strconv"
	"time"

	"github.com/nats-io/nats.go/jetstream"
	"plumbline.dev/bus/topology"
	"plumbline.dev/proto"
)

// Following says whose results to follow, and from where.
type Following struct {
	Account proto.Account // the zero account: every account
	// Name, where it is given, lets the server keep the position: the next Follow of that name goes on
	// after the last event whose handler returned nil. It is the name of the follower that the credentials are
	// for ("plumb follower create NAME"). One process at a time.
	Name string
	// After is for a follower that keeps its position itself: it goes on after that [Event.Seq]. 0 begins
	// with the state. Not together with Name. Prefer Cursor: a sequence alone does not tell another log, or an
	// older copy of it, from the one that it was taken from.
	After uint64
	// Cursor is for a follower that keeps its position, or its results, itself: the [Event.Cursor] of the last
	// event that it handled. It goes on after that event if the log still holds what comes next; if the log was
	// restored from an older copy, rolled back or created anew, it gets a Reset and a new state. Together with
	// Name, the server's position counts, once the log was compared with the cursor. Not together with After.
	Cursor string
}

// EventKind is what an event tells.
type EventKind int

// The kinds of events. A follower that begins, or whose position has been deleted by the log's
// retention, gets Reset, a State for each page, Ready, and from then on Changes.
const (
	EventReset  EventKind = iota + 1 // forget what you have: a new state follows
	EventState                       // the newest entry of one page, in place of an older one of the same page
	EventReady                       // the state is complete as of Seq
	EventChange                      // devices changed to an outcome
)

// Event is a step of a follower.
type Event struct {
	Kind EventKind
	// Seq is the position in POSTURE_LOG to go on from. It is 0 until the state is complete.
	Seq uint64
	// Cursor is the position in a form that [Following.Cursor] checks. It is empty until the state is complete.
	Cursor string
	Time   time.Time // when the server stored the entry or change

	Page  topology.PageRef // of a State
	Entry *proto.Entry     // of a State

	Ref    topology.ChangeRef // of a Change: check, outcome and page
	Change *proto.Change      // of a Change: the devices
}

// Follow hands every event to handle, in order, one at a time, until ctx ends, which is no error, or
// handle returns an error, which Follow returns. It also returns if the connection was closed, as the server
// does with revoked or expired credentials. Folding the changes onto the state gives the state at
// any later position: see [Results]. A lost connection is waited out.
func (c *Conn) Follow(ctx context.Context, f Following, handle func(context.Context, Event) error) error {
	if f.After != 0 && (f.Name != "" || f.Cursor != "") {
		return errors.New("follow: give After without a name and without a cursor")
	}
	if c.role == topology.Follower && f.Name != "" && f.Name != c.name {
		return fmt.Errorf("follow: the credentials are those of follower %q: the server keeps a position for that name, not for %q", c.name, f.Name)
	}
	pos := cursor{seq: f.After}
	if f.Cursor != "" {
		var err error
		if pos, err = parseCursor(f.Cursor); err != nil {
			return fmt.Errorf("follow: %w", err)
		}
	}
	fl := &follower{Conn: c, Following: f, handle: handle, pos: pos, direct: f.Name == ""}
	if !fl.direct { // a Tail has its own
		fl.monitor = c.Monitor("follow")
		defer fl.monitor.Close()
	}
	for {
		err := fl.once(ctx)
		var stop handlerError
		var why moved
		switch {
		case ctx.Err() != nil:
			return nil
		case errors.As(err, &stop):
			return stop.error
		case errors.As(err, &why):
			c.log.Warn("cannot go on from the position, taking a new state", "why", why, "after", fl.pos.seq, "name", f.Name)
			fl.pos, fl.fresh = cursor{}, true
			sleep(ctx, fl.backoff)
			continue
		case c.nc.IsClosed():
			return fmt.Errorf("follow: %w", c.closed())
		}
		c.log.Warn("cannot follow, trying again", "err", err, "after", fl.pos.seq, "name", f.Name)
		sleep(ctx, time.Second)
	}
}

// handlerError tells the follower's own errors from the bus's.
type handlerError struct{ error }

type follower struct {
	*Conn
	Following
	handle func(context.Context, Event) error
	// direct is set if it follows without a consumer.
	direct bool
	// monitor is idle while handle works; nil if direct.
	monitor *Monitor
	// pos is the position: everything up to it is handled; 0: nothing is.
	pos cursor
	// from is the position that this run began at. Where it is an entry's, the state was taken there: the
	// changes that belong to that entry are in it already. Where it is a change's, the rest of its batch
	// is still to come.
	from uint64
	// skip is the last change that could not be read: a state was taken since.
	skip uint64
	// backoff is how long it waits before it takes a new state; it grows while changes cannot be read.
	backoff time.Duration
	// beyond is since when the log ends before the position; zero if it does not.
	beyond time.Time
	fresh  bool // the consumer of a named follower is to be made anew
}

// Bounds of the wait before a new state that an unreadable change led to: a writer of a newer version makes many.
const (
	firstBackoff = 100 * time.Millisecond
	maxBackoff   = time.Minute
)

func (f *follower) emit(ctx context.Context, e Event) error {
	if f.monitor != nil {
		f.monitor.Idle(true)
		defer f.monitor.Idle(false)
	}
	if err := f.handle(ctx, e); err != nil {
		return handlerError{err}
	}
	return nil
}

// once takes the state if there is no position, then follows the changes until something fails.
func (f *follower) once(ctx context.Context) error {
	var consumer jetstream.Consumer
	var err error
	if f.pos.seq != 0 {
		if err := f.checkKept(ctx, f.pos); err != nil {
			return err
		}
	}
	if f.direct {
		return f.onceDirect(ctx)
	}
	if !f.fresh {
		if consumer, err = f.resume(ctx); err != nil {
			return err
		}
	}
	if consumer == nil && f.pos.seq == 0 {
		if err := f.state(ctx); err != nil {
			return err
		}
	}
	if consumer == nil {
		f.from = f.pos.seq
		if consumer, err = f.consumer(ctx); err != nil {
			return err
		}
	}
	f.fresh = false
	return f.changes(ctx, consumer)
}

func (f *follower) logFilter() string {
	if f.Account.IsZero() {
		return topology.AllLogs
	}
	return topology.LogOf(f.Account)
}

func (f *follower) changeFilter() string {
	if f.Account.IsZero() {
		return topology.AllChanges
	}
	return topology.ChangesOf(f.Account)
}

// entry hands out a page's entry, and returns its place in the log. The page of one that cannot be read has no
// results.
func (f *follower) entry(ctx context.Context, m *Msg) (uint64, error) {
	if f.monitor != nil {
		f.monitor.Heard()
	}
	seq, err1 := LogSequence(m)
	page, err2 := topology.ParsePage(m.Subject)
	entry := new(proto.Entry)
	if err := cmp.Or(err1, err2, m.Decode(entry)); err != nil {
		f.Unreadable(m.Stream, m.Subject, m.Seq, err)
		return seq, nil
	}
	return seq, f.emit(ctx, Event{Kind: EventState, Time: m.Time, Page: page, Entry: entry})
}

// resume finds the named follower's consumer and its position; nil where there is none yet.
func (f *follower) resume(ctx context.Context) (jetstream.Consumer, error) {
	consumer, err := f.js.Consumer(ctx, topology.PostureLog, topology.FollowPrefix+f.Name)
	if errors.Is(err, jetstream.ErrConsumerNotFound) {
		return nil, nil
	}
	if err != nil {
		return nil, fmt.Errorf("follower %s: %w", f.Name, err)
	}
	info := consumer.CachedInfo()
	stream, err := f.js.Stream(ctx, topology.PostureLog)
	if err != nil {
		return nil, fmt.Errorf("follower %s: %w", f.Name, err)
	}
	log := stream.CachedInfo()
	// The server begins a consumer's floor just before its first message, wherever it was made to start.
	f.pos = cursorOf(max(info.AckFloor.Stream, info.Config.OptStartSeq-1), log.Created, time.Time{})
	f.from = info.Config.OptStartSeq - 1
	if of := info.Config.Metadata[logCreated]; of != "" && of != strconv.FormatInt(log.Created.UnixNano(), 36) {
		return nil, errOther
	}
	if err := f.checkKept(ctx, f.pos); err != nil && (!errors.Is(err, errDeleted) || info.NumPending+uint64(info.NumAckPending) > 0) {
		return nil, err
	}
	if info.NumAckPending > 0 || info.NumWaiting > 0 {
		// The run before ended with an event in hand, or its request for one is still open, and would be given
		// the next: either is held back by the server for a while.
		f.fresh = true
		return nil, nil
	}
	return consumer, nil
}

// logCreated is where the consumer of a named follower says which log its position is in: when the log was
// created, in nanoseconds, in base 36.
const logCreated = "plumbline.log-created"

// abandoned is when the server forgets a named follower that did not come back.
const abandoned = 30 * 24 * time.Hour

// consumer makes the consumer of the changes after the position.
func (f *follower) consumer(ctx context.Context) (jetstream.Consumer, error) {
	stream, err := f.js.Stream(ctx, topology.PostureLog)
	if err != nil {
		return nil, fmt.Errorf("follow: %w", err)
	}
	log := stream.CachedInfo()
	if err := f.checkHeld(log, f.pos); err != nil && !errors.Is(err, errDeleted) {
		return nil, err
	}
	f.pos.created = log.Created.UnixNano()
	name := topology.FollowPrefix + f.Name
	if f.fresh {
		if err := f.js.DeleteConsumer(ctx, topology.PostureLog, name); err != nil && !errors.Is(err, jetstream.ErrConsumerNotFound) {
			return nil, fmt.Errorf("follower %s: %w", f.Name, err)
		}
	}
	return f.js.CreateConsumer(ctx, topology.PostureLog, jetstream.ConsumerConfig{
		Durable: name, FilterSubject: f.changeFilter(), AckPolicy: jetstream.AckExplicitPolicy, MaxAckPending: 1,
		DeliverPolicy: jetstream.DeliverByStartSequencePolicy, OptStartSeq: f.pos.seq + 1, InactiveThreshold: abandoned,
		AckWait: topology.AckWait, Metadata: map[string]string{logCreated: strconv.FormatInt(f.pos.created, 36)},
	})
}

// changes hands out what comes after the position.
func (f *follower) changes(ctx context.Context, consumer jetstream.Consumer) error {
	messages, err := f.messages(topology.PostureLog, consumer, 1, f.monitor)
	if err != nil {
		return err
	}
	defer messages.close()
	behind, checked, connections := false, time.Now(), f.nc.Stats().Reconnects
	// In a log that was rolled back or created anew, nothing comes until it has passed the position.
	messages.quiet = func(ctx context.Context) error {
		if time.Since(checked) < unchecked {
			return nil
		}
		checked = time.Now()
		return f.checkPosition(ctx)
	}
	for {
		m, err := messages.next(ctx)
		if err != nil {
			return err
		}
		if n := f.nc.Stats().Reconnects; n != connections {
			// The server may have come back with an older copy of the log.
			if err := f.checkKept(ctx, f.pos); err != nil {
				return err
			}
			connections, checked = n, time.Now()
		}
		if behind || time.Since(checked) > unchecked {
			if err := f.checkPosition(ctx); err != nil {
				return err
			}
			checked = time.Now()
		}
		if err := f.change(ctx, m.Msg); err != nil {
			m.giveBack() // the next run of this name need not wait for it
			return err
		}
		if err := m.ack(ctx); err != nil {
			return err
		}
		f.pos.seq, f.pos.at = m.Seq, m.Time.UnixNano()
		behind = m.pending > farBehind
	}
}

// farBehind is from how many waiting changes on a follower makes sure that none was deleted before it
// came to it.
const farBehind = 10_000

// unchecked is for how long a follower may take it that the log still holds what comes next. How much is
// deleted while a handler works, or the connection is away, shows in no message.
const unchecked = time.Second

func (f *follower) checkPosition(ctx context.Context) error {
	stream, err := f.js.Stream(ctx, topology.PostureLog)
	if err != nil {
		return err
	}
	return f.checkHeld(stream.CachedInfo(), f.pos)
}

func (f *follower) change(ctx context.Context, m *Msg) error {
	ref, err := topology.ParseChange(m.Subject)
	change := new(proto.Change)
	if err == nil {
		err = m.Decode(change)
	}
	if err != nil && m.Seq <= f.skip {
		return nil
	}
	if err != nil {
		// What changed is not known: a new state says it.
		f.Unreadable(m.Stream, m.Subject, m.Seq, err)
		f.skip, f.backoff = m.Seq, min(max(2*f.backoff, firstBackoff), maxBackoff)
		return errUnreadable
	}
	if m.Seq > f.skip {
		f.backoff = 0
	}
	if m.Seq-uint64(change.Index) == f.from {
		return nil
	}
	return f.emit(ctx, Event{Kind: EventChange, Seq: m.Seq, Cursor: cursorOf(m.Seq, time.Unix(0, f.pos.created), m.Time).String(),
		Time: m.Time, Ref: ref, Change: change})
}
