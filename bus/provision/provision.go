// Package provision creates and updates the streams, buckets and durable consumers of the topology, and migrates the
// data of earlier versions.
package provision

import (
	"context"
	"errors"
	"fmt"
	"log/slog"
	"maps"
	"slices"
	"strings"

	"github.com/nats-io/nats.go/jetstream"
	"plumbline.dev/bus"
	"plumbline.dev/bus/servererr"
	"plumbline.dev/bus/topology"
)

// minBytes is the smallest bound of a bounded stream on a small disk.
const minBytes = 8 << 20

// provisioner changes streams and consumers with the operator's permissions.
type provisioner struct {
	*bus.Conn
	log *slog.Logger
}

func newProvisioner(c *bus.Conn) *provisioner { return &provisioner{c, c.Log()} }

// Topology creates or updates every stream, bucket and durable consumer of the topology. It is idempotent and safe
// to run from several processes. It waits until JetStream is available, and gives a newly started cluster one minute
// to find its servers.
func Topology(ctx context.Context, c *bus.Conn, o topology.Options) error {
	p := newProvisioner(c)
	if err := p.awaitJetStream(ctx); err != nil {
		return err
	}
	for _, cfg := range provisionOrder(topology.Streams(o)) {
		if err := p.provisionStream(ctx, cfg, p.createStream); err != nil {
			return fmt.Errorf("stream %s: %w", cfg.Name, err)
		}
	}
	if err := p.moveQueue(ctx); err != nil {
		return fmt.Errorf("move %s: %w", topology.PostureBatches, err)
	}
	if err := p.copyTokenUses(ctx); err != nil {
		return fmt.Errorf("last uses of service tokens: %w", err)
	}
	if err := p.provisionMirrors(ctx, o); err != nil {
		return fmt.Errorf("copies for followers: %w", err)
	}
	for _, d := range topology.Durables() {
		err := patiently(ctx, settled, func(ctx context.Context) error {
			_, err := p.JetStreamOf(d.Stream).CreateOrUpdateConsumer(ctx, d.Stream, d.Config)
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
func (p *provisioner) createStream(ctx context.Context, cfg jetstream.StreamConfig) error {
	js := p.JetStreamOf(cfg.Name)
	switch stream, err := js.Stream(ctx, cfg.Name); {
	case err == nil:
		cfg = withNotes(cfg, stream.CachedInfo().Config.Metadata)
	case !errors.Is(err, jetstream.ErrStreamNotFound):
		return err
	case cfg.FirstSeq == 0:
		if cfg.FirstSeq, err = p.firstSequence(ctx, cfg.Name); err != nil {
			return err
		}
	}
	_, err := js.CreateOrUpdateStream(ctx, cfg)
	return err
}

func (p *provisioner) provisionStream(
	ctx context.Context, cfg jetstream.StreamConfig, create func(context.Context, jetstream.StreamConfig) error,
) error {
	for patience := settled; ; patience = settledAgain {
		err := patiently(ctx, patience, func(ctx context.Context) error { return create(ctx, cfg) })
		if !tooSmall(err) || cfg.MaxBytes/2 < minBytes {
			return err
		}
		cfg.MaxBytes /= 2
		p.log.Warn("the disk is too small for the stream's bound, halving the bound",
			"stream", cfg.Name, "max_bytes", cfg.MaxBytes)
	}
}

// tooSmall reports whether the disks have no room for a stream's bound. A cluster answers like this as well while it
// does not know the disks of its servers yet.
func tooSmall(err error) bool {
	var api *jetstream.APIError
	return errors.As(err, &api) && (api.ErrorCode == servererr.InsufficientStorage ||
		api.ErrorCode == servererr.NoPeers && strings.Contains(api.Description, "insufficient storage"))
}

// withNotes returns a copy of cfg including the given notes of the existing stream.
func withNotes(cfg jetstream.StreamConfig, notes map[string]string) jetstream.StreamConfig {
	for name, text := range notes {
		if !strings.HasPrefix(name, topology.NotePrefix) {
			continue
		}
		if cfg.Metadata = maps.Clone(cfg.Metadata); cfg.Metadata == nil {
			cfg.Metadata = map[string]string{}
		}
		cfg.Metadata[name] = text
	}
	return cfg
}
