package bus

import (
	"context"
	"errors"
	"fmt"
	"time"

	"github.com/nats-io/nats.go/jetstream"
	"plumbline.dev/bus/topology"
	"plumbline.dev/proto"
)

// Following says whose results to follow, and from where.
type Following struct {
	Account proto.Account // the zero account: every account
	// Name, where it is given, lets the server keep the position: the next Follow of that name goes on
	// after the last event whose handler returned nil. Letters, digits, - and _. One process at a time.
	Name string
	// After is for a follower that keeps its position itself: it goes on after that [Event.Seq]. 0 begins
	// with the state. Not together with Name.
	After uint64
}

// EventKind is what an event tells.
type EventKind int

// The kinds of events. A follower that begins, or whose position has been deleted by the log's
// retention, gets Reset, a State for each page, Ready, and from then on Changes.
const (
	EventReset  EventKind = iota + 1 // forget what you have: a new state follows
	EventState                       // the newest entry of one page
	EventReady                       // the state is complete as of Seq
	EventChange                      // devices changed to an outcome
)

// Event is a step of a follower.
type Event struct {
	Kind EventKind
	// Seq is the position in POSTURE_LOG to go on from. It is 0 until the state is complete.
	Seq  uint64
	Time time.Time // when the server stored the entry or change

	Page  topology.PageRef // of a State
	Entry *proto.Entry     // of a State

	Ref    topology.ChangeRef // of a Change: check, outcome and page
	Change *proto.Change      // of a Change: the devices
}

// Follow hands every event to handle, in order, one at a time, until ctx ends, which is no error, or
// handle returns an error, which Follow returns. Folding the changes onto the state gives the state at
// any later position: see [Results]. A lost connection is waited out.
func (c *Conn) Follow(ctx context.Context, f Following, handle func(context.Context, Event) error) error {
	if f.Name != "" && f.After != 0 {
		return errors.New("follow: give a name or a position, not both")
	}
	fl := &follower{Conn: c, Following: f, handle: handle, at: f.After, monitor: c.Monitor("follow")}
	defer fl.monitor.Close()
	for {
		err := fl.once(ctx)
		var stop handlerError
		switch {
		case ctx.Err() != nil:
			return nil
		case errors.As(err, &stop):
			return stop.error
		case errors.Is(err, errMoved):
			c.log.Warn("the log no longer holds what comes next, taking a new state", "after", fl.at, "name", f.Name)
			fl.at, fl.fresh = 0, true
			continue
		}
		c.log.Warn("cannot follow, trying again", "err", err, "after", fl.at, "name", f.Name)
		sleep(ctx, time.Second)
	}
}

// errMoved is the end of a position that the log's retention has deleted.
var errMoved = errors.New("the position was deleted")

// handlerError tells the follower's own errors from the bus's.
type handlerError struct{ error }

type follower struct {
	*Conn
	Following
	handle func(context.Context, Event) error
	// monitor is idle while handle works.
	monitor *Monitor
	// at is the position: everything up to it is handled; 0: nothing is.
	at uint64
	// from is the position that this run began at. Where it is an entry's, the state was taken there: the
	// changes that belong to that entry are in it already. Where it is a change's, the rest of its batch
	// is still to come.
	from  uint64
	fresh bool // the consumer of a named follower is to be made anew
}

func (f *follower) emit(ctx context.Context, e Event) error {
	f.monitor.Idle(true)
	defer f.monitor.Idle(false)
	if err := f.handle(ctx, e); err != nil {
		return handlerError{err}
	}
	return nil
}

// once takes the state if there is no position, then follows the changes until something fails.
func (f *follower) once(ctx context.Context) error {
	var consumer jetstream.Consumer
	var err error
	if f.Name != "" && !f.fresh {
		if consumer, err = f.resume(ctx); err != nil {
			return err
		}
	}
	if consumer == nil && f.at == 0 {
		if err := f.state(ctx); err != nil {
			return err
		}
	}
	if consumer == nil {
		f.from = f.at
		if consumer, err = f.consumer(ctx); err != nil {
			return err
		}
	}
	f.fresh = false
	if f.Name == "" {
		defer f.forget(ctx, topology.PostureLog, consumer)
	}
	return f.changes(ctx, consumer)
}

// forget removes a consumer that nobody comes back to. The server would do so in five minutes; a follower
// that is started again and again would reach the limit on consumers before.
func (f *follower) forget(ctx context.Context, stream string, consumer jetstream.Consumer) {
	ctx, cancel := context.WithTimeout(context.WithoutCancel(ctx), time.Second)
	defer cancel()
	if err := f.js.DeleteConsumer(ctx, stream, consumer.CachedInfo().Name); err != nil {
		f.log.Debug("a consumer is left for the server to remove", "stream", stream, "err", err)
	}
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

// state hands out the newest entry of every page. The stream of the state is in the order of the log, so
// once it is read to its end, it is the state as of its last entry, whatever was replaced meanwhile.
func (f *follower) state(ctx context.Context) error {
	if err := f.emit(ctx, Event{Kind: EventReset}); err != nil {
		return err
	}
	// What the log has deleted by now is in the state. Its end may be beyond the last entry, whose changes come
	// after it, where everything has grown too old.
	stream, err := f.js.Stream(ctx, topology.PostureLog)
	if err != nil {
		return fmt.Errorf("read the state: %w", err)
	}
	deleted := max(stream.CachedInfo().State.FirstSeq, 1) - 1
	consumer, err := f.js.CreateConsumer(ctx, topology.PostureState, readOnce(jetstream.ConsumerConfig{
		FilterSubject: f.logFilter(), DeliverPolicy: jetstream.DeliverAllPolicy,
	}))
	if err != nil {
		return fmt.Errorf("read the state: %w", err)
	}
	defer f.forget(ctx, topology.PostureState, consumer)
	last := uint64(0)
	if consumer.CachedInfo().NumPending > 0 {
		if last, err = f.readState(ctx, consumer); err != nil {
			return err
		}
	}
	last = max(last, deleted)
	f.at = last
	return f.emit(ctx, Event{Kind: EventReady, Seq: last})
}

func (f *follower) readState(ctx context.Context, consumer jetstream.Consumer) (last uint64, err error) {
	messages, err := f.messages(topology.PostureState, consumer, readAhead, f.monitor)
	if err != nil {
		return 0, fmt.Errorf("read the state: %w", err)
	}
	defer messages.close()
	for {
		m, err := messages.next(ctx)
		if err != nil {
			return 0, fmt.Errorf("read the state: %w", err)
		}
		if last, err = LogSequence(m.Msg); err != nil {
			return 0, err
		}
		page, err := topology.ParsePage(m.Subject)
		if err != nil {
			return 0, err
		}
		entry := new(proto.Entry)
		if err := m.Decode(entry); err != nil {
			return 0, fmt.Errorf("entry of %s: %w", m.Subject, err)
		}
		if err := f.emit(ctx, Event{Kind: EventState, Time: m.Time, Page: page, Entry: entry}); err != nil {
			return 0, err
		}
		if m.pending == 0 {
			return last, nil
		}
	}
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
	// The server begins a consumer's floor just before its first message, wherever it was made to start.
	f.at = max(info.AckFloor.Stream, info.Config.OptStartSeq-1)
	f.from = info.Config.OptStartSeq - 1
	if info.NumPending+uint64(info.NumAckPending) > 0 && stream.CachedInfo().State.FirstSeq > f.at+1 {
		return nil, errMoved
	}
	if info.NumAckPending > 0 || info.NumWaiting > 0 {
		// The run before ended with an event in hand, or its request for one is still open, and would be given
		// the next: either is held back by the server for a while.
		f.fresh = true
		return nil, nil
	}
	return consumer, nil
}

// abandoned is when the server forgets a named follower that did not come back.
const abandoned = 30 * 24 * time.Hour

// consumer makes the consumer of the changes after the position.
func (f *follower) consumer(ctx context.Context) (jetstream.Consumer, error) {
	if f.Name == "" {
		stream, err := f.js.Stream(ctx, topology.PostureLog)
		if err != nil {
			return nil, fmt.Errorf("follow: %w", err)
		}
		if stream.CachedInfo().State.FirstSeq > f.at+1 {
			return nil, errMoved
		}
		return f.js.CreateConsumer(ctx, topology.PostureLog, readOnce(jetstream.ConsumerConfig{
			FilterSubject: f.changeFilter(), DeliverPolicy: jetstream.DeliverByStartSequencePolicy, OptStartSeq: f.at + 1,
		}))
	}
	name := topology.FollowPrefix + f.Name
	if f.fresh {
		if err := f.js.DeleteConsumer(ctx, topology.PostureLog, name); err != nil && !errors.Is(err, jetstream.ErrConsumerNotFound) {
			return nil, fmt.Errorf("follower %s: %w", f.Name, err)
		}
	}
	return f.js.CreateConsumer(ctx, topology.PostureLog, jetstream.ConsumerConfig{
		Durable: name, FilterSubject: f.changeFilter(), AckPolicy: jetstream.AckExplicitPolicy, MaxAckPending: 1,
		DeliverPolicy: jetstream.DeliverByStartSequencePolicy, OptStartSeq: f.at + 1, InactiveThreshold: abandoned,
		AckWait: topology.AckWait,
	})
}

// changes hands out what comes after the position.
func (f *follower) changes(ctx context.Context, consumer jetstream.Consumer) error {
	batch := readAhead
	if f.Name != "" {
		batch = 1
	}
	messages, err := f.messages(topology.PostureLog, consumer, batch, f.monitor)
	if err != nil {
		return err
	}
	defer messages.close()
	behind, checked := false, time.Now()
	for {
		m, err := messages.next(ctx)
		if err != nil {
			return err
		}
		if behind || time.Since(checked) > unchecked {
			if err := f.checkPosition(ctx); err != nil {
				return err
			}
			checked = time.Now()
		}
		if err := f.change(ctx, m.Msg); err != nil {
			if f.Name != "" {
				m.giveBack() // the next run of this name need not wait for it
			}
			return err
		}
		if f.Name != "" {
			if err := m.ack(ctx); err != nil {
				return err
			}
		}
		f.at = m.Seq
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
	if stream.CachedInfo().State.FirstSeq > f.at+1 {
		return errMoved
	}
	return nil
}

func (f *follower) change(ctx context.Context, m *Msg) error {
	ref, err := topology.ParseChange(m.Subject)
	if err != nil {
		return err
	}
	change := new(proto.Change)
	if err := m.Decode(change); err != nil {
		return fmt.Errorf("change of %s: %w", m.Subject, err)
	}
	if m.Seq-uint64(change.Index) == f.from {
		return nil
	}
	return f.emit(ctx, Event{Kind: EventChange, Seq: m.Seq, Time: m.Time, Ref: ref, Change: change})
}
