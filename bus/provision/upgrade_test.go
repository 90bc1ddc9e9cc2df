package provision_test

import (
	"testing"

	"github.com/nats-io/nats.go/jetstream"
	"plumbline.dev/bus"
	"plumbline.dev/bus/bustest"
	"plumbline.dev/bus/provision"
	"plumbline.dev/bus/topology"
	"plumbline.dev/proto"
)

// A bucket created before changes were stored with their audit events keeps its records, and accepts such changes.
func TestABucketOfBeforeIsBroughtUpToDate(t *testing.T) {
	b := bustest.Start(t)
	conn, ctx := b.Conn(topology.Operator), t.Context()
	stream := topology.BucketStream(topology.Config)
	if err := conn.JetStream().DeleteStream(ctx, stream); err != nil {
		t.Fatal(err)
	}
	if _, err := conn.JetStream().CreateStream(ctx, jetstream.StreamConfig{
		Name: stream, Subjects: []string{topology.BucketSubject(topology.Config, ">")}, MaxMsgsPerSubject: 1,
		Discard: jetstream.DiscardNew, AllowRollup: true, DenyDelete: true, AllowDirect: true, Storage: jetstream.FileStorage,
		Duplicates: topology.Duplicates,
	}); err != nil {
		t.Fatal(err)
	}
	a, tag := proto.NewAccount(), &proto.Tag{Name: "a"}
	key := topology.ConfigKey(a, topology.KindTag, topology.TagID(a, tag.Name))
	revision, err := conn.Put(ctx, topology.Config, key, tag, 0)
	if err != nil {
		t.Fatal(err)
	}
	if err := provision.Topology(ctx, conn, topology.Options{LogMaxBytes: 1 << 30}); err != nil {
		t.Fatal(err)
	}
	event := &proto.AuditEvent{ID: proto.NewID()}
	if _, err := b.Conn(topology.API).Commit(ctx, []bus.Outgoing{
		{Subject: topology.Outbox(topology.Config, a, event.ID), Body: &proto.AuditOutbox{Events: []*proto.AuditEvent{event}}, TTL: topology.OutboxTTL},
		bus.PutMsg(topology.Config, key, tag, revision),
	}); err != nil {
		t.Fatal(err)
	}
	var read proto.Tag
	if at, err := conn.Get(ctx, topology.Config, key, &read); err != nil || read.Name != "a" || at != revision+2 {
		t.Errorf("%+v at %d, %v", read, at, err)
	}
}
