package stage

import (
	"context"
	"errors"
	"fmt"
	"math/rand/v2"
	"sync"
	"time"

	"plumbline.dev/bus"
	"plumbline.dev/bus/internal/pull"
	"plumbline.dev/bus/internal/wait"
)

const (
	// spareWorkers is the number of workers waiting for messages while others are busy, so a burst finds open
	// requests.
	spareWorkers = 4
	// repeatWarning is the interval between log entries about a lasting failure.
	repeatWarning = 10 * time.Second
)

// workers runs the goroutines of a stage. Their number follows the load. Each takes one message at a time, so no
// message spends its acknowledgement deadline waiting behind a slow one. An idle stage has a single open request.
type workers struct {
	*runner
	requests *pull.Requests
	monitor  *bus.Monitor
	ctx      context.Context // its end stops the taking of messages
	work     context.Context // of the handlers

	mu      sync.Mutex
	all     int // running workers
	busy    int // workers handling a message
	running sync.WaitGroup
	warned  time.Time
}

// open opens the requests to a consumer.
func open(c *bus.Conn, stream, consumer string) (*pull.Requests, error) {
	return pull.Open(c.NATS(), c.Tuning(), stream, consumer)
}

// run takes and handles messages until ctx has ended and all handlers have returned.
func (s *runner) run(ctx, work context.Context) {
	p, err := open(s.conn, s.Stream, s.Consumer)
	for ; err != nil; p, err = open(s.conn, s.Stream, s.Consumer) {
		s.conn.Log().Error("stage cannot take messages", "stage", s.Name, "stream", s.Stream, "err", err)
		if wait.For(ctx, time.Second); ctx.Err() != nil {
			return
		}
	}
	defer p.Drain(s.conn.Background)
	w := &workers{runner: s, requests: p, monitor: s.conn.Monitor(s.Name), ctx: ctx, work: work}
	defer w.monitor.Close()
	w.mu.Lock()
	w.grow()
	w.mu.Unlock()
	<-ctx.Done()
	w.running.Wait()
}

// grow starts workers until enough are waiting for messages. The caller holds the lock.
func (w *workers) grow() {
	for w.all < w.Workers && w.all-w.busy < min(spareWorkers, w.Workers) && w.ctx.Err() == nil {
		w.all++
		w.running.Go(w.worker)
	}
	w.monitor.Idle(w.all == w.busy)
}

func (w *workers) worker() {
	for w.ctx.Err() == nil {
		d, err := w.take()
		switch {
		case d != nil:
			w.began()
			w.settle(w.work, d)
			w.finished()
		case err == nil:
			if w.leave() {
				return
			}
		case w.ctx.Err() == nil:
			w.retry(err)
		}
	}
}

func (w *workers) began() {
	w.mu.Lock()
	defer w.mu.Unlock()
	w.busy++
	w.grow()
}

func (w *workers) finished() {
	w.mu.Lock()
	defer w.mu.Unlock()
	w.busy--
	w.monitor.Idle(false)
}

// leave reports whether an idle worker should exit: all idle workers but one do.
func (w *workers) leave() bool {
	w.mu.Lock()
	defer w.mu.Unlock()
	if w.all-w.busy <= 1 {
		return false
	}
	w.all--
	return true
}

// take requests one message and returns nil if there is none.
func (w *workers) take() (*pull.Delivery, error) {
	if !w.conn.Connected() {
		// A request buffered by the disconnected client would be sent after its worker has stopped waiting.
		wait.For(w.ctx, pull.Retry)
		return nil, nil
	}
	r, err := w.requests.Send(1)
	if err != nil {
		return nil, err
	}
	defer r.End()
	m, err := r.Read(w.ctx)
	switch {
	case err == nil:
		w.monitor.Heard()
		return pull.NewDelivery(w.conn.NATS(), m)
	case errors.Is(err, pull.ErrEnded):
		w.monitor.Heard()
		return nil, nil
	case errors.Is(err, pull.ErrLost):
		w.monitor.Lost()
		return nil, err
	}
	return nil, err
}

// retry logs a failure and waits a moment. A lost request is repeated without waiting.
func (w *workers) retry(err error) {
	w.mu.Lock()
	warn := time.Since(w.warned) >= repeatWarning
	if warn {
		w.warned = time.Now()
	}
	w.mu.Unlock()
	if warn {
		w.conn.Log().Warn("stage cannot take messages, retrying", "stage", w.Name, "stream", w.Stream,
			"consumer", w.Consumer, "err", w.explain(err))
	}
	if !errors.Is(err, pull.ErrLost) {
		wait.For(w.ctx, pull.Retry+rand.N(pull.Retry))
	}
}

// explain returns the reason for a request to a consumer without responders.
func (w *workers) explain(err error) error {
	if !errors.Is(err, bus.ErrNoResponders) {
		return err
	}
	if _, missing := w.conn.JetStreamOf(w.Stream).Consumer(w.ctx, w.Stream, w.Consumer); missing != nil {
		return missing
	}
	return fmt.Errorf("the consumer has no leader: %w", err)
}
