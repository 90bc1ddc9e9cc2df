package device

import (
	"context"
	"fmt"
	"log/slog"
	"sync/atomic"
	"time"

	"github.com/nats-io/nats.go/jetstream"
	"plumbline.dev/bus"
)

// tail reads a stream that keeps the newest message of each subject, from its beginning and then for ever.
// It goes on where it was after whatever interrupts it: of a subject that was written several times
// meanwhile it gets the newest.
type tail struct {
	conn   *bus.Conn
	log    *slog.Logger
	stream string
	filter string
	// apply takes a message and tells how far the view has come by it.
	apply func(m jetstream.Msg, seq uint64) (seen uint64)

	at       atomic.Uint64 // the sequence of the last message
	seen     atomic.Uint64 // what apply said of it
	caughtUp chan struct{} // closed once everything is there that was there at first
	complete bool
}

// retryAfter is how long after a failure the stream is read again.
const retryAfter = 250 * time.Millisecond

// Run reads until ctx ends, which is no error. It may be run again.
func (t *tail) Run(ctx context.Context) error {
	for failed := false; ; failed = true {
		err := t.read(ctx)
		if ctx.Err() != nil {
			return nil
		}
		if !failed {
			t.log.Warn("cannot follow a stream, trying again", "stream", t.stream, "after", t.at.Load(), "err", err)
		}
		select {
		case <-ctx.Done():
			return nil
		case <-time.After(retryAfter):
		}
	}
}

func (t *tail) read(ctx context.Context) error {
	if err := t.conn.AwaitTopology(ctx, t.stream); err != nil {
		return err
	}
	cfg := jetstream.OrderedConsumerConfig{FilterSubjects: []string{t.filter}, DeliverPolicy: jetstream.DeliverAllPolicy}
	if at := t.at.Load(); at > 0 {
		cfg.DeliverPolicy, cfg.OptStartSeq = jetstream.DeliverByStartSequencePolicy, at+1
	}
	consumer, err := t.conn.JetStream().OrderedConsumer(ctx, t.stream, cfg)
	if err != nil {
		return err
	}
	if info, err := consumer.Info(ctx); err != nil {
		return err
	} else if info.NumPending == 0 {
		t.reached()
	}
	messages, err := consumer.Messages()
	if err != nil {
		return err
	}
	defer messages.Stop()
	for {
		m, err := messages.Next(jetstream.NextContext(ctx))
		if err != nil {
			return err
		}
		meta, err := m.Metadata()
		if err != nil {
			return err
		}
		seq := meta.Sequence.Stream
		seen := t.apply(m, seq)
		t.at.Store(seq)
		t.seen.Store(max(t.seen.Load(), seen))
		if meta.NumPending == 0 {
			t.reached()
		}
	}
}

func (t *tail) reached() {
	if !t.complete {
		t.complete = true
		close(t.caughtUp)
	}
}

func (t *tail) await(ctx context.Context) error {
	select {
	case <-t.caughtUp:
		return nil
	case <-ctx.Done():
		return fmt.Errorf("the view of %s is not complete yet: %w", t.stream, context.Cause(ctx))
	}
}
