package bus

import (
	"context"
	"errors"
	"fmt"
	"time"

	"github.com/nats-io/nats.go/jetstream"
	"plumbline.dev/bus/topology"
)

// minBytes is the least that a bounded stream is made with on a small disk.
const minBytes = 8 << 20

// Provision makes every stream, bucket and durable consumer of the topology, or brings it up to date. It
// may run any number of times, by any number of processes. It waits for JetStream to be there.
func Provision(ctx context.Context, c *Conn, o topology.Options) error {
	if err := c.awaitJetStream(ctx); err != nil {
		return err
	}
	for _, cfg := range topology.Streams(o) {
		if err := c.provisionStream(ctx, cfg); err != nil {
			return fmt.Errorf("stream %s: %w", cfg.Name, err)
		}
	}
	for _, d := range topology.Durables() {
		if _, err := c.js.CreateOrUpdateConsumer(ctx, d.Stream, d.Config); err != nil {
			return fmt.Errorf("consumer %s on %s: %w", d.Config.Durable, d.Stream, err)
		}
	}
	return nil
}

func (c *Conn) provisionStream(ctx context.Context, cfg jetstream.StreamConfig) error {
	for {
		_, err := c.js.CreateOrUpdateStream(ctx, cfg)
		var api *jetstream.APIError
		if !errors.As(err, &api) || api.ErrorCode != codeInsufficientStorage || cfg.MaxBytes/2 < minBytes {
			return err
		}
		cfg.MaxBytes /= 2
		c.log.Warn("the server has no room for the stream's bound, halving it", "stream", cfg.Name, "max_bytes", cfg.MaxBytes)
	}
}

// awaitJetStream waits for a leader: a server that just started, or a cluster, has none at first.
func (c *Conn) awaitJetStream(ctx context.Context) error {
	for {
		_, err := c.js.AccountInfo(ctx)
		if err == nil {
			return nil
		}
		select {
		case <-ctx.Done():
			return fmt.Errorf("JetStream is not there: %w", errors.Join(err, context.Cause(ctx)))
		case <-time.After(100 * time.Millisecond):
		}
	}
}

// AwaitTopology waits until [Provision] has made what a service needs, so that services may start in any
// order.
func (c *Conn) AwaitTopology(ctx context.Context, streams ...string) error {
	for _, name := range streams {
		for told := false; ; {
			_, err := c.js.Stream(ctx, name)
			if err == nil {
				break
			}
			if !told {
				c.log.Info("waiting for a stream to be provisioned", "stream", name, "err", err)
				told = true
			}
			select {
			case <-ctx.Done():
				return fmt.Errorf("stream %s: %w", name, context.Cause(ctx))
			case <-time.After(250 * time.Millisecond):
			}
		}
	}
	return nil
}
