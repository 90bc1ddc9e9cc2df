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
	"plumbline.dev/bus/topology"
)

// ErrReplaced is returned by a reader whose stream was replaced by another one or set back to an older state:
// what was read of it may be gone.
var ErrReplaced = errors.New("the stream was replaced, or set back to an older state")

// Tail reads the messages of a stream, in order, and then each later one. It needs no consumer: it reads by
// sequence, with batched direct gets, when the stream's bell rings ([topology.Bell]) and about once a second
// anyway, so a lost bell delays a message by a second. Of a stream that keeps the newest message of each subject
// it reads the newest. Its exported fields are set before Run.
type Tail struct {
	Conn    *Conn
	Stream  string
	Filters []string // the subjects to read
	After   uint64   // the sequence to begin after
	// Apply is called with each message, one at a time. An error ends Run and is returned.
	Apply func(*Msg) error
	// Current, where it is set, is called once, after everything has been applied that the stream's leader held
	// when Run began.
	Current func()
	// Reset, where it is set, is called if the stream was replaced or set back; the stream is then read anew from
	// its beginning, and Current is called again. Without it, Run returns [ErrReplaced].
	Reset func() error

	at      atomic.Uint64 // the last message that was read
	monitor *Monitor      // idle while Apply works

	filter  string // one that matches whatever Filters match
	floor   uint64 // up to here the stream holds nothing that was not read
	rung    atomic.Uint64
	ring    chan struct{}
	current bool
	goal    uint64    // Current is called once everything up to here was read; 0 before it is known
	lagging time.Time // since when a replica has not delivered what the leader holds; zero if it has
	same    incarnation
}

const (
	// pollEvery is how often a stream is read though no bell rang.
	pollEvery = time.Second
	// confirmEvery is how often the stream's leader is asked: it detects a stream that was set back, and a replica
	// that answers and is behind for long.
	confirmEvery = 10 * time.Second
	// retryEvery is how soon after a failure a stream is read again.
	retryEvery = 250 * time.Millisecond
	// soon is when a reader that lacks something looks again.
	soon = 10 * time.Millisecond
	// majorityWithin is how recently a leader must have heard from a majority of its replicas for a reader to be
	// current: one that is cut off goes on answering.
	majorityWithin = 3 * time.Second
	// lagPatience is how long a replica may take to hold what the bell announced, before the leader is asked.
	lagPatience = 200 * time.Millisecond
)

// At is the sequence of the last message that was read: everything up to it that matches was applied.
func (t *Tail) At() uint64 { return t.at.Load() }

// Run reads until ctx ends, which is no error. It outlives lost connections and a stream that is not there yet.
// It ends with an error if Apply or Reset returns one, if the connection was closed, or with [ErrReplaced]. It
// may be run again after it ended, and continues after the last message.
func (t *Tail) Run(ctx context.Context) error {
	t.filter, t.ring = cover(t.Filters), make(chan struct{}, 1)
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
			confirmed = time.Time{} // another server, perhaps, or one that was restored
		case <-t.ring:
		case <-wait.C:
		}
		next, err := pollEvery, t.drain(ctx)
		if err == nil && (!t.current || time.Since(confirmed) >= confirmEvery) {
			err = t.confirm(ctx)
			if err == nil && t.current && t.same.sound() && t.lagging.IsZero() {
				confirmed = time.Now()
			}
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
				t.Conn.log.Info("stream is read again", "stream", t.Stream, "after", t.at.Load())
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
			// It is 0 where the headers cannot be read.
			seq, _ := strconv.ParseUint(lastValue(m.Header, jetstream.SequenceHeader), 10, 64)
			for was := t.rung.Load(); seq > was && !t.rung.CompareAndSwap(was, seq); was = t.rung.Load() {
			}
			select {
			case t.ring <- struct{}{}:
			default: // it will be read anyway
			}
		})
		if err != nil {
			return all, err
		}
		all = append(all, s)
	}
	return all, nil
}

// finalError is an error that ends a reader.
type finalError struct{ error }

func (e finalError) Unwrap() error { return e.error }

func isFinal(err error) bool {
	var f finalError
	return errors.As(err, &f)
}

// drain reads and applies what there is. Where a bell has announced more than the replica holds that answers, it
// waits a moment for it, and then reads from the leader.
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
		sleep(ctx, pause)
		if ctx.Err() != nil {
			return context.Cause(ctx)
		}
		pause *= 2
	}
}

// catchUp reads from the leader what there is up to a sequence. A bell that nobody rang, with a sequence that
// never comes, ends here.
func (t *Tail) catchUp(ctx context.Context, upTo uint64) error {
	for t.position() < upTo {
		m, err := t.Conn.leaderNext(ctx, t.Stream, t.filter, t.position())
		if errors.Is(err, ErrNotFound) {
			break // it was replaced meanwhile, or expired
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

// confirm asks the leader whether the stream is still the one that was read, and whether everything was.
func (t *Tail) confirm(ctx context.Context) error {
	bounded, cancel := context.WithTimeout(ctx, answerTimeout)
	defer cancel()
	p, err := t.Conn.Position(bounded, t.Stream)
	if err != nil {
		return err
	}
	if !t.current && p.Heard > majorityWithin {
		return fmt.Errorf("the leader of %s has not heard from a majority of its replicas for %v", t.Stream, p.Heard.Round(time.Second))
	}
	if t.same.replaced(p, t.position(), time.Now()) {
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
			t.floor, t.lagging = p.Last, time.Time{}
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

// reset begins anew with another stream.
func (t *Tail) reset(p Position) error {
	err := fmt.Errorf("read %s: %w: message %d was read, the stream ends with %d, created %v", t.Stream, ErrReplaced,
		t.position(), p.Last, p.Created)
	if t.Reset == nil {
		return finalError{err}
	}
	t.Conn.log.Error("reading the stream anew", "err", err)
	if err := t.Reset(); err != nil {
		return finalError{err}
	}
	t.same = incarnation{}
	t.floor, t.goal, t.current, t.lagging = 0, 0, false, time.Time{}
	t.at.Store(0)
	t.rung.Store(0)
	return nil
}

func (t *Tail) apply(m *Msg) error {
	if m.Seq <= t.at.Load() {
		return nil
	}
	if slices.ContainsFunc(t.Filters, func(f string) bool { return matches(f, m.Subject) }) {
		t.Conn.unreadable.replaced(t.Stream, keyIn(m.Subject), m.Seq)
		t.monitor.Idle(true)
		err := t.Apply(m)
		t.monitor.Idle(false)
		if err != nil {
			return finalError{err}
		}
	}
	t.at.Store(m.Seq)
	return nil
}

// keyIn is the key of a bucket in a subject, or else the subject.
func keyIn(subject string) string {
	if inBucket, ok := strings.CutPrefix(subject, "$KV."); ok {
		if _, key, ok := strings.Cut(inBucket, "."); ok {
			return key
		}
	}
	return subject
}

// position is the sequence up to which everything was read.
func (t *Tail) position() uint64 { return max(t.at.Load(), t.floor) }

// incarnation tells a stream from another one of the same name.
type incarnation struct {
	created time.Time
	behind  time.Time // since when the stream's end has been before what was read of it
}

// setBack is for how long a leader may be behind what was read, before the stream counts as set back: one that
// was just elected may not have applied everything yet.
const setBack = 5 * time.Second

func (i *incarnation) sound() bool { return i.behind.IsZero() }

// replaced reports whether the stream at p is not the one of which everything up to read was read.
func (i *incarnation) replaced(p Position, read uint64, now time.Time) bool {
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

// cover is a filter that matches whatever one of filters matches, and perhaps more.
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
