package provision

import (
	"context"
	"errors"
	"fmt"
	"strings"

	"github.com/nats-io/nats.go/jetstream"
	"plumbline.dev/bus/topology"
)

// provisionMirrors creates the followers' copies of the streams. A copy older than its stream, or ahead of it, is a
// copy of a different stream, or the stream was restored from an older state. Such a copy is recreated, and followers
// read a new state.
func (p *provisioner) provisionMirrors(ctx context.Context, o topology.Options) error {
	js, err := jetstream.NewWithAPIPrefix(p.NATS(), topology.Mirror.APIPrefix())
	if err != nil {
		return err
	}
	create := func(ctx context.Context, cfg jetstream.StreamConfig) error {
		copied, err := js.CreateOrUpdateStream(ctx, cfg)
		if err != nil {
			return err
		}
		stream, err := p.JetStream().Stream(ctx, cfg.Name) // read second: a copy is never ahead of its stream
		if err != nil || isCopy(copied.CachedInfo(), stream.CachedInfo()) {
			return err
		}
		p.log.Warn("the followers' copy does not match its stream, recreating the copy", "stream", cfg.Name)
		if err := js.DeleteStream(ctx, cfg.Name); err != nil {
			return err
		}
		_, err = js.CreateStream(ctx, cfg)
		return err
	}
	for _, cfg := range topology.Mirrors(o) {
		if err := p.provisionStream(ctx, cfg, create); err != nil {
			return fmt.Errorf("stream %s: %w", cfg.Name, err)
		}
		if err := p.removeFollowers(ctx, cfg.Name); err != nil {
			return fmt.Errorf("stream %s: %w", cfg.Name, err)
		}
	}
	return nil
}

// isCopy reports whether a copy may belong to the current stream. Provisioning creates the stream first.
func isCopy(copied, stream *jetstream.StreamInfo) bool {
	return !copied.Created.Before(stream.Created) && copied.State.LastSeq <= stream.State.LastSeq
}

// removeFollowers removes the consumers created by followers when they shared the pipeline's account. Their
// credentials are no longer valid.
func (p *provisioner) removeFollowers(ctx context.Context, stream string) error {
	s, err := p.JetStream().Stream(ctx, stream)
	if err != nil {
		return err
	}
	names := s.ConsumerNames(ctx)
	var old []string
	for name := range names.Name() {
		if strings.HasPrefix(name, topology.FollowPrefix) {
			old = append(old, name)
		}
	}
	if err := names.Err(); err != nil {
		return err
	}
	for _, name := range old {
		err := p.JetStream().DeleteConsumer(ctx, stream, name)
		if err != nil && !errors.Is(err, jetstream.ErrConsumerNotFound) {
			return err
		}
	}
	return nil
}
