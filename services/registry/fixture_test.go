package registry

import (
	"context"
	"encoding/binary"
	"fmt"
	"testing"
	"time"

	"github.com/google/go-cmp/cmp"
	"github.com/nats-io/nats.go"
	"github.com/prometheus/client_golang/prometheus"
	"plumbline.dev/bus"
	"plumbline.dev/bus/bustest"
	"plumbline.dev/bus/topology"
	"plumbline.dev/proto"
	"plumbline.dev/services/internal/clock"
)

// fixture is a server, and the api that sends commands over it.
type fixture struct {
	t       testing.TB
	bus     *bustest.Bus
	api     *bus.Conn
	account proto.Account
}

func newFixture(t testing.TB) *fixture { return newFixtureOn(t, bustest.Start(t)) }

func newFixtureOn(t testing.TB, b *bustest.Bus) *fixture {
	return &fixture{t: t, bus: b, api: b.Conn(topology.API), account: proto.NewAccount()}
}

func (w *fixture) registry(cfg Config) *Service {
	w.t.Helper()
	s, err := New(cfg, Deps{Bus: w.bus.Conn(topology.Registry), Log: bustest.Log(w.t), Metrics: prometheus.NewRegistry(),
		Clock: clock.System})
	if err != nil {
		w.t.Fatal(err)
	}
	return s
}

// run runs a registry until stop is called, or the test ends.
func (w *fixture) run(cfg Config) (s *Service, stop func()) {
	s = w.registry(cfg)
	return s, w.start(s.Run)
}

func (w *fixture) start(run func(context.Context) error) (stop func()) {
	return bustest.Run(w.t, run)
}

// send stores a command and returns the message as its consumer would get it, and where its answers come.
func (w *fixture) send(c *proto.Command) (*bus.Msg, *nats.Subscription) {
	w.t.Helper()
	inbox := w.api.CommandInbox()
	answers, err := w.api.NATS().SubscribeSync(inbox)
	if err != nil {
		w.t.Fatal(err)
	}
	data, err := proto.Marshal(c)
	if err != nil {
		w.t.Fatal(err)
	}
	m := &bus.Msg{Subject: topology.Command(w.account), Data: data, Header: nats.Header{proto.HeaderReplyTo: {inbox}},
		Time: time.Now()}
	ack, err := w.api.Publish(w.t.Context(), bus.Outgoing{Subject: m.Subject, Body: c, Header: m.Header})
	if err != nil {
		w.t.Fatal(err)
	}
	m.Seq = ack.Seq
	return m, answers
}

func (w *fixture) answer(answers *nats.Subscription) (a proto.CommandAnswer) {
	w.t.Helper()
	m, err := answers.NextMsg(20 * time.Second)
	if err != nil {
		w.t.Fatal("no answer:", err)
	}
	if err := proto.Unmarshal(m.Data, &a); err != nil {
		w.t.Fatal(err)
	}
	return a
}

func (w *fixture) do(c *proto.Command) proto.CommandAnswer {
	w.t.Helper()
	_, answers := w.send(c)
	return w.answer(answers)
}

// pages reads the account's pages and fails if invariant 1 does not hold.
func (w *fixture) pages() map[topology.PageNumber][]proto.Device {
	w.t.Helper()
	subjects, err := w.api.Subjects(w.t.Context(), topology.BucketStream(topology.Devices),
		topology.BucketSubject(topology.Devices, topology.PageKeys(w.account)))
	if err != nil {
		w.t.Fatal(err)
	}
	pages, seen := map[topology.PageNumber][]proto.Device{}, map[proto.ID]topology.PageNumber{}
	for subject := range subjects {
		key, _ := topology.KeyOf(topology.Devices, subject)
		_, n, err := topology.ParsePageKey(key)
		if err != nil {
			w.t.Fatal(err)
		}
		var page proto.Page
		w.bus.Newest(topology.Devices, key, &page) // fails where there are more than 1,000 devices
		pages[n] = page.Devices
		for _, d := range page.Devices {
			if other, twice := seen[d.ID]; twice {
				w.t.Errorf("device %s is in pages %d and %d", d.ID, other, n)
			}
			seen[d.ID] = n
		}
	}
	return pages
}

func (w *fixture) sizes() []int {
	w.t.Helper()
	pages := w.pages()
	sizes := make([]int, len(pages))
	for n, devices := range pages {
		sizes[n] = len(devices)
	}
	return sizes
}

func (w *fixture) ready(s *Service) {
	w.t.Helper()
	ctx, cancel := context.WithTimeout(w.t.Context(), time.Minute)
	defer cancel()
	bustest.Eventually(w.t, "the registry is ready", func() bool { return s.Ready(ctx) == nil })
}

func fleet(from, to int) []proto.Device {
	all := make([]proto.Device, 0, to-from)
	for i := from; i < to; i++ {
		all = append(all, proto.Device{ID: numbered(i), Email: fmt.Sprintf("user%d@example.com", i),
			Serial: fmt.Sprintf("SN%08d", i), Hostname: fmt.Sprintf("host-%d", i)})
	}
	return all
}

func numbered(i int) (id proto.ID) {
	binary.BigEndian.PutUint64(id[8:], uint64(i)+1)
	return id
}

func ids(from, to int) (all []proto.ID) {
	for i := from; i < to; i++ {
		all = append(all, numbered(i))
	}
	return all
}

func want(t testing.TB, what string, got, want any) {
	t.Helper()
	if diff := cmp.Diff(want, got); diff != "" {
		t.Errorf("%s: %s", what, diff)
	}
}

func counts(a proto.CommandAnswer) string {
	if a.Error != nil {
		return a.Error.Code
	}
	return fmt.Sprintf("+%d ~%d =%d -%d ?%d !%d", a.Enrolled, a.Updated, a.Unchanged, a.Removed, a.Absent,
		len(a.Refused)+a.RefusedMore)
}
