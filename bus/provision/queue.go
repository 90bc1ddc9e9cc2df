package provision

import (
	"context"
	"errors"
	"fmt"

	"github.com/nats-io/nats.go"
	"github.com/nats-io/nats.go/jetstream"
	"plumbline.dev/bus/servererr"
	"plumbline.dev/bus/topology"
)

// movedRoot is the subject prefix of a stream in the pipeline's zone while its messages move to another zone.
const movedRoot = "moved."

// moveQueue moves the batches of an older installation from the pipeline's zone to [topology.Queue]. The new stream
// already exists. The move may be interrupted at any point and repeated. Consumers are not moved: fetchers create
// them when they start.
func (p *provisioner) moveQueue(ctx context.Context) error {
	old, err := p.JetStream().Stream(ctx, topology.PostureBatches)
	if errors.Is(err, jetstream.ErrStreamNotFound) {
		return nil
	}
	if err != nil {
		return err
	}
	info := old.CachedInfo()
	p.log.Info("moving the batches to a zone of their own", "stream", topology.PostureBatches, "messages", info.State.Msgs)
	var names []string
	lister := old.ConsumerNames(ctx)
	for name := range lister.Name() {
		names = append(names, name)
	}
	if err := lister.Err(); err != nil {
		return err
	}
	for _, name := range names {
		err := p.JetStream().DeleteConsumer(ctx, topology.PostureBatches, name)
		if err != nil && !errors.Is(err, jetstream.ErrConsumerNotFound) {
			return fmt.Errorf("consumer %s: %w", name, err)
		}
	}
	// From here on, messages sent to the new stream must not be stored in the old one.
	cfg := info.Config
	cfg.Subjects = []string{movedRoot + ">"}
	if _, err := p.JetStream().UpdateStream(ctx, cfg); err != nil {
		return err
	}
	for seq := info.State.FirstSeq; seq <= info.State.LastSeq && info.State.Msgs > 0; seq++ {
		if err := p.moveBatch(ctx, old, seq); err != nil {
			return fmt.Errorf("message %d: %w", seq, err)
		}
	}
	return p.JetStream().DeleteStream(ctx, topology.PostureBatches)
}

// moveBatch copies a message, unless the new stream already holds a newer batch of the same page.
func (p *provisioner) moveBatch(ctx context.Context, old jetstream.Stream, seq uint64) error {
	m, err := old.GetMsg(ctx, seq)
	if errors.Is(err, jetstream.ErrMsgNotFound) {
		return nil
	}
	if err != nil {
		return err
	}
	m.Header.Del(jetstream.ExpectedLastSubjSeqHeader) // refers to the old stream
	_, err = p.JetStream().PublishMsg(ctx, &nats.Msg{Subject: m.Subject, Header: m.Header, Data: m.Data})
	if servererr.IsOccupied(err) {
		return nil
	}
	return err
}
