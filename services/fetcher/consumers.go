package fetcher

import (
	"context"
	"sync"
	"time"

	"plumbline.dev/bus"
	"plumbline.dev/bus/stage"
	"plumbline.dev/bus/topology"
	"plumbline.dev/proto"
	"plumbline.dev/services/internal/catalog"
)

// retryReconcile is the wait before a failed creation or removal of a consumer is retried.
const retryReconcile = time.Second

// consumers keeps one durable consumer, and the workers on it, for each polled integration. Every fetcher does the same
// work, and doing it twice is harmless.
type consumers struct {
	*Service
	running map[ref]*running
	// gone are removed integrations with leftovers to clear.
	gone map[ref]bool
	// suspects are owners of batches or consumers missing from the catalog at the last sweep.
	suspects map[ref]bool
	stages   sync.WaitGroup
}

// waitingWorkers wait for a batch while the others work, so the server can deliver the next batch at the moment of an
// acknowledgement. They add no calls: the consumer's limit bounds those.
const waitingWorkers = 4

// running is the workers of one integration.
type running struct {
	limit int
	stop  context.CancelFunc // takes no more batches
	abort context.CancelFunc // cancels the calls under way
}

// run reconciles until ctx ends, then waits for the calls under way.
func (c *consumers) run(ctx context.Context) error {
	c.running, c.gone, c.suspects = map[ref]*running{}, map[ref]bool{}, map[ref]bool{}
	defer c.stages.Wait()
	sweep := c.clock.After(0)
	for {
		changed := c.catalog.Changed()
		var again <-chan time.Time
		if !c.reconcile(ctx) || !c.clear(ctx) {
			again = c.clock.After(retryReconcile)
		}
		select {
		case <-ctx.Done():
			return nil
		case <-changed:
		case <-again:
		case <-sweep:
			c.sweep(ctx)
			sweep = c.clock.After(c.cfg.Sweep)
		}
	}
}

// reconcile starts, restarts and stops workers according to the catalog; it returns false if something has to be
// retried.
func (c *consumers) reconcile(ctx context.Context) bool {
	done := true
	wanted := map[ref]bool{}
	var polled []proto.ID
	for _, rec := range c.catalog.Integrations() {
		// A paused integration keeps its consumer: the rest of its last tick is dropped through it.
		if rec.Value.Type != proto.TypeCustomS2S {
			continue
		}
		of := ref{rec.Account, rec.Value.ID}
		wanted[of] = true
		delete(c.gone, of)
		if rec.Value.Polled() {
			polled = append(polled, of.id)
		}
		if r := c.running[of]; r != nil && r.limit == rec.Value.Limit() {
			continue
		}
		if err := c.start(ctx, of, rec); err != nil {
			c.log.Warn("cannot make the consumer of an integration's batches, trying again", "account", of.account,
				"integration", of.id, "err", err)
			done = false
		}
	}
	c.gate.polled(polled)
	for of, r := range c.running {
		if wanted[of] {
			continue
		}
		c.log.Info("the integration is gone, its calls are given up", "account", of.account, "integration", of.id)
		r.stop()
		r.abort()
		delete(c.running, of)
		c.gone[of] = true
		c.targets.forget(of)
		c.caller.pauses.forget(of)
		c.reports.forget(of.id)
		c.metrics.forget(of.id)
	}
	return done
}

// start creates the consumer, or changes its limit, and starts new workers on it; previous workers finish their
// batches.
func (c *consumers) start(ctx context.Context, of ref, rec catalog.Record[proto.Integration]) error {
	d := topology.FetchConsumer(of.account, of.id, rec.Value.Limit())
	if err := c.bus.PutConsumer(ctx, d); err != nil {
		return err
	}
	takes, stop := context.WithCancel(ctx)
	works, abort := context.WithCancel(c.stopping)
	if before := c.running[of]; before != nil {
		before.stop()
	}
	c.running[of] = &running{limit: rec.Value.Limit(), stop: stop, abort: abort}
	fetch := stage.Stage{Name: stageFetch, Stream: d.Stream, Consumer: d.Config.Durable,
		Workers: min(rec.Value.Limit()+waitingWorkers, c.cfg.Workers),
		Bury:    c.bury,
		// Longer than a call takes: abort ends calls early.
		Grace: c.cfg.CallTimeout + time.Minute}
	c.stages.Go(func() {
		defer abort()
		err := stage.Consume(takes, c.bus, fetch, func(ctx context.Context, m *bus.Msg) error {
			ctx, cancel := context.WithCancel(ctx)
			defer cancel()
			defer context.AfterFunc(works, cancel)()
			return c.fetch(ctx, m)
		})
		if err != nil {
			c.log.Error("the workers of an integration ended", "integration", of.id, "err", err)
		}
	})
	return nil
}
