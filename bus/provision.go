package bus

import (
	"context"
	"errors"
	"fmt"
	"slices"
	"strings"
	"time"

	"github.com/nats-io/nats.go"
	"github.com/nats-io/nats.go/jetstream"
	"plumbline.dev/bus/topology"
)

// minBytes is the smallest bound of a bounded stream on a small disk.
const minBytes = 8 << 20

// Provision creates or updates every stream, bucket and durable consumer of the topology. It is idempotent and safe
// to run from several processes. It waits until JetStream is available, and gives a newly started cluster one minute
// to find its servers.
func Provision(ctx context.Context, c *Conn, o topology.Options) error {
	if err := c.awaitJetStream(ctx); err != nil {
		return err
	}
	for _, cfg := range provisionOrder(topology.Streams(o)) {
		if err := c.provisionStream(ctx, cfg, c.createStream); err != nil {
			return fmt.Errorf("stream %s: %w", cfg.Name, err)
		}
	}
	if err := c.moveQueue(ctx); err != nil {
		return fmt.Errorf("move %s: %w", topology.PostureBatches, err)
	}
	if err := c.copyTokenUses(ctx); err != nil {
		return fmt.Errorf("last uses of service tokens: %w", err)
	}
	if err := c.provisionMirrors(ctx, o); err != nil {
		return fmt.Errorf("copies for followers: %w", err)
	}
	for _, d := range topology.Durables() {
		err := patiently(ctx, settled, func(ctx context.Context) error {
			_, err := c.JetStreamOf(d.Stream).CreateOrUpdateConsumer(ctx, d.Stream, d.Config)
			return err
		})
		if err != nil {
			return fmt.Errorf("consumer %s on %s: %w", d.Config.Durable, d.Stream, err)
		}
	}
	return nil
}

// provisionOrder puts small bounded streams first. On a small disk, the bound of the log is halved until it fits; the
// log must not take the space needed by the others.
func provisionOrder(all []jetstream.StreamConfig) []jetstream.StreamConfig {
	rank := func(cfg jetstream.StreamConfig) int {
		if cfg.MaxBytes > 0 && cfg.Name != topology.PostureLog {
			return 0
		}
		return 1
	}
	slices.SortStableFunc(all, func(a, b jetstream.StreamConfig) int { return rank(a) - rank(b) })
	return all
}

// createStream creates or updates a stream of the pipeline.
func (c *Conn) createStream(ctx context.Context, cfg jetstream.StreamConfig) error {
	js := c.JetStreamOf(cfg.Name)
	switch stream, err := js.Stream(ctx, cfg.Name); {
	case err == nil:
		cfg = withNotes(cfg, stream.CachedInfo().Config.Metadata)
	case !errors.Is(err, jetstream.ErrStreamNotFound):
		return err
	case cfg.FirstSeq == 0:
		if cfg.FirstSeq, err = c.firstSequence(ctx, cfg.Name); err != nil {
			return err
		}
	}
	_, err := js.CreateOrUpdateStream(ctx, cfg)
	return err
}

func (c *Conn) provisionStream(
	ctx context.Context, cfg jetstream.StreamConfig, create func(context.Context, jetstream.StreamConfig) error,
) error {
	for patience := settled; ; patience = settledAgain {
		err := patiently(ctx, patience, func(ctx context.Context) error { return create(ctx, cfg) })
		if !tooSmall(err) || cfg.MaxBytes/2 < minBytes {
			return err
		}
		cfg.MaxBytes /= 2
		c.log.Warn("the disk is too small for the stream's bound, halving the bound",
			"stream", cfg.Name, "max_bytes", cfg.MaxBytes)
	}
}

// tooSmall reports whether the disks have no room for a stream's bound. A cluster answers like this as well while it
// does not know the disks of its servers yet.
func tooSmall(err error) bool {
	var api *jetstream.APIError
	return errors.As(err, &api) && (api.ErrorCode == codeInsufficientStorage ||
		api.ErrorCode == codeNoPeers && strings.Contains(api.Description, "insufficient storage"))
}

// A newly started cluster has no leader for a moment, and does not yet know all its servers and their disks.
const (
	settled = time.Minute
	// settledAgain is for an operation after another one that waited for settled.
	settledAgain = 2 * time.Second

	oneAttempt  = 10 * time.Second
	nextAttempt = 250 * time.Millisecond
)

// patiently retries do until it succeeds, fails permanently, or patience, the time for a cluster to settle, is over.
// The operation must be idempotent.
func patiently(ctx context.Context, patience time.Duration, do func(context.Context) error) error {
	for end := time.Now().Add(patience); ; {
		attempt, cancel := context.WithTimeout(ctx, oneAttempt)
		err := do(attempt)
		cancel()
		if err == nil || !unsettled(err) || time.Now().After(end) {
			return err
		}
		if sleep(ctx, nextAttempt); ctx.Err() != nil {
			return err
		}
	}
}

func unsettled(err error) bool {
	var api *jetstream.APIError
	if errors.As(err, &api) {
		return api.ErrorCode == codeNoPeers || isNotReady(api.ErrorCode)
	}
	return errors.Is(err, context.DeadlineExceeded) || errors.Is(err, nats.ErrTimeout) ||
		errors.Is(err, nats.ErrNoResponders)
}

// oneQuestion is the timeout of one request. A request sent before the cluster had a leader is never answered,
// however long ctx lasts. firstQuestion is the timeout of the first request to a cluster that may have no leader yet.
const (
	oneQuestion   = 5 * time.Second
	firstQuestion = 250 * time.Millisecond
)

// awaitJetStream waits for a leader: a newly started server or cluster has none at first. The timeout of its requests
// doubles from firstQuestion to oneQuestion.
func (c *Conn) awaitJetStream(ctx context.Context) error {
	for timeout := firstQuestion; ; timeout = min(2*timeout, oneQuestion) {
		attempt, cancel := context.WithTimeout(ctx, timeout)
		_, err := c.js.AccountInfo(attempt)
		cancel()
		if err == nil {
			return nil
		}
		select {
		case <-ctx.Done():
			return fmt.Errorf("JetStream is not available: %w", errors.Join(err, context.Cause(ctx)))
		case <-time.After(100 * time.Millisecond):
		}
	}
}

// AwaitTopology waits until [Provision] has created the given streams, so services can start in any order.
func (c *Conn) AwaitTopology(ctx context.Context, streams ...string) error {
	for _, name := range streams {
		for told := false; ; {
			attempt, cancel := context.WithTimeout(ctx, oneQuestion)
			_, err := c.JetStreamOf(name).Stream(attempt, name)
			cancel()
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
