package bus_test

import (
	"errors"
	"testing"

	"plumbline.dev/bus"
	"plumbline.dev/bus/bustest"
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
	if n, err := api.Discard(t.Context(), topology.AuditOutbox, topology.ConsumerAudit); err != nil || n != 3 {
		t.Fatalf("%d, %v", n, err)
	}
	want(0, 3)
	if _, err := api.Backlog(t.Context(), topology.BucketStream(topology.Config), "nobody"); err == nil ||
		errors.Is(err, bus.ErrConflict) {
		t.Errorf("of no consumer: %v", err)
	}
}

func TestForwardKeepsBodyAndSchema(t *testing.T) {
	b := bustest.Start(t)
	api, a := b.Conn(topology.API), proto.NewAccount()
	m := &bus.Msg{Subject: "x", Data: []byte("unknown"),
		Header: map[string][]string{proto.HeaderSchema: {"x.9"}, "Nats-TTL": {"1s"}}}
	subject := topology.ActionOutbox(a, proto.NewID())
	if err := api.Forward(t.Context(), subject, m); err != nil {
		t.Fatal(err)
	}
	got, err := api.LeaderLast(t.Context(), topology.AuditOutbox, subject)
	if err != nil || string(got.Data) != "unknown" || got.Header.Get(proto.HeaderSchema) != "x.9" ||
		got.Header.Get("Nats-TTL") != "" {
		t.Errorf("%+v, %v", got, err)
	}
}
