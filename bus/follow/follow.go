// Package follow reads the results of the pipeline: first the state of all pages, then every change, in order, without
// gaps, across restarts and restored logs. Programs use it by package bus: Conn.Follow, Event and Results.
package follow

import (
	"cmp"
	"context"
	"errors"
	"fmt"
	"strconv"
	"time"

	"github.com/nats-io/nats.go/jetstream"
	"plumbline.dev/bus/internal/pull"
	"plumbline.dev/bus/internal/wait"
	"plumbline.dev/bus/message"
	"plumbline.dev/bus/topology"
	"plumbline.dev/proto"
)

// Following selects the results to follow and the position to start from.
type Following struct {
	Account proto.Account // the zero account means every account
	// Name, if not empty, lets the server store the position: the next Follow with this name continues after the last
	// event handled without an error, or with this event if the server failed before it stored the position. It must
	// be the name of the follower in the credentials ("plumb follower create NAME"). Only one process at a time may
	// use a name.
	Name string
	// After is the [Event.Seq] to continue after, for a follower storing its own position. 0 begins with the state.
	// It cannot be combined with Name or Cursor. Prefer Cursor: a sequence alone cannot distinguish the log from
	// another one, or from an older copy.
	After uint64
	// Cursor is the [Event.Cursor] of the last handled event, for a follower storing its own position or results.
	// Follow continues after this event if the log still holds the next one. If the log was restored from an older
	// copy, rolled back or created anew, the follower gets a Reset and a new state. Together with Name, the log is
	// compared with the cursor, and then the server's position is used. It cannot be combined with After.
	Cursor string
}

// EventKind is the kind of an [Event].
type EventKind int

// The kinds of events. A new follower, or one whose position is older than the log's retention, receives Reset, a
// State for each page, Ready, and then Changes.
const (
	EventReset  EventKind = iota + 1 // discard all results: a new state follows
	EventState                       // the newest entry of one page; it replaces an older entry of the same page
	EventReady                       // the state is complete as of Seq
	EventChange                      // devices changed to an outcome
)

// Event is one event of [Run].
type Event struct {
	Kind EventKind
	// Seq is the position in POSTURE_LOG to continue from. It is 0 until the state is complete.
	Seq uint64
	// Cursor is the position in the verifiable form of [Following.Cursor]. It is empty until the state is complete.
	Cursor string
	Time   time.Time // when the server stored the entry or change

	Page  topology.PageRef // of a State
	Entry *proto.Entry     // of a State

	Ref    topology.ChangeRef // of a Change: check, outcome and page
	Change *proto.Change      // of a Change: the devices
}

// Run calls handle with every event, in order, one at a time, until ctx ends, and then returns nil. If handle
// returns an error, Run returns it. Run also returns an error if the connection is closed, for instance by the
// server because the credentials expired or were revoked. It waits out lost connections. Applying the changes to the
// state yields the state at any later position: see [Results].
func Run(ctx context.Context, c Source, f Following, handle func(context.Context, Event) error) error {
	if f.After != 0 && (f.Name != "" || f.Cursor != "") {
		return errors.New("follow: After cannot be combined with Name or Cursor")
	}
	if own, _ := c.Follower(); own != "" && f.Name != "" && f.Name != own {
		return fmt.Errorf("follow: the credentials are those of follower %q: the server keeps a position for that name, "+
			"not for %q", own, f.Name)
	}
	pos := cursor{seq: f.After}
	if f.Cursor != "" {
		var err error
		if pos, err = parseCursor(f.Cursor); err != nil {
			return fmt.Errorf("follow: %w", err)
		}
	}
	fl := &follower{Source: c, Following: f, handle: handle, pos: pos, direct: f.Name == ""}
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
			c.Log().Warn("cannot continue from the position, reading a new state", "why", why, "after", fl.pos.seq,
				"name", f.Name)
			fl.pos, fl.fresh, fl.handled = cursor{}, true, 0
			wait.For(ctx, fl.backoff)
			continue
		case c.NATS().IsClosed():
			return fmt.Errorf("follow: %w", c.CloseReason())
		}
		c.Log().Warn("cannot follow, retrying", "err", err, "after", fl.pos.seq, "name", f.Name)
		wait.For(ctx, time.Second)
	}
}

// handlerError distinguishes the handler's errors from those of the bus.
type handlerError struct{ error }

type follower struct {
	Source
	Following
	handle func(context.Context, Event) error
	// direct is set if the follower does not use a consumer.
	direct bool
	// monitor is idle while handle runs. It is nil if direct is set.
	monitor Monitor
	// pos is the position: every event up to it is handled. It is 0 if none is.
	pos cursor
	// from is the starting position of this run. If it is the position of an entry, the state was read there and
	// already includes the changes of this entry. If it is the position of a change, the rest of its batch is still
	// to come.
	from uint64
	// handled is the last change handled since the last state: the server may deliver it again if it lost the
	// position.
	handled uint64
	// skip is the last unreadable change; a state was read since.
	skip uint64
	// backoff is the wait before a new state is read. It grows while changes are unreadable.
	backoff time.Duration
	// beyond is when the log was first seen to end before the position; zero if it does not.
	beyond time.Time
	fresh  bool // the consumer of a named follower must be recreated
}

// Bounds of the wait before reading a new state because of an unreadable change. A writer of a newer version may
// cause many.
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

// once reads the state if there is no position, then follows the changes until an error occurs.
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

// entry emits the entry of a page and returns its position in the log. If the entry is unreadable, its page has no
// results.
func (f *follower) entry(ctx context.Context, m *message.Msg) (uint64, error) {
	if f.monitor != nil {
		f.monitor.Heard()
	}
	seq, err1 := message.LogSequence(m)
	page, err2 := topology.ParsePage(m.Subject)
	entry := new(proto.Entry)
	if err := cmp.Or(err1, err2, m.Decode(entry)); err != nil {
		f.Unreadable(m.Stream, m.Subject, m.Seq, err)
		return seq, nil
	}
	return seq, f.emit(ctx, Event{Kind: EventState, Time: m.Time, Page: page, Entry: entry})
}

// durable returns the name of the consumer storing the position.
func (f *follower) durable() string {
	if _, own := f.Follower(); own != "" {
		return own
	}
	return topology.FollowPrefix + f.Name
}

// stored returns the consumer storing the position. If there is none yet, it returns the consumer used with credentials
// of an earlier version, and former is set; if there is none either, it returns nil.
func (f *follower) stored(ctx context.Context) (consumer jetstream.Consumer, former bool, err error) {
	name, old := f.durable(), topology.FollowPrefix+f.Name
	consumer, err = f.JetStream().Consumer(ctx, topology.PostureLog, name)
	if errors.Is(err, jetstream.ErrConsumerNotFound) && name != old {
		former = true
		consumer, err = f.JetStream().Consumer(ctx, topology.PostureLog, old)
	}
	if errors.Is(err, jetstream.ErrConsumerNotFound) {
		return nil, false, nil
	}
	return consumer, former, err
}

// resume finds the named follower's consumer and its position. It returns nil if the consumer must be created.
func (f *follower) resume(ctx context.Context) (jetstream.Consumer, error) {
	consumer, former, err := f.stored(ctx)
	if err != nil {
		return nil, fmt.Errorf("follower %s: %w", f.Name, err)
	}
	if consumer == nil {
		return nil, nil
	}
	info := consumer.CachedInfo()
	stream, err := f.JetStream().Stream(ctx, topology.PostureLog)
	if err != nil {
		return nil, fmt.Errorf("follower %s: %w", f.Name, err)
	}
	log := stream.CachedInfo()
	// The server sets a consumer's initial floor just before the first matching message, independent of its start
	// sequence.
	f.pos = cursorOf(max(info.AckFloor.Stream, info.Config.OptStartSeq-1), log.Created, time.Time{})
	f.from = info.Config.OptStartSeq - 1
	if of := info.Config.Metadata[logCreated]; of != "" && of != strconv.FormatInt(log.Created.UnixNano(), 36) {
		return nil, errOther
	}
	waiting := info.NumPending + uint64(info.NumAckPending)
	if err := f.checkKept(ctx, f.pos); err != nil && (!errors.Is(err, errDeleted) || waiting > 0) {
		return nil, err
	}
	if former || info.NumAckPending > 0 || info.NumWaiting > 0 {
		// The previous run ended with an unacknowledged event or an open request. The server would withhold this
		// event, or send the next one to the old request, for some time. The consumer of former credentials is only read.
		f.fresh = true
		return nil, nil
	}
	return consumer, nil
}

// logCreated is the metadata key of a named follower's consumer for the creation time of its log, in nanoseconds, in
// base 36. It identifies the log of the position.
const logCreated = "plumbline.log-created"

// abandoned is the time after which the server deletes the consumer of an inactive named follower.
const abandoned = 30 * 24 * time.Hour

// consumer creates the consumer of the changes after the position.
func (f *follower) consumer(ctx context.Context) (jetstream.Consumer, error) {
	stream, err := f.JetStream().Stream(ctx, topology.PostureLog)
	if err != nil {
		return nil, fmt.Errorf("follow: %w", err)
	}
	log := stream.CachedInfo()
	if err := f.checkHeld(log, f.pos); err != nil && !errors.Is(err, errDeleted) {
		return nil, err
	}
	f.pos.created = log.Created.UnixNano()
	name := f.durable()
	if f.fresh {
		err := f.JetStream().DeleteConsumer(ctx, topology.PostureLog, name)
		if err != nil && !errors.Is(err, jetstream.ErrConsumerNotFound) {
			return nil, fmt.Errorf("follower %s: %w", f.Name, err)
		}
	}
	return f.JetStream().CreateConsumer(ctx, topology.PostureLog, jetstream.ConsumerConfig{
		Durable: name, FilterSubject: f.changeFilter(), AckPolicy: jetstream.AckExplicitPolicy, MaxAckPending: 1,
		DeliverPolicy: jetstream.DeliverByStartSequencePolicy, OptStartSeq: f.pos.seq + 1, InactiveThreshold: abandoned,
		AckWait: topology.AckWait, Metadata: map[string]string{logCreated: strconv.FormatInt(f.pos.created, 36)},
	})
}

// changes emits the changes after the position.
func (f *follower) changes(ctx context.Context, consumer jetstream.Consumer) error {
	messages, err := pull.NewReader(f.NATS(), f.Tuning(), topology.PostureLog, consumer, 1, f.monitor)
	if err != nil {
		return err
	}
	defer messages.Close()
	behind, checked, connections := false, time.Now(), f.NATS().Stats().Reconnects
	// In a log rolled back or created anew, no message arrives until it has grown past the position.
	messages.Quiet = func(ctx context.Context) error {
		if time.Since(checked) < f.Tuning().Recheck {
			return nil
		}
		checked = time.Now()
		return f.checkPosition(ctx)
	}
	for {
		m, err := messages.Next(ctx)
		if err != nil {
			return err
		}
		if n := f.NATS().Stats().Reconnects; n != connections {
			// After a reconnect, the server may hold an older copy of the log.
			if err := f.checkKept(ctx, f.pos); err != nil {
				return err
			}
			connections, checked = n, time.Now()
		}
		if behind || time.Since(checked) > f.Tuning().Recheck {
			if err := f.checkPosition(ctx); err != nil {
				return err
			}
			checked = time.Now()
		}
		if err := f.change(ctx, m.Msg); err != nil {
			m.GiveBack() // the next run with this name need not wait for it
			return err
		}
		if err := m.Ack(ctx); err != nil {
			return err
		}
		f.pos.seq, f.pos.at = m.Seq, m.Time.UnixNano()
		behind = m.Pending > farBehind
	}
}

// farBehind is the number of pending changes from which a follower checks before each change whether the log still
// holds all of them.
const farBehind = 10_000

func (f *follower) checkPosition(ctx context.Context) error {
	stream, err := f.JetStream().Stream(ctx, topology.PostureLog)
	if err != nil {
		return err
	}
	return f.checkHeld(stream.CachedInfo(), f.pos)
}

func (f *follower) change(ctx context.Context, m *message.Msg) error {
	ref, err := topology.ParseChange(m.Subject)
	change := new(proto.Change)
	if err == nil {
		err = m.Decode(change)
	}
	if err != nil && m.Seq <= f.skip {
		return nil
	}
	if err != nil {
		// The content of the change is unknown: a new state includes it.
		f.Unreadable(m.Stream, m.Subject, m.Seq, err)
		f.skip, f.backoff = m.Seq, min(max(2*f.backoff, firstBackoff), maxBackoff)
		return errUnreadable
	}
	if m.Seq > f.skip {
		f.backoff = 0
	}
	if m.Seq-uint64(change.Index) == f.from || m.Seq <= f.handled {
		return nil
	}
	position := cursorOf(m.Seq, time.Unix(0, f.pos.created), m.Time)
	err = f.emit(ctx, Event{Kind: EventChange, Seq: m.Seq, Cursor: position.String(), Time: m.Time,
		Ref: ref, Change: change})
	if err == nil {
		f.handled = m.Seq
	}
	return err
}
