package bus_test

import (
	"context"
	"sync"
	"testing"
	"time"

	"github.com/nats-io/nats.go"
	"plumbline.dev/bus"
	"plumbline.dev/bus/bustest"
	"plumbline.dev/bus/bustest/machine"
	"plumbline.dev/bus/embed"
	"plumbline.dev/bus/provision"
	"plumbline.dev/bus/topology"
	"plumbline.dev/proto"
)

// A watch outlives its server: nothing that was written is missed or told twice, and it goes on at once.
func TestAWatchOutlivesItsServer(t *testing.T) {
	t.Parallel()
	addr, err := machine.FreeAddr()
	if err != nil {
		t.Fatal(err)
	}
	dir := t.TempDir()
	start := func() *embed.Server {
		t.Helper()
		s, err := embed.Start(t.Context(), embed.Config{Dir: dir, Addr: addr, NoSync: true, Log: bustest.Log(t)})
		if err != nil {
			t.Fatal(err)
		}
		return s
	}
	s := start()
	conn := func(role topology.Role) *bus.Conn {
		t.Helper()
		token, seed, err := s.Authority().User(role)
		if err != nil {
			t.Fatal(err)
		}
		c, err := bus.Connect(t.Context(), bus.Config{URL: "nats://" + addr, Role: role, Log: bustest.Log(t),
			Options: []nats.Option{nats.UserJWTAndSeed(token, seed)}})
		if err != nil {
			t.Fatal(err)
		}
		t.Cleanup(c.Close)
		return c
	}
	if err := provision.Topology(t.Context(), conn(topology.Operator),
		topology.Options{LogMaxBytes: 64 << 20}); err != nil {
		t.Fatal(err)
	}
	writer, reader := conn(topology.API), conn(topology.Gateway)
	account := proto.NewAccount()
	put := func() uint64 {
		t.Helper()
		id := proto.NewID()
		revision, err := writer.Put(t.Context(), topology.Config, topology.ConfigKey(account, topology.KindCheck, id),
			&proto.Check{ID: id}, 0)
		if err != nil {
			t.Fatal(err)
		}
		return revision
	}
	var mu sync.Mutex
	var seen, written []uint64
	rounds := 0
	written = append(written, put(), put())
	stop := bustest.Run(t, func(ctx context.Context) error {
		return reader.Watch(ctx, topology.Config, []string{">"}, func(u bus.Update) error {
			mu.Lock()
			defer mu.Unlock()
			seen = append(seen, u.Revision)
			return nil
		}, func() { rounds++ })
	})
	know := func() {
		t.Helper()
		bustest.Eventually(t, "what was written is known", func() bool {
			mu.Lock()
			defer mu.Unlock()
			return len(seen) > 0 && seen[len(seen)-1] == written[len(written)-1]
		})
	}
	know()
	for range 2 {
		s.Close()
		s = start()
		bustest.Eventually(t, "the writer is back", func() bool { return writer.Ready(t.Context()) == nil })
		written = append(written, put())
		if took := machine.Took(know); took > 20*time.Second {
			t.Errorf("known after %v", took)
		}
		written = append(written, put())
		know()
	}
	stop()
	s.Close()
	if len(seen) != len(written) || rounds != 1 {
		t.Errorf("saw %v of %v, %d first rounds", seen, written, rounds)
	}
	for i := range min(len(seen), len(written)) {
		if seen[i] != written[i] {
			t.Errorf("saw %v of %v", seen, written)
			break
		}
	}
}
