package bus

import (
	"cmp"
	"context"
	"errors"
	"fmt"
	"runtime/debug"
	"sync"
	"time"

	"github.com/nats-io/nats.go"
	"go.opentelemetry.io/otel/codes"
	"plumbline.dev/bus/topology"
	"plumbline.dev/proto"
)

// Handler handles one message. What it returns decides what becomes of the message: nil acknowledges it,
// a [Permanent] error sends it to the dead letters, and any other has it redelivered with a delay, until
// [Stage.Attempts] is used up. A panic is an error. The handler may take as long as it needs: its claim
// on the message is renewed while it works.
type Handler func(ctx context.Context, m *Msg) error

// Stage is a kind of work and where it comes from.
type Stage struct {
	Name     string // in dead letters, logs and metrics
	Stream   string
	Consumer string
	Workers  int // messages handled at once; 0 means 1
	// Attempts is how often a message is tried before it goes to the dead letters; 0 means 5.
	Attempts int
	// Bury, where it is set, is called before a message goes to the dead letters: a batch leaves a failed
	// poll behind. An error from it keeps the message.
	Bury func(ctx context.Context, m *Msg, why error) error
	// Observe, where it is set, is told of each handled message: how long it took, and the error.
	Observe func(took time.Duration, err error)
	// Grace is how long handlers may go on after ctx has ended; 0 means 3 s.
	Grace time.Duration
}

// hardLimit is when a message is given up that this process never tried: it has ended every process that
// did. A message of a newer version comes back every [newerDelay], so this is days away for it.
const (
	hardLimit  = 1000
	newerDelay = 5 * time.Minute
)

// Consume handles the messages of a stage until ctx ends, then lets the handlers that run finish within
// the stage's grace; a message that was not finished is redelivered. It outlives lost connections and a
// consumer that is not there yet. The error is nil unless the stage itself is wrong, or the connection was closed
// while ctx had not ended, as the server does with revoked or expired credentials.
func (c *Conn) Consume(ctx context.Context, s Stage, h Handler) error {
	if s.Name == "" || s.Stream == "" || s.Consumer == "" {
		return fmt.Errorf("a stage needs a name, a stream and a consumer: %+v", s)
	}
	s.Workers, s.Attempts = max(s.Workers, 1), cmp.Or(s.Attempts, 5)
	s.Grace = cmp.Or(s.Grace, 3*time.Second)
	// Handlers run on a context of their own, so that the end of ctx lets them finish.
	work, abort := context.WithCancelCause(context.WithoutCancel(ctx))
	defer abort(context.Canceled)
	st := &stage{Stage: s, conn: c, handle: h, failed: map[uint64]int{}}
	takes, stop := context.WithCancel(ctx)
	defer stop()
	go func() {
		if c.awaitClosed(takes) {
			stop()
		}
	}()
	done := make(chan struct{})
	go func() { defer close(done); st.run(takes, work) }()
	<-takes.Done()
	select {
	case <-done:
	case <-time.After(s.Grace):
		abort(fmt.Errorf("stage %s did not finish within %v of its end", s.Name, s.Grace))
		<-done
	}
	if ctx.Err() == nil {
		return fmt.Errorf("stage %s: %w", s.Name, c.closed())
	}
	return nil
}

type stage struct {
	Stage
	conn   *Conn
	handle Handler
	mu     sync.Mutex
	failed map[uint64]int // by sequence: attempts that failed in this process
}

// settle handles a message and tells the server what becomes of it.
func (s *stage) settle(work context.Context, d *delivery) {
	m, start := d.Msg, time.Now()
	var err error
	if why := s.exhausted(m); why != nil {
		err = Permanent(why)
	} else {
		err = s.attempt(work, d)
	}
	if s.Observe != nil {
		s.Observe(time.Since(start), err)
	}
	log := s.conn.log.With("stage", s.Name, "subject", m.Subject, "seq", m.Seq, "delivered", m.Delivered)
	ctx, cancel := context.WithTimeout(context.WithoutCancel(work), publishTimeout)
	defer cancel()
	switch {
	case err == nil:
		s.forget(m.Seq)
		// An acknowledgement that is lost costs a redelivery; the fences of what was written make that harmless.
		if err := d.ack(ctx); err != nil {
			log.Warn("acknowledgement was not confirmed", "err", err)
		}
	case errors.Is(err, errNewer):
		log.Warn("message waits for a newer reader", "err", err)
		d.retryIn(newerDelay)
	case work.Err() != nil && !IsPermanent(err):
		// Cut short by the end of the stage: no attempt of the message's, and another may have it at once.
		log.Info("message is left to another", "err", err)
		d.giveBack()
	case IsPermanent(err) || s.fail(m.Seq) >= s.Attempts:
		if dead := s.bury(ctx, m, err); dead != nil {
			log.Error("cannot write a dead letter, keeping the message", "err", dead, "why", err)
			d.retryIn(5 * time.Second)
			return
		}
		log.Error("message given up, see the dead letters", "err", err)
		s.forget(m.Seq)
		d.terminate(oneLine(err.Error()))
	default:
		log.Warn("message will be tried again", "err", err)
		d.retryIn(retryDelay(m.Delivered))
	}
}

// exhausted is why a message is not even tried: this process failed at it before and it was handed out
// more often than it may, or no process ever finished it.
func (s *stage) exhausted(m *Msg) error {
	s.mu.Lock()
	tried := s.failed[m.Seq] > 0
	s.mu.Unlock()
	if (tried && m.Delivered > s.Attempts) || m.Delivered > hardLimit {
		return fmt.Errorf("not handled after %d deliveries", m.Delivered-1)
	}
	return nil
}

func (s *stage) fail(seq uint64) int {
	s.mu.Lock()
	defer s.mu.Unlock()
	if len(s.failed) > 10_000 {
		clear(s.failed) // a bound on memory; at worst a few more attempts
	}
	s.failed[seq]++
	return s.failed[seq]
}

func (s *stage) forget(seq uint64) {
	s.mu.Lock()
	delete(s.failed, seq)
	s.mu.Unlock()
}

// attempt runs the handler and renews the claim on the message while it runs.
func (s *stage) attempt(work context.Context, d *delivery) (err error) {
	m := d.Msg
	stop := make(chan struct{})
	defer close(stop)
	go func() {
		beat := time.NewTicker(topology.AckWait / 3)
		defer beat.Stop()
		for {
			select {
			case <-beat.C:
				d.renew()
			case <-stop:
				return
			}
		}
	}()
	ctx, span := s.conn.handling(work, s.Name, m)
	defer func() {
		if p := recover(); p != nil {
			err = fmt.Errorf("panic: %v", p)
			s.conn.log.Error("a handler panicked", "stage", s.Name, "subject", m.Subject, "panic", p, "stack", string(debug.Stack()))
		}
		if err != nil {
			span.SetStatus(codes.Error, err.Error())
		}
		span.End()
	}()
	return s.handle(ctx, m)
}

func (s *stage) bury(ctx context.Context, m *Msg, why error) error {
	if s.Bury != nil {
		if err := s.Bury(ctx, m, why); err != nil {
			return err
		}
	}
	_, err := s.conn.Publish(ctx, Outgoing{
		Subject: topology.Dead(s.Name, topology.AccountOf(m.Subject)),
		MsgID:   fmt.Sprintf("%s:%s:%d", s.Name, m.Stream, m.Seq),
		Body: &proto.DeadLetter{Stage: s.Name, Stream: m.Stream, Seq: m.Seq, Subject: m.Subject, Delivered: m.Delivered,
			Reason: why.Error(), At: proto.At(time.Now()), Header: m.Header, Data: m.Data},
	})
	if errors.Is(err, nats.ErrMaxPayload) {
		// A message at the size limit does not fit into a letter about it; what and why still do.
		_, err = s.conn.Publish(ctx, Outgoing{
			Subject: topology.Dead(s.Name, topology.AccountOf(m.Subject)),
			Body: &proto.DeadLetter{Stage: s.Name, Stream: m.Stream, Seq: m.Seq, Subject: m.Subject, Delivered: m.Delivered,
				Reason: why.Error() + " (the body was too large to keep)", At: proto.At(time.Now()), Header: m.Header},
		})
	}
	return err
}

// retryDelay grows with the deliveries: half a second, one, two, up to fifteen.
func retryDelay(delivered int) time.Duration {
	return min(15*time.Second, 500*time.Millisecond<<min(max(delivered-1, 0), 10))
}

func oneLine(s string) string {
	b := []byte(s[:min(len(s), 200)])
	for i, c := range b {
		if c < ' ' {
			b[i] = ' '
		}
	}
	return string(b)
}

func sleep(ctx context.Context, d time.Duration) {
	select {
	case <-ctx.Done():
	case <-time.After(d):
	}
}
