package bus_test

import (
	"errors"
	"strings"
	"testing"

	"plumbline.dev/bus"
	"plumbline.dev/bus/bustest"
	"plumbline.dev/bus/embed"
	"plumbline.dev/bus/topology"
	"plumbline.dev/proto"
)

// Each way to write says so when the store is full: in its error, in readiness and in the counts, and once in the log.
// A write that succeeds ends it.
func TestAFullStoreIsSaid(t *testing.T) {
	server, err := embed.Start(t.Context(), embed.Config{Dir: t.TempDir(), NoSync: true, MaxStore: 16 << 20})
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(server.Close)
	connect := func(role topology.Role) *bus.Conn {
		c, err := server.Connect(t.Context(), role, bustest.Log(t))
		if err != nil {
			t.Fatal(err)
		}
		t.Cleanup(c.Close)
		return c
	}
	operator, api := connect(topology.Operator), connect(topology.API)
	for _, cfg := range topology.Streams(topology.Options{}) {
		if cfg.Name != topology.BucketStream(topology.Config) {
			continue // their bounds together are beyond the store's
		}
		if _, err := operator.JetStream().CreateStream(t.Context(), cfg); err != nil {
			t.Fatal(err)
		}
	}
	account := proto.NewAccount()
	key := func() string { return topology.ConfigKey(account, topology.KindApplication, proto.NewID()) }
	app := func(bytes int) *proto.Application { return &proto.Application{AUD: strings.Repeat("x", bytes)} }
	if _, err := api.Put(t.Context(), topology.Config, key(), app(1), 0); err != nil {
		t.Fatal(err)
	}
	fill := func() error {
		for range 100 {
			if _, err := operator.Put(t.Context(), topology.Config, key(), app(1<<20), 0); err != nil {
				return err
			}
		}
		return nil
	}
	if err := fill(); !errors.Is(err, bus.ErrFull) {
		t.Fatalf("a full store: %v", err)
	}
	if err := api.Ready(t.Context()); err != nil {
		t.Errorf("a connection that wrote nothing since: %v", err)
	}
	for name, write := range map[string]func() error{
		"Publish": func() error {
			_, err := api.Put(t.Context(), topology.Config, key(), app(1), 0)
			return err
		},
		"PublishAll": func() error {
			return errors.Join(api.PublishAll(t.Context(), []bus.Outgoing{bus.PutMsg(topology.Config, key(), app(1), 0)})...)
		},
		"Commit": func() error {
			_, err := api.Commit(t.Context(), []bus.Outgoing{bus.PutMsg(topology.Config, key(), app(1), 0),
				bus.PutMsg(topology.Config, key(), app(1), 0)})
			return err
		},
	} {
		before := api.Writes().Full
		if err := write(); !errors.Is(err, bus.ErrFull) {
			t.Errorf("%s on a full store: %v", name, err)
		}
		if api.Writes().Full == before {
			t.Errorf("%s is not counted", name)
		}
	}
	if err := api.Ready(t.Context()); err == nil || !strings.Contains(err.Error(), "$KV.CONFIG") {
		t.Errorf("ready on a full store: %v", err)
	}
	if n := api.Writes().Unwritable; n != 1 {
		t.Errorf("%d kinds cannot be written", n)
	}
	stream, err := operator.JetStream().Stream(t.Context(), topology.BucketStream(topology.Config))
	if err != nil {
		t.Fatal(err)
	}
	if err := stream.Purge(t.Context()); err != nil {
		t.Fatal(err)
	}
	bustest.Eventually(t, "a write succeeds", func() bool {
		_, err := api.Put(t.Context(), topology.Config, key(), app(1), 0)
		return err == nil
	})
	if err := api.Ready(t.Context()); err != nil || api.Writes().Unwritable != 0 {
		t.Errorf("after a write succeeded: %v", err)
	}
}
