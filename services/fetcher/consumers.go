package fetcher

import (
	"context"
	"sync"
	"time"

	"plumbline.dev/bus"
	"plumbline.dev/bus/topology"
	"plumbline.dev/proto"
	"plumbline.dev/services/internal/catalog"
)

// retryReconcile is how soon a consumer that could not be made or removed is tried again.
const retryReconcile = time.Second

// consumers keeps one durable consumer, and the workers on it, for each integration that is polled. All
// fetchers do so; what they do is the same and may be done twice.
type consumers struct {
	*Service
	running map[ref]*running
	// gone are integrations whose leftovers have yet to be cleared away.
	gone map[ref]bool
	// suspects are owners of batches or consumers that the catalog did not know at the last sweep.
	suspects map[ref]bool
	stages   sync.WaitGroup
}

// waitingWorkers wait for a batch while the others work, so that the server can hand out the next one in the
// moment that one is acknowledged. They make no further calls: the consumer's limit is what bounds those.
const waitingWorkers = 4

// running is the workers of one integration.
type running struct {
	limit int
	stop  context.CancelFunc // takes no more batches
	abort context.CancelFunc // gives up the calls under way
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

// reconcile starts, restarts and stops workers as the catalog says; false where something has to be tried
// again.
func (c *consumers) reconcile(ctx context.Context) bool {
	done := true
	wanted := map[ref]bool{}
	var polled []proto.ID
	for _, rec := range c.catalog.Integrations() {
		// A paused integration keeps its consumer: what is left of its last tick is dropped through it.
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
			c.log.Warn("cannot make the consumer of an integration's batches, trying again", "account", of.account, "integration", of.id, "err", err)
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

// start makes the consumer, or changes its limit, and puts new workers on it; those before finish what they
// have.
func (c *consumers) start(ctx context.Context, of ref, rec catalog.Record[proto.Integration]) error {
	d := topology.FetchConsumer(of.account, of.id, rec.Value.Limit())
	if _, err := c.bus.JetStream().CreateOrUpdateConsumer(ctx, d.Stream, d.Config); err != nil {
		return err
	}
	takes, stop := context.WithCancel(ctx)
	works, abort := context.WithCancel(c.stopping)
	if before := c.running[of]; before != nil {
		before.stop()
	}
	c.running[of] = &running{limit: rec.Value.Limit(), stop: stop, abort: abort}
	stage := bus.Stage{Name: stageFetch, Stream: d.Stream, Consumer: d.Config.Durable,
		Workers: min(rec.Value.Limit()+waitingWorkers, c.cfg.Workers),
		Bury:    c.bury,
		// Longer than a call takes: what ends calls early is abort.
		Grace: c.cfg.CallTimeout + time.Minute}
	c.stages.Go(func() {
		defer abort()
		err := c.bus.Consume(takes, stage, func(ctx context.Context, m *bus.Msg) error {
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
