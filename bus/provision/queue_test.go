package provision_test

import (
	"errors"
	"testing"

	"github.com/nats-io/nats.go/jetstream"
	"plumbline.dev/bus"
	"plumbline.dev/bus/bustest"
	"plumbline.dev/bus/provision"
	"plumbline.dev/bus/topology"
	"plumbline.dev/proto"
)

// The batches of an installation that had all streams in one account are moved, also if the move was interrupted.
func TestBatchesOfBeforeAreMoved(t *testing.T) {
	for name, interrupted := range map[string]bool{"at once": false, "after an interruption": true} {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			b := bustest.Start(t)
			operator, ctx := b.Conn(topology.Operator), t.Context()
			if err := operator.JetStreamOf(topology.PostureBatches).DeleteStream(ctx, topology.PostureBatches); err != nil {
				t.Fatal(err)
			}
			pages := []topology.PageRef{newPage(), newPage(), newPage()}
			before := batchesOfBefore(t, operator, pages)
			if interrupted {
				// The stream of the new zone is there, the first batch was copied, and the old stream was not deleted.
				before.Subjects = []string{"moved.>"}
				if _, err := operator.JetStream().UpdateStream(ctx, before); err != nil {
					t.Fatal(err)
				}
				queue := before
				queue.Subjects = []string{"posture.batch.*.*.*"}
				if _, err := operator.JetStreamOf(topology.PostureBatches).CreateStream(ctx, queue); err != nil {
					t.Fatal(err)
				}
				if _, err := operator.Publish(ctx,
					bus.Outgoing{Subject: topology.Batch(pages[0]), Body: &proto.Batch{Tick: 1}}); err != nil {
					t.Fatal(err)
				}
			}
			if err := provision.Topology(ctx, operator, topology.Options{LogMaxBytes: 1 << 30}); err != nil {
				t.Fatal(err)
			}
			if _, err := operator.JetStream().Stream(ctx, topology.PostureBatches); !errors.Is(err,
				jetstream.ErrStreamNotFound) {
				t.Errorf("the old stream is still there: %v", err)
			}
			left, err := b.Conn(topology.Fetcher).Subjects(ctx, topology.PostureBatches, ">")
			if err != nil || len(left) != len(pages) {
				t.Errorf("%v, %v", left, err)
			}
			for _, p := range pages {
				if left[topology.Batch(p)] != 1 {
					t.Errorf("%d batches of %s", left[topology.Batch(p)], topology.Batch(p))
				}
			}
		})
	}
}

// batchesOfBefore makes the stream of batches in the pipeline's zone, with a batch for each page and a consumer.
func batchesOfBefore(t *testing.T, operator *bus.Conn, pages []topology.PageRef) jetstream.StreamConfig {
	t.Helper()
	for _, cfg := range topology.Streams(topology.Options{}) {
		if cfg.Name != topology.PostureBatches {
			continue
		}
		if _, err := operator.JetStream().CreateStream(t.Context(), cfg); err != nil {
			t.Fatal(err)
		}
		for _, p := range pages {
			if _, err := operator.Publish(t.Context(),
				bus.Outgoing{Subject: topology.Batch(p), Body: &proto.Batch{Tick: 1}}); err != nil {
				t.Fatal(err)
			}
		}
		d := topology.FetchConsumer(pages[0].Account, pages[0].Integration, 4)
		if _, err := operator.JetStream().CreateConsumer(t.Context(), d.Stream, d.Config); err != nil {
			t.Fatal(err)
		}
		return cfg
	}
	t.Fatal("the topology has no stream of batches")
	return jetstream.StreamConfig{}
}

func newPage() topology.PageRef {
	return topology.PageRef{Account: proto.NewAccount(), Integration: proto.NewID()}
}
