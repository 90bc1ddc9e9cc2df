package fetcher

import (
	"context"
	"errors"
	"time"

	"plumbline.dev/bus"
	"plumbline.dev/bus/stage"
	"plumbline.dev/bus/topology"
	"plumbline.dev/proto"
)

// clearTimeout limits the clearing of one integration's leftovers; the rest is cleared later.
const clearTimeout = 5 * time.Second

// clear drops the batches of removed integrations, without a call, and removes their consumers; it returns false if
// some are left.
func (c *consumers) clear(ctx context.Context) bool {
	for of := range c.gone {
		done, err := c.clearOne(ctx, of)
		if err != nil && ctx.Err() == nil {
			c.log.Warn("cannot clear away what a removed integration left, trying again", "account", of.account, "integration",
				of.id, "err", err)
		}
		if done {
			delete(c.gone, of)
		}
	}
	return len(c.gone) == 0
}

// clearOne acknowledges the waiting batches. While other fetchers still hold some, the consumer stays.
func (c *consumers) clearOne(ctx context.Context, of ref) (done bool, err error) {
	ctx, cancel := context.WithTimeout(ctx, clearTimeout)
	defer cancel()
	d := topology.FetchConsumer(of.account, of.id, proto.MaxConcurrency)
	if err := c.bus.PutConsumer(ctx, d); err != nil {
		return false, err
	}
	dropped, err := stage.Discard(ctx, c.bus, d.Stream, d.Config.Durable)
	c.metrics.dropped.Add(float64(dropped))
	if err != nil {
		return false, err
	}
	left, err := c.bus.Backlog(ctx, d.Stream, d.Config.Durable)
	if errors.Is(err, bus.ErrNoConsumer) {
		return true, nil // another fetcher was first
	}
	if err != nil || left.Waiting > 0 {
		return false, err
	}
	if err := c.bus.DeleteConsumer(ctx, d.Stream, d.Config.Durable); err != nil &&
		!errors.Is(err, bus.ErrNoConsumer) {
		return false, err
	}
	return true, nil
}

// sweep finds batches and consumers of unknown integrations: removed while no fetcher ran, or planned late. Because the
// catalog may lag, only owners unknown at the last sweep too, and absent from the bucket, are cleared.
func (c *consumers) sweep(ctx context.Context) {
	owners, err := c.owners(ctx)
	if err != nil {
		if ctx.Err() == nil {
			c.log.Warn("cannot look for what removed integrations left", "err", err)
		}
		return
	}
	before := c.suspects
	c.suspects = map[ref]bool{}
	for of := range owners {
		if _, known := c.catalog.Integration(of.account, of.id); known || c.running[of] != nil {
			continue
		}
		_, err := c.bus.Get(ctx, topology.Config, topology.ConfigKey(of.account, topology.KindIntegration, of.id),
			new(proto.Integration))
		switch {
		case !errors.Is(err, bus.ErrNotFound):
		case before[of]:
			c.gone[of] = true
		default:
			c.suspects[of] = true
		}
	}
}

// owners returns the integrations with a consumer or a batch.
func (c *consumers) owners(ctx context.Context) (map[ref]bool, error) {
	owners := map[ref]bool{}
	subjects, err := c.bus.Subjects(ctx, topology.PostureBatches, ">")
	if err != nil {
		return nil, err
	}
	for subject := range subjects {
		if p, err := topology.ParsePage(subject); err == nil {
			owners[ref{p.Account, p.Integration}] = true
		}
	}
	names, err := c.bus.Consumers(ctx, topology.PostureBatches)
	if err != nil {
		return nil, err
	}
	known := map[string]bool{}
	for of := range c.running {
		known[topology.FetchConsumerName(of.id)] = true
	}
	for _, name := range names {
		if known[name] {
			continue
		}
		filter, err := c.bus.ConsumerFilter(ctx, topology.PostureBatches, name)
		if errors.Is(err, bus.ErrNoConsumer) {
			continue
		}
		if err != nil {
			return nil, err
		}
		if account, id, err := topology.ParseFetchConsumer(name, filter); err == nil {
			owners[ref{account, id}] = true
		}
	}
	return owners, nil
}
