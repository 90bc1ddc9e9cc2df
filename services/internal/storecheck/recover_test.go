package storecheck

import (
	"context"
	"errors"
	"fmt"
	"log/slog"
	"sync/atomic"
	"testing"

	"github.com/nats-io/nats.go"
	"github.com/nats-io/nats.go/jetstream"
	"plumbline.dev/bus"
	"plumbline.dev/bus/bustest"
	"plumbline.dev/bus/topology"
	"plumbline.dev/proto"
)

// The recreation of a bucket is interrupted, as by a kill, while its records are copied, while they are written back,
// or at the end. The next check continues it, or leaves the bucket unchanged. No record is lost, and revisions
// increase.
func TestAnInterruptedRecoveryIsContinued(t *testing.T) {
	const records = 10
	for _, after := range []int64{1, records / 2, records, records + 1, records + records/2, 2 * records} {
		t.Run(fmt.Sprintf("after %d messages", after), func(t *testing.T) {
			b := bustest.Start(t)
			conn := b.Conn(topology.Operator)
			account := proto.NewAccount()
			key := func(n int) string { return topology.ConfigKey(account, topology.KindTag, proto.ID{byte(n + 1)}) }
			var newest uint64
			for n := range records {
				revision, err := conn.Put(t.Context(), topology.Config, key(n), &proto.Tag{Name: fmt.Sprint(n)}, 0)
				if err != nil {
					t.Fatal(err)
				}
				newest = revision
			}
			c := &checker{conn: conn, log: slog.New(slog.DiscardHandler), options: topology.Options{LogMaxBytes: 1 << 30}}
			interrupt(t, c, b, after)

			if err := c.recovery(t.Context()); err != nil {
				t.Fatal(err)
			}
			if _, err := conn.JetStream().Stream(t.Context(),
				copyName(topology.BucketStream(topology.Config))); !errors.Is(err, jetstream.ErrStreamNotFound) {
				t.Errorf("the copy is left behind: %v", err)
			}
			written := uint64(0)
			for n := range records {
				var tag proto.Tag
				revision, err := conn.Get(t.Context(), topology.Config, key(n), &tag)
				if err != nil || tag.Name != fmt.Sprint(n) {
					t.Errorf("record %d: %+v, %v", n, tag, err)
				}
				written = max(written, revision)
			}
			if written < newest {
				t.Errorf("the newest revision was %d and is %d", newest, written)
			}
			if _, err := conn.Put(t.Context(), topology.Config, key(records), &proto.Tag{Name: "later"}, 0); err != nil {
				t.Errorf("the bucket accepts no record: %v", err)
			}
		})
	}
}

// interrupt recreates CONFIG until a number of messages were copied or written back.
func interrupt(t *testing.T, c *checker, b *bustest.Bus, after int64) {
	t.Helper()
	ctx, cancel := context.WithCancel(t.Context())
	defer cancel()
	var seen atomic.Int64
	watcher := b.Conn(topology.Operator).NATS()
	for _, subject := range []string{recoverRoot + ">", topology.BucketSubject(topology.Config, ">")} {
		if _, err := watcher.Subscribe(subject, func(*nats.Msg) {
			if seen.Add(1) == after {
				cancel()
			}
		}); err != nil {
			t.Fatal(err)
		}
	}
	if err := watcher.Flush(); err != nil {
		t.Fatal(err)
	}
	// The last message may arrive after everything is done.
	err := c.remake(ctx, topology.Config, 0)
	t.Logf("interrupted: %v", err)
	if err != nil && !errors.Is(err, context.Canceled) && !errors.Is(err, bus.ErrNotFound) {
		t.Fatal(err)
	}
	bustest.Eventually(t, "the messages were seen", func() bool { return seen.Load() >= after })
}
