package bus

import (
	"context"
	"errors"
	"fmt"
	"math/rand/v2"
	"sync"
	"time"

	"github.com/nats-io/nats.go"
)

const (
	// spareWorkers wait for messages while others work, so that a burst finds requests open.
	spareWorkers = 4
	// retryPull is how long after a failed request the next one is sent, and as much again at most.
	retryPull = 250 * time.Millisecond
	// repeatWarning is how often a failure that lasts is logged.
	repeatWarning = 10 * time.Second
)

// workers are the goroutines of a stage. There are as many as there is work for: each takes one message at a
// time, so that none waits out its claim behind a slow one, and while there is nothing to do one of them asks.
type workers struct {
	*stage
	pulls   *pulls
	monitor *Monitor
	ctx     context.Context // its end ends the taking of messages
	work    context.Context // of the handlers

	mu      sync.Mutex
	all     int // workers that run
	busy    int // those that handle a message
	running sync.WaitGroup
	warned  time.Time
}

// run takes and handles messages until ctx ends and every handler has returned.
func (s *stage) run(ctx, work context.Context) {
	p, err := s.conn.pulls(s.Stream, s.Consumer)
	for ; err != nil; p, err = s.conn.pulls(s.Stream, s.Consumer) {
		s.conn.log.Error("stage cannot take messages", "stage", s.Name, "stream", s.Stream, "err", err)
		if sleep(ctx, time.Second); ctx.Err() != nil {
			return
		}
	}
	defer p.drain(s.conn)
	w := &workers{stage: s, pulls: p, monitor: s.conn.Monitor(s.Name), ctx: ctx, work: work}
	defer w.monitor.Close()
	w.mu.Lock()
	w.grow()
	w.mu.Unlock()
	<-ctx.Done()
	w.running.Wait()
}

// grow starts workers until enough of them wait for messages. The lock is held.
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

// leave ends a worker that was given nothing, unless it is the last one that asks.
func (w *workers) leave() bool {
	w.mu.Lock()
	defer w.mu.Unlock()
	if w.all-w.busy <= 1 {
		return false
	}
	w.all--
	return true
}

// take asks for one message; it returns nil where there was none.
func (w *workers) take() (*delivery, error) {
	if !w.conn.nc.IsConnected() {
		// A request that waits for the connection in the client would come when nobody waits for it any more.
		sleep(w.ctx, retryPull)
		return nil, nil
	}
	r, err := w.pulls.send(pullRequest{Batch: 1})
	if err != nil {
		return nil, err
	}
	defer r.end()
	m, err := r.read(w.ctx)
	switch {
	case err == nil:
		w.monitor.Heard()
		return newDelivery(w.conn.nc, m)
	case errors.Is(err, errPullEnded):
		w.monitor.Heard()
		return nil, nil
	case errors.Is(err, errPullLost):
		w.monitor.Lost()
		return nil, err
	}
	return nil, err
}

// retry logs a failure and waits for a moment. A request that was lost is followed by the next at once.
func (w *workers) retry(err error) {
	w.mu.Lock()
	warn := time.Since(w.warned) >= repeatWarning
	if warn {
		w.warned = time.Now()
	}
	w.mu.Unlock()
	if warn {
		w.conn.log.Warn("stage cannot take messages, trying again", "stage", w.Name, "stream", w.Stream,
			"consumer", w.Consumer, "err", w.explain(err))
	}
	if !errors.Is(err, errPullLost) {
		sleep(w.ctx, retryPull+rand.N(retryPull))
	}
}

// explain finds out why nobody answers for a consumer.
func (w *workers) explain(err error) error {
	if !errors.Is(err, nats.ErrNoResponders) {
		return err
	}
	if _, missing := w.conn.JetStreamOf(w.Stream).Consumer(w.ctx, w.Stream, w.Consumer); missing != nil {
		return missing
	}
	return fmt.Errorf("the consumer has no leader: %w", err)
}
