package stage_test

import (
	"errors"
	"testing"

	"plumbline.dev/bus"
	"plumbline.dev/bus/bustest"
	"plumbline.dev/bus/stage"
	"plumbline.dev/bus/topology"
	"plumbline.dev/proto"
)

func TestBacklogOfAConsumer(t *testing.T) {
	b := bustest.Start(t)
	api, a := b.Conn(topology.API), proto.NewAccount()
	want := func(waiting int, settled uint64) {
		t.Helper()
		got, err := api.Backlog(t.Context(), topology.AuditOutbox, topology.ConsumerAudit)
		if err != nil || got.Waiting != uint64(waiting) || got.Settled != settled {
			t.Errorf("%+v, %v; want %d waiting after %d", got, err, waiting, settled)
		}
	}
	want(0, 0)
	for range 3 {
		if _, err := api.Publish(t.Context(), bus.Outgoing{Subject: topology.ActionOutbox(a, proto.NewID()),
			Body: &proto.AuditOutbox{}}); err != nil {
			t.Fatal(err)
		}
	}
	want(3, 0)
	if n, err := stage.Discard(t.Context(), api, topology.AuditOutbox, topology.ConsumerAudit); err != nil || n != 3 {
		t.Fatalf("%d, %v", n, err)
	}
	want(0, 3)
	if _, err := api.Backlog(t.Context(), topology.BucketStream(topology.Config), "nobody"); err == nil ||
		errors.Is(err, bus.ErrConflict) {
		t.Errorf("of no consumer: %v", err)
	}
}
