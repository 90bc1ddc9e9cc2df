package stage

import (
	"cmp"
	"context"
	"errors"
	"fmt"
	"runtime/debug"
	"sync"
	"time"

	"go.opentelemetry.io/otel/codes"
	"plumbline.dev/bus"
	"plumbline.dev/bus/internal/pull"
	"plumbline.dev/bus/message"
	"plumbline.dev/bus/topology"
	"plumbline.dev/proto"
)

// Handler handles one message. If it returns nil, the message is acknowledged. If it returns a [bus.Permanent] error,
// the message becomes a dead letter. After any other error, or a panic, the message is redelivered with a delay, until
// [Stage.Attempts] is exhausted. A handler may run for any length of time: the message's acknowledgement deadline is
// extended while it runs.
type Handler func(ctx context.Context, m *bus.Msg) error

// Stage describes a processing stage: its source of messages and its limits.
type Stage struct {
	Name     string // in dead letters, logs and metrics
	Stream   string
	Consumer string
	Workers  int // messages handled at once; 0 means 1
	// Attempts is the number of attempts before a message becomes a dead letter; 0 means 5.
	Attempts int
	// Bury, if not nil, is called before a message becomes a dead letter; the fetcher uses it to record a failed
	// poll. If it returns an error, the message is kept.
	Bury func(ctx context.Context, m *bus.Msg, why error) error
	// Observe, if not nil, is called after each handled message with the duration and the error.
	Observe func(took time.Duration, err error)
	// Grace is how long handlers may continue after ctx has ended; 0 means 3 s.
	Grace time.Duration
}

// hardLimit is the number of deliveries after which a message is given up even if this process never tried it:
// presumably it crashed every process handling it. A message of a newer version is redelivered every [newerDelay] and
// thus reaches the limit only after days.
const (
	hardLimit  = 1000
	newerDelay = 5 * time.Minute
)

// Consume handles the messages of a stage until ctx ends. Running handlers may then finish within the grace period;
// unfinished messages are redelivered. Consume survives lost connections and waits for a consumer still to be
// created. It returns an error if the stage is invalid, or if the connection is closed before ctx ends, for instance
// by the server because the credentials expired or were revoked.
func Consume(ctx context.Context, c *bus.Conn, s Stage, h Handler) error {
	if s.Name == "" || s.Stream == "" || s.Consumer == "" {
		return fmt.Errorf("stage requires a name, a stream and a consumer: %+v", s)
	}
	s.Workers, s.Attempts = max(s.Workers, 1), cmp.Or(s.Attempts, 5)
	s.Grace = cmp.Or(s.Grace, 3*time.Second)
	// Handlers run with a separate context, so they can finish after ctx has ended.
	work, abort := context.WithCancelCause(context.WithoutCancel(ctx))
	defer abort(context.Canceled)
	r := &runner{Stage: s, conn: c, handle: h, failed: map[uint64]int{}}
	takes, stop := context.WithCancel(ctx)
	defer stop()
	go func() {
		if c.AwaitClosed(takes) {
			stop()
		}
	}()
	done := make(chan struct{})
	go func() { defer close(done); r.run(takes, work) }()
	<-takes.Done()
	select {
	case <-done:
	case <-time.After(s.Grace):
		abort(fmt.Errorf("stage %s: handlers did not finish within the grace period of %v", s.Name, s.Grace))
		<-done
	}
	if ctx.Err() == nil {
		return fmt.Errorf("stage %s: %w", s.Name, c.CloseReason())
	}
	return nil
}

// runner runs a stage.
type runner struct {
	Stage
	conn   *bus.Conn
	handle Handler
	mu     sync.Mutex
	failed map[uint64]int // failed attempts in this process, by sequence
}

// settleTimeout limits the acknowledgement of a message, and the writing of a dead letter.
const settleTimeout = 10 * time.Second

// settle handles a message and reports the outcome to the server.
func (s *runner) settle(work context.Context, d *pull.Delivery) {
	m, start := d.Msg, time.Now()
	var err error
	if why := s.exhausted(m); why != nil {
		err = bus.Permanent(why)
	} else {
		err = s.attempt(work, d)
	}
	if s.Observe != nil {
		s.Observe(time.Since(start), err)
	}
	log := s.conn.Log().With("stage", s.Name, "subject", m.Subject, "seq", m.Seq, "delivered", m.Delivered)
	ctx, cancel := context.WithTimeout(context.WithoutCancel(work), settleTimeout)
	defer cancel()
	switch {
	case err == nil:
		s.forget(m.Seq)
		// A lost acknowledgement causes a redelivery, which is harmless: writes are fenced by expected sequences.
		if err := d.Ack(ctx); err != nil {
			log.Warn("acknowledgement was not confirmed", "err", err)
		}
	case errors.Is(err, message.ErrNewer):
		log.Warn("message has a newer version, redelivering later", "err", err)
		d.RetryIn(newerDelay)
	case work.Err() != nil && !bus.IsPermanent(err):
		// The shutdown of the stage interrupted the handler. This is not a failed attempt, and another process may
		// take the message at once.
		log.Info("handler interrupted by shutdown, returning the message", "err", err)
		d.GiveBack()
	case bus.IsPermanent(err) || s.fail(m.Seq) >= s.Attempts:
		if dead := s.bury(ctx, m, err); dead != nil {
			log.Error("cannot publish a dead letter, keeping the message", "err", dead, "why", err)
			d.RetryIn(5 * time.Second)
			return
		}
		log.Error("message given up, moved to the dead letters", "err", err)
		s.forget(m.Seq)
		d.Terminate(oneLine(err.Error()))
	default:
		log.Warn("handling failed, redelivering the message", "err", err)
		d.RetryIn(retryDelay(m.Delivered))
	}
}

// exhausted returns an error if a message must not be tried again: either this process failed at it before and its
// deliveries exceed the limit, or no process ever finished it.
func (s *runner) exhausted(m *bus.Msg) error {
	s.mu.Lock()
	tried := s.failed[m.Seq] > 0
	s.mu.Unlock()
	if (tried && m.Delivered > s.Attempts) || m.Delivered > hardLimit {
		return fmt.Errorf("not handled after %d deliveries", m.Delivered-1)
	}
	return nil
}

func (s *runner) fail(seq uint64) int {
	s.mu.Lock()
	defer s.mu.Unlock()
	if len(s.failed) > 10_000 {
		clear(s.failed) // bounds the memory; at worst a message gets a few more attempts
	}
	s.failed[seq]++
	return s.failed[seq]
}

func (s *runner) forget(seq uint64) {
	s.mu.Lock()
	delete(s.failed, seq)
	s.mu.Unlock()
}

// attempt runs the handler and extends the message's acknowledgement deadline while it runs.
func (s *runner) attempt(work context.Context, d *pull.Delivery) (err error) {
	m := d.Msg
	stop := make(chan struct{})
	defer close(stop)
	go func() {
		beat := time.NewTicker(s.conn.Tuning().AckWait / 3)
		defer beat.Stop()
		for {
			select {
			case <-beat.C:
				d.Renew()
			case <-stop:
				return
			}
		}
	}()
	ctx, span := s.conn.StartSpan(work, s.Name, m)
	defer func() {
		if p := recover(); p != nil {
			err = fmt.Errorf("panic: %v", p)
			s.conn.Log().Error("handler panicked", "stage", s.Name, "subject", m.Subject, "panic", p,
				"stack", string(debug.Stack()))
		}
		if err != nil {
			span.SetStatus(codes.Error, err.Error())
		}
		span.End()
	}()
	return s.handle(ctx, m)
}

func (s *runner) bury(ctx context.Context, m *bus.Msg, why error) error {
	if s.Bury != nil {
		if err := s.Bury(ctx, m, why); err != nil {
			return err
		}
	}
	_, err := s.conn.Publish(ctx, bus.Outgoing{
		Subject: topology.Dead(s.Name, topology.AccountOf(m.Subject)),
		MsgID:   fmt.Sprintf("%s:%s:%d", s.Name, m.Stream, m.Seq),
		Body: &proto.DeadLetter{Stage: s.Name, Stream: m.Stream, Seq: m.Seq, Subject: m.Subject, Delivered: m.Delivered,
			Reason: why.Error(), At: proto.At(time.Now()), Header: m.Header, Data: m.Data},
	})
	if errors.Is(err, bus.ErrTooLarge) {
		// A message at the size limit does not fit into a dead letter. The letter without the body still has the
		// metadata and the reason.
		_, err = s.conn.Publish(ctx, bus.Outgoing{
			Subject: topology.Dead(s.Name, topology.AccountOf(m.Subject)),
			Body: &proto.DeadLetter{Stage: s.Name, Stream: m.Stream, Seq: m.Seq, Subject: m.Subject, Delivered: m.Delivered,
				Reason: why.Error() + " (the body was too large to keep)", At: proto.At(time.Now()), Header: m.Header},
		})
	}
	return err
}

// retryDelay doubles with each delivery: from 0.5 s to at most 15 s.
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
