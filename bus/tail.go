package bus

import (
	"context"
	"errors"
	"fmt"
	"slices"
	"strconv"
	"strings"
	"sync/atomic"
	"time"

	"github.com/nats-io/nats.go"
	"github.com/nats-io/nats.go/jetstream"
	"plumbline.dev/bus/internal/wait"
	"plumbline.dev/bus/message"
	"plumbline.dev/bus/topology"
)

// ErrReplaced is returned if a stream was replaced by another one or reverted to an older state. Messages read before
// may no longer exist.
var ErrReplaced = message.ErrReplaced

// Tail reads the messages of a stream in order, first the existing and then each later one. It needs no consumer: it
// reads by sequence, with batched direct gets, whenever the stream's bell rings ([topology.Bell]), and about once per
// second in case a bell is lost. From a stream limited to one message per subject it reads the newest ones. Set the
// exported fields before calling Run.
type Tail struct {
	Conn    *Conn
	Stream  string
	Filters []string // the subjects to read
	After   uint64   // the sequence to start after
	// Origin, if not empty, is the stream that Stream copies by a source. Messages that the copy lacks for more than a
	// second are read from it, and possibly again from the copy. [LogSequence] returns their sequence there.
	Origin string
	// Apply is called with each message, one at a time. If it returns an error, Run returns it.
	Apply func(*Msg) error
	// Current, if not nil, is called once, after all messages held by the stream's leader at the start of Run were
	// applied.
	Current func()
	// Reset, if not nil, is called if the stream was replaced or reverted. The stream is then read from its
	// beginning, and Current is called again. Without Reset, Run returns [ErrReplaced].
	Reset func() error

	at      atomic.Uint64 // the last message read
	monitor *Monitor      // idle while Apply runs

	filter  string        // covers all Filters
	floor   atomic.Uint64 // all matching messages up to this sequence were read
	rung    atomic.Uint64
	ring    chan struct{}
	current bool
	goal    uint64    // Current is called after reading up to this sequence; 0 if not yet known
	lagging time.Time // since when a replica lacks messages held by the leader; zero if it does not
	same    incarnation
	origin  origin
}

const (
	// pollEvery is the interval of reads without a bell.
	pollEvery = time.Second
	// retryEvery is the delay before a failed read is retried.
	retryEvery = 250 * time.Millisecond
	// soon is the delay before the next read while messages are missing.
	soon = 10 * time.Millisecond
	// majorityWithin is the longest time since the leader's last contact with a majority of its replicas for a reader
	// to count as current. A partitioned leader continues to answer.
	majorityWithin = 3 * time.Second
	// lagPatience is how long to wait for a replica to hold an announced message before asking the leader.
	lagPatience = 200 * time.Millisecond
)

// At returns the sequence of the last message read: all matching messages up to it were applied.
func (t *Tail) At() uint64 { return t.at.Load() }

// Run reads until ctx ends, and then returns nil. It survives lost connections and waits for a missing stream. It
// returns an error if Apply or Reset returns one, if the connection is closed, or [ErrReplaced]. Run may be called
// again after it has returned and continues after the last message.
func (t *Tail) Run(ctx context.Context) error {
	t.filter, t.ring, t.origin.stream = cover(t.Filters), make(chan struct{}, 1), t.Origin
	t.at.Store(max(t.at.Load(), t.After))
	connected := t.Conn.nc.StatusChanged(nats.CONNECTED)
	defer t.Conn.nc.RemoveStatusListener(connected)
	subs, err := t.listen()
	defer func() {
		for _, s := range subs {
			_ = s.Unsubscribe()
		}
	}()
	if err != nil {
		return fmt.Errorf("read %s: %w", t.Stream, err)
	}
	t.monitor = t.Conn.Monitor("read " + t.Stream)
	defer t.monitor.Close()
	wait, confirmed, told := time.NewTimer(0), time.Time{}, false
	defer wait.Stop()
	for {
		select {
		case <-ctx.Done():
			return nil
		case <-connected:
			confirmed = time.Time{} // possibly another server, or a restored one
		case <-t.ring:
		case <-wait.C:
		}
		next, err := pollEvery, t.drain(ctx)
		if err == nil && (!t.current || time.Since(confirmed) >= t.Conn.tuning.ConfirmEvery) {
			err = t.confirm(ctx)
			if err == nil && t.current && t.same.sound() && t.lagging.IsZero() {
				confirmed = time.Now()
			}
		}
		if err == nil && t.current {
			err = t.origin.overtake(ctx, t.Conn, t.filter, t.applied)
		}
		if err == nil && (!t.current || !t.lagging.IsZero()) {
			next = soon
		}
		switch {
		case ctx.Err() != nil:
			return nil
		case err == nil:
			if told {
				told = false
				t.Conn.log.Info("reading the stream again", "stream", t.Stream, "after", t.at.Load())
			}
		case isFinal(err):
			return err
		case t.Conn.nc.IsClosed():
			return fmt.Errorf("read %s: %w", t.Stream, err)
		default:
			if errors.Is(err, nats.ErrTimeout) || errors.Is(err, context.DeadlineExceeded) {
				t.monitor.Lost()
			}
			next, confirmed = retryEvery, time.Time{}
			if !told {
				told = true
				t.Conn.log.Warn("cannot read a stream, retrying", "stream", t.Stream, "after", t.at.Load(), "err", err)
			}
		}
		wait.Reset(next)
	}
}

// listen subscribes to the bell of each filter.
func (t *Tail) listen() (all []*nats.Subscription, err error) {
	for _, f := range t.Filters {
		s, err := t.Conn.nc.Subscribe(topology.Bell(t.Stream, f), func(m *nats.Msg) {
			// The sequence is 0 if the headers are malformed.
			seq, _ := strconv.ParseUint(message.LastValue(m.Header, jetstream.SequenceHeader), 10, 64)
			for was := t.rung.Load(); seq > was && !t.rung.CompareAndSwap(was, seq); was = t.rung.Load() {
			}
			select {
			case t.ring <- struct{}{}:
			default: // a read is already pending
			}
		})
		if err != nil {
			return all, err
		}
		all = append(all, s)
	}
	return all, nil
}

// finalError is an error ending a reader.
type finalError struct{ error }

func (e finalError) Unwrap() error { return e.error }

func isFinal(err error) bool {
	var f finalError
	return errors.As(err, &f)
}

// drain reads and applies the available messages. If a bell announced a message the answering replica lacks, drain
// waits a moment for the replica, and then reads from the leader.
func (t *Tail) drain(ctx context.Context) error {
	began, pause := time.Now(), 2*time.Millisecond
	for {
		end, err := t.Conn.read(ctx, t.Stream, t.filter, t.position()+1, batchMessages, t.apply)
		if err != nil {
			return err
		}
		t.monitor.Heard()
		announced := t.rung.Load()
		switch {
		case end.more:
			continue
		case announced <= t.position():
			return nil
		case time.Since(began) >= lagPatience:
			return t.catchUp(ctx, announced)
		}
		wait.For(ctx, pause)
		if ctx.Err() != nil {
			return context.Cause(ctx)
		}
		pause *= 2
	}
}

// catchUp reads the messages up to a sequence from the leader. It also ends if the sequence never existed because a
// bell was forged.
func (t *Tail) catchUp(ctx context.Context, upTo uint64) error {
	for t.position() < upTo {
		m, err := t.Conn.LeaderNext(ctx, t.Stream, t.filter, t.position())
		if errors.Is(err, ErrNotFound) {
			break // replaced by a newer message, or expired
		}
		if err == nil {
			t.monitor.Heard()
			err = t.apply(m)
		}
		if err != nil {
			return err
		}
	}
	t.monitor.Heard()
	t.rung.CompareAndSwap(upTo, 0)
	return nil
}

// confirm asks the leader whether the stream is still the same, and whether all of it was read.
func (t *Tail) confirm(ctx context.Context) error {
	bounded, cancel := context.WithTimeout(ctx, answerTimeout)
	defer cancel()
	p, err := t.Conn.Position(bounded, t.Stream)
	if err != nil {
		return err
	}
	if !t.current && p.Heard > majorityWithin {
		return fmt.Errorf("the leader of %s has not heard from a majority of its replicas for %v",
			t.Stream, p.Heard.Round(time.Second))
	}
	if t.same.replaced(p, t.position(), t.Conn.tuning.SetBack, time.Now()) {
		return t.reset(p)
	}
	if !t.same.sound() {
		return nil
	}
	if t.goal == 0 {
		t.goal = p.Last
	}
	if t.position() < p.Last {
		next, err := t.Conn.NextAfter(bounded, t.Stream, t.filter, t.position())
		switch {
		case err != nil:
			return err
		case next == 0 || next > p.Last:
			t.floor.Store(p.Last)
			t.lagging = time.Time{}
		case t.lagging.IsZero():
			t.lagging = time.Now()
		case time.Since(t.lagging) >= lagPatience:
			t.lagging = time.Time{}
			if err := t.catchUp(ctx, p.Last); err != nil {
				return err
			}
		}
	}
	if !t.current && t.position() >= t.goal {
		t.current = true
		if t.Current != nil {
			t.Current()
		}
	}
	return nil
}

// reset starts over with another stream.
func (t *Tail) reset(p Position) error {
	err := fmt.Errorf("read %s: %w: message %d was read, the stream ends with %d, created %v", t.Stream, ErrReplaced,
		t.position(), p.Last, p.Created)
	if t.Reset == nil {
		return finalError{err}
	}
	t.Conn.log.Error("stream replaced or reverted, reading it from the beginning", "err", err)
	if err := t.Reset(); err != nil {
		return finalError{err}
	}
	t.same, t.origin = incarnation{}, origin{stream: t.Origin}
	t.goal, t.current, t.lagging = 0, false, time.Time{}
	t.floor.Store(0)
	t.at.Store(0)
	t.rung.Store(0)
	return nil
}

func (t *Tail) apply(m *Msg) error {
	if m.Seq <= t.at.Load() {
		return nil
	}
	if slices.ContainsFunc(t.Filters, func(f string) bool { return matches(f, m.Subject) }) {
		if err := t.applied(m); err != nil {
			return err
		}
		t.origin.read(t.Conn, m)
	}
	t.at.Store(m.Seq)
	return nil
}

// applied hands a message that matches a filter to Apply.
func (t *Tail) applied(m *Msg) error {
	if !slices.ContainsFunc(t.Filters, func(f string) bool { return matches(f, m.Subject) }) {
		return nil
	}
	t.Conn.unreadable.replaced(m.Stream, keyIn(m.Subject), m.Seq)
	t.monitor.Idle(true)
	err := t.Apply(m)
	t.monitor.Idle(false)
	if err != nil {
		return finalError{err}
	}
	return nil
}

// keyIn returns the key in the subject of a bucket's message, and any other subject unchanged.
func keyIn(subject string) string {
	if inBucket, ok := strings.CutPrefix(subject, "$KV."); ok {
		if _, key, ok := strings.Cut(inBucket, "."); ok {
			return key
		}
	}
	return subject
}

// Read returns the sequence up to which the stream was read: all matching messages up to it were applied. Unlike
// [Tail.At] it grows while the stream has only other messages.
func (t *Tail) Read() uint64 { return t.position() }

func (t *Tail) position() uint64 { return max(t.at.Load(), t.floor.Load()) }

// incarnation distinguishes a stream from another one of the same name.
type incarnation struct {
	created time.Time
	behind  time.Time // since when the stream's end has been before the last message read
}

func (i *incarnation) sound() bool { return i.behind.IsZero() }

// replaced reports whether the stream at p is a different one from the stream read up to sequence read. A stream that
// has ended before read for the duration setBack counts as reverted.
func (i *incarnation) replaced(p Position, read uint64, setBack time.Duration, now time.Time) bool {
	if i.created.IsZero() {
		i.created = p.Created
	}
	if !p.Created.Equal(i.created) {
		return true
	}
	if p.Last >= read {
		i.behind = time.Time{}
		return false
	}
	if i.behind.IsZero() {
		i.behind = now
	}
	return now.Sub(i.behind) >= setBack
}

// cover returns a filter matching every subject matched by one of filters, and possibly more.
func cover(filters []string) string {
	if len(filters) == 0 {
		return ">"
	}
	all := strings.Split(filters[0], ".")
	for _, f := range filters[1:] {
		tokens := strings.Split(f, ".")
		for i := range all {
			if all[i] == ">" || i >= len(tokens) || tokens[i] == ">" {
				all, tokens = append(all[:i], ">"), nil
				break
			}
			if all[i] != tokens[i] {
				all[i] = "*"
			}
		}
		if len(tokens) > len(all) {
			all[len(all)-1] = ">"
		}
	}
	return strings.Join(all, ".")
}

// matches reports whether a filter matches a subject.
func matches(filter, subject string) bool {
	for {
		f, restOfFilter, moreFilter := strings.Cut(filter, ".")
		s, restOfSubject, moreSubject := strings.Cut(subject, ".")
		switch {
		case f == ">":
			return true
		case f != "*" && f != s, moreFilter != moreSubject:
			return false
		case !moreFilter:
			return true
		}
		filter, subject = restOfFilter, restOfSubject
	}
}
