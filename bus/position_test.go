package bus_test

import (
	"context"
	"fmt"
	"testing"
	"time"

	"plumbline.dev/bus/bustest"
	"plumbline.dev/bus/topology"
	"plumbline.dev/proto"
)

func TestWhatComesAfterAPosition(t *testing.T) {
	b := bustest.Start(t)
	writer, reader := b.Conn(topology.API), b.Conn(topology.Gateway)
	stream, filter := topology.BucketStream(topology.Config),
		topology.BucketSubject(topology.Config, topology.ConfigKeys(topology.KindCheck))
	position := func() uint64 {
		t.Helper()
		p, err := reader.Position(t.Context(), stream)
		if err != nil || p.Created.IsZero() {
			t.Fatalf("%+v, %v", p, err)
		}
		return p.Last
	}
	after := func(seq, want uint64) {
		t.Helper()
		if got, err := reader.NextAfter(t.Context(), stream, filter, seq); err != nil || got != want {
			t.Errorf("after %d comes %d, want %d, %v", seq, got, want, err)
		}
	}
	if position() != 0 {
		t.Errorf("an empty stream is at %d", position())
	}
	after(0, 0)
	a, check := proto.NewAccount(), proto.NewID()
	put := func(kind topology.Kind, id proto.ID, expect uint64) uint64 {
		t.Helper()
		revision, err := writer.Put(t.Context(), topology.Config, topology.ConfigKey(a, kind, id),
			&proto.Check{ID: id}, expect)
		if err != nil {
			t.Fatal(err)
		}
		return revision
	}
	first := put(topology.KindCheck, check, 0)
	other := put(topology.KindPolicy, proto.NewID(), 0)
	after(0, first)
	after(first, 0) // newer messages are of another subject
	after(1<<40, 0)
	if position() != other {
		t.Errorf("at %d, want %d", position(), other)
	}
	second := put(topology.KindCheck, check, first)
	after(0, second) // the first is gone
	if err := writer.Delete(t.Context(), topology.Config, topology.ConfigKey(a, topology.KindCheck, check),
		second); err != nil {
		t.Fatal(err)
	}
	after(second, second+1) // a deletion counts

	// A role cannot ask for the position of streams it does not read.
	ctx, cancel := context.WithTimeout(t.Context(), 200*time.Millisecond)
	defer cancel()
	if _, err := reader.NextAfter(ctx, topology.BucketStream(topology.Keys), topology.BucketSubject(topology.Keys, ">"),
		0); err == nil {
		t.Error("the gateway may read the stream of signing keys")
	}
}

// A partitioned leader replies for a while, but reports that it is partitioned.
func TestAPositionTellsSinceWhenItsLeaderIsAlone(t *testing.T) {
	t.Parallel()
	b := bustest.Cluster(t)
	stream := topology.BucketStream(topology.Config)
	leader := 0
	bustest.Eventually(t, "the stream has a leader on a server", func() bool {
		s, err := b.Conn(topology.Operator).JetStream().Stream(t.Context(), stream)
		if err != nil || s.CachedInfo().Cluster == nil {
			return false
		}
		for i := range 3 {
			if s.CachedInfo().Cluster.Leader == fmt.Sprintf("n%d", i) {
				leader = i
				return true
			}
		}
		return false
	})
	conn := b.ConnTo(leader, topology.Gateway)
	bustest.Eventually(t, "all is well", func() bool {
		p, err := conn.Position(t.Context(), stream)
		return err == nil && p.Heard < 3*time.Second
	})
	for i := range 3 {
		if i != leader {
			b.Server(i).Close()
		}
	}
	bustest.Eventually(t, "the leader is alone for three seconds", func() bool {
		p, err := conn.Position(t.Context(), stream)
		return err != nil || p.Heard > 3*time.Second
	})
}
