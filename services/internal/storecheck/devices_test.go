package storecheck_test

import (
	"fmt"
	"maps"
	"strings"
	"testing"

	"github.com/nats-io/nats.go"
	"github.com/prometheus/client_golang/prometheus"
	"plumbline.dev/bus"
	"plumbline.dev/bus/bustest"
	"plumbline.dev/bus/embed"
	"plumbline.dev/bus/provision"
	"plumbline.dev/bus/topology"
	"plumbline.dev/proto"
	"plumbline.dev/services/internal/clock"
	"plumbline.dev/services/internal/storecheck"
	"plumbline.dev/services/registry"
)

// fleet sends commands to a registry and tracks the expected devices.
type fleet struct {
	t       *testing.T
	api     *bus.Conn
	account proto.Account
	want    map[proto.ID]string // hostnames
}

// runRegistry runs a registry until the test ends or stop is called.
func runRegistry(t *testing.T, s *embed.Server) (r *registry.Service, stop func()) {
	t.Helper()
	r, err := registry.New(registry.Config{}, registry.Deps{Bus: connect(t, s, topology.Registry), Log: bustest.Log(t),
		Metrics: prometheus.NewRegistry(), Clock: clock.System})
	if err != nil {
		t.Fatal(err)
	}
	return r, bustest.Run(t, r.Run)
}

func (f *fleet) do(c *proto.Command) proto.CommandAnswer {
	f.t.Helper()
	inbox := f.api.CommandInbox()
	answers, err := f.api.NATS().SubscribeSync(inbox)
	if err != nil {
		f.t.Fatal(err)
	}
	if _, err := f.api.Publish(f.t.Context(), bus.Outgoing{Subject: topology.Command(f.account), Body: c,
		Header: nats.Header{proto.HeaderReplyTo: {inbox}}}); err != nil {
		f.t.Fatal(err)
	}
	m, err := answers.NextMsgWithContext(f.t.Context())
	if err != nil {
		f.t.Fatal(err)
	}
	var a proto.CommandAnswer
	if err := proto.Unmarshal(m.Data, &a); err != nil {
		f.t.Fatal(err)
	}
	return a
}

// enrol enrols or updates the devices from first to last, of about 600 bytes each.
func (f *fleet) enrol(first, last int, hostname string) {
	f.t.Helper()
	for first < last {
		c := &proto.Command{}
		for ; first < last && len(c.Upsert) < 5000; first++ {
			d := proto.Device{ID: proto.DeriveID(f.account, fmt.Sprint(first)), Hostname: hostname,
				Email: strings.Repeat("e", 250) + "@example.com", Serial: strings.Repeat("s", 250)}
			c.Upsert, f.want[d.ID] = append(c.Upsert, d), hostname
		}
		if a := f.do(c); a.Error != nil || a.Enrolled+a.Updated+a.Unchanged != len(c.Upsert) {
			f.t.Fatalf("answer %+v", a)
		}
	}
}

func (f *fleet) remove(first, last int) {
	f.t.Helper()
	c := &proto.Command{}
	for ; first < last; first++ {
		id := proto.DeriveID(f.account, fmt.Sprint(first))
		c.Remove = append(c.Remove, id)
		delete(f.want, id)
	}
	if a := f.do(c); a.Error != nil || a.Removed != len(c.Remove) {
		f.t.Fatalf("answer %+v", a)
	}
}

// have returns the devices in the bucket.
func (f *fleet) have(t *testing.T, c *bus.Conn) map[proto.ID]string {
	t.Helper()
	all := map[proto.ID]string{}
	err := c.Range(t.Context(), topology.BucketStream(topology.Devices),
		topology.BucketSubject(topology.Devices, topology.AllPageKeys), 1, 1<<40,
		func(m *bus.Msg) error {
			var page proto.Page
			if m.Deleted() || m.Decode(&page) != nil {
				return nil
			}
			for _, d := range page.Devices {
				all[d.ID] = d.Hostname
			}
			return nil
		})
	if err != nil {
		t.Fatal(err)
	}
	return all
}

func (f *fleet) on(t *testing.T, s *embed.Server) *fleet {
	return &fleet{t: t, api: connect(t, s, topology.API), account: f.account, want: maps.Clone(f.want)}
}

const (
	devicesBucket  = "KV_" + topology.Devices
	fleetSize      = 30_000
	devicesUpdated = 3_000
)

// newFleet is a store with 30 pages in several blocks, some of them written more than once, and an older copy of it.
func newFleet(t *testing.T) (store, old bustest.Stopped, f *fleet) {
	store = bustest.NewStore(t)
	server := store.Start()
	f = (&fleet{account: proto.NewAccount()}).on(t, server)
	f.want = map[proto.ID]string{}
	check(t, server)
	_, stop := runRegistry(t, server)
	f.enrol(0, fleetSize/2, "first")
	stop()
	server.Close()
	old = store.Copy()
	server = store.Start()
	f = f.on(t, server)
	_, stop = runRegistry(t, server)
	f.enrol(fleetSize/2, fleetSize, "second")
	f.enrol(1000, 1000+devicesUpdated, "third")
	f.remove(17_000, 18_000)
	// A command set aside is settled as well.
	if _, err := f.api.JetStream().Publish(t.Context(), topology.Command(f.account), []byte("garbage")); err != nil {
		t.Fatal(err)
	}
	f.enrol(20_000, 20_010, "fourth")
	stop()
	server.Close()
	if n := store.Blocks(devicesBucket); n < 2 {
		t.Fatalf("%d blocks", n)
	}
	return store, old, f
}

// A store that lost devices, or their changes, reports this, becomes ready only after the loss is accepted, and then
// works. An intact store reports nothing.
func TestLostDevicesAreNoticed(t *testing.T) {
	t.Parallel()
	store, old, f := newFleet(t)
	last := store.Blocks(devicesBucket) - 1
	for name, harm := range map[string]struct {
		do   func(bustest.Stopped)
		harm bool // devices are lost for certain
	}{
		"nothing":             {func(bustest.Stopped) {}, false},
		"the index":           {func(s bustest.Stopped) { s.RemoveIndex(devicesBucket) }, false},
		"the commands":        {func(s bustest.Stopped) { s.RemoveStream(topology.DeviceCommands) }, false},
		"the end":             {func(s bustest.Stopped) { s.TruncateLastBlock(devicesBucket, 100) }, true},
		"the end, unseen":     {func(s bustest.Stopped) { s.TruncateLastBlock(devicesBucket, 1<<20); s.RemoveIndex(devicesBucket) }, true},
		"the last block":      {func(s bustest.Stopped) { s.CorruptBlock(devicesBucket, last) }, true},
		"the first block":     {func(s bustest.Stopped) { s.CorruptBlock(devicesBucket, 0) }, true},
		"the first, unseen":   {func(s bustest.Stopped) { s.CorruptBlock(devicesBucket, 0); s.RemoveIndex(devicesBucket) }, true},
		"a block":             {func(s bustest.Stopped) { s.CorruptBlock(devicesBucket, 1) }, true},
		"the stream":          {func(s bustest.Stopped) { s.RemoveStream(devicesBucket) }, true},
		"an old copy of it":   {func(s bustest.Stopped) { s.PutBackStream(old, devicesBucket) }, true},
		"the whole, from old": {func(s bustest.Stopped) { s.PutBack(old) }, false}, // nothing in it tells
	} {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			s := store.Copy()
			harm.do(s)
			server := s.Start()
			r := check(t, server)
			if got := strings.Contains(strings.Join(r.Lost, "\n"), "DEVICES"); got != harm.harm {
				t.Fatalf("devices are lost: %v, report %+v", harm.harm, r)
			}
			f := f.on(t, server)
			operator := connect(t, server, topology.Operator)
			if !harm.harm {
				service, stop := runRegistry(t, server)
				defer stop()
				bustest.Eventually(t, "the registry is ready", func() bool { return service.Ready(t.Context()) == nil })
				if name != "the whole, from old" && !maps.Equal(f.want, f.have(t, operator)) {
					t.Error("devices are missing")
				}
				return
			}
			accepted, err := storecheck.Check(t.Context(), operator, options, true, bustest.Log(t))
			if err != nil || len(accepted.Lost) > 0 || len(accepted.Accepted) == 0 {
				t.Fatalf("with accepted loss: %v, %+v", err, accepted)
			}
			if r := check(t, server); len(r.Lost)+len(r.Accepted) > 0 {
				t.Fatalf("after the loss was accepted: %+v", r)
			}
			service, stop := runRegistry(t, server)
			bustest.Eventually(t, "the registry is ready", func() bool { return service.Ready(t.Context()) == nil })
			f.enrol(0, 17_000, "again")
			f.enrol(18_000, fleetSize, "again")
			stop()
			have := f.have(t, operator)
			for id, hostname := range f.want {
				if have[id] != hostname {
					t.Fatalf("device %v is %q, want %q", id, have[id], hostname)
				}
			}
			if r := check(t, server); len(r.Lost) > 0 {
				t.Errorf("after the import: %+v", r)
			}
		})
	}
}

// A registry started alone on a damaged bucket is not ready and enrols no devices, because its cursor would hide the
// loss.
func TestTheRegistryIsNotReadyWithoutItsPages(t *testing.T) {
	t.Parallel()
	store, _, f := newFleet(t)
	store.CorruptBlock(devicesBucket, 0)
	server := store.Start()
	operator := connect(t, server, topology.Operator)
	if err := provision.Topology(t.Context(), operator, options); err != nil {
		t.Fatal(err)
	}
	before := f.on(t, server).have(t, operator)
	service, stop := runRegistry(t, server)
	defer stop()
	bustest.Eventually(t, "the registry says what is lost", func() bool {
		err := service.Ready(t.Context())
		return err != nil && strings.Contains(err.Error(), "--accept-loss") &&
			strings.Contains(err.Error(), f.account.String())
	})
	api := connect(t, server, topology.API)
	if _, err := api.Publish(t.Context(), bus.Outgoing{Subject: topology.Command(f.account),
		Body: &proto.Command{Upsert: []proto.Device{{ID: proto.NewID()}}}}); err != nil {
		t.Fatal(err)
	}
	bustest.Eventually(t, "the command was tried", func() bool {
		err := service.Ready(t.Context())
		return err != nil
	})
	if after := f.have(t, operator); !maps.Equal(before, after) {
		t.Error("a device was enrolled")
	}
}
