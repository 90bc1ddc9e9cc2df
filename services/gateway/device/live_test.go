package device

import (
	"context"
	"net/netip"
	"testing"
	"time"

	"plumbline.dev/bus"
	"plumbline.dev/bus/bustest"
	"plumbline.dev/bus/bustest/machine"
	"plumbline.dev/bus/topology"
	"plumbline.dev/proto"
	"plumbline.dev/services/gateway/staleness"
	"plumbline.dev/services/internal/catalog"
	"plumbline.dev/services/internal/clock"
)

// fixture is a server, the connections of the writers, and a view.
type fixture struct {
	*testing.T
	registry, evaluator, api *bus.Conn
	devices                  *Devices
	catalog                  *catalog.Catalog
	stale                    *staleness.Guard
	revisions                map[string]uint64
}

// watchFixture runs a view, and a staleness guard over it with a limit.
func watchFixture(t *testing.T, conn func(topology.Role) *bus.Conn, limit time.Duration) *fixture {
	w := &fixture{T: t, registry: conn(topology.Registry), evaluator: conn(topology.Evaluator), api: conn(topology.API),
		revisions: map[string]uint64{}}
	gateway := conn(topology.Gateway)
	w.catalog = catalog.New(gateway)
	w.devices = New(Config{Overlay: []netip.Prefix{netip.MustParsePrefix("100.64.0.0/10")}},
		Deps{Bus: gateway, Log: bustest.Log(t), Clock: clock.NewFake(epoch), Settings: w.catalog})
	watch, restart := staleness.Restartable(w.catalog.Run)
	parts := []staleness.Part{staleness.OfStream(gateway, clock.System, staleness.View{
		Name: "configuration", Stream: topology.BucketStream(topology.Config),
		Filter: topology.BucketSubject(topology.Config, ">"), Seen: w.catalog.Revision, Restart: restart,
	})}
	for _, v := range w.devices.Views() {
		parts = append(parts, staleness.OfStream(gateway, clock.System, v))
	}
	w.stale = staleness.New(limit, clock.System, bustest.Log(t), parts...)
	begin(t, watch)
	begin(t, w.devices.Run)
	begin(t, w.stale.Run)
	return w
}

func (w *fixture) ready() {
	w.Helper()
	if err := w.devices.Await(w.Context()); err != nil {
		w.Fatal(err)
	}
	if err := w.catalog.Await(w.Context()); err != nil {
		w.Fatal(err)
	}
	bustest.Eventually(w, "everything is confirmed", func() bool { return w.stale.Fresh(time.Now()) })
}

func (w *fixture) put(conn *bus.Conn, bucket, key string, m proto.Message) {
	w.Helper()
	revision, err := conn.Put(w.Context(), bucket, key, m, w.revisions[key])
	if err != nil {
		w.Fatal(err)
	}
	w.revisions[key] = revision
}

func (w *fixture) configure() {
	w.Helper()
	w.put(w.api, topology.Config, topology.ConfigKey(account, topology.KindIntegration, integration),
		&proto.Integration{ID: integration, Type: proto.TypeCustomS2S})
	w.put(w.api, topology.Config, topology.ConfigKey(account, topology.KindCheck, check),
		&proto.Check{ID: check, Type: proto.TypeCustomS2S, Integration: integration})
}

func (w *fixture) enrol(n topology.PageNumber, devices ...proto.Device) {
	w.Helper()
	w.put(w.registry, topology.Devices, topology.PageKey(account, n), &proto.Page{Devices: devices})
}

// say commits an entry and gives its place in the log.
func (w *fixture) say(n topology.PageNumber, results ...proto.Result) uint64 {
	w.Helper()
	ack, err := w.evaluator.Publish(w.Context(), bus.Outgoing{Subject: topology.Log(onPage(n)), Body: entryOf(results...)})
	if err != nil {
		w.Fatal(err)
	}
	return ack.Seq
}

func (w *fixture) eventually(n int, want proto.Outcome) time.Duration {
	w.Helper()
	return machine.Took(func() {
		bustest.Eventually(w, "the outcome is "+want.String(), func() bool {
			return w.devices.Posture(account, dev(n), check).Outcome == want
		})
	})
}

func TestFollowsInventoryAndResults(t *testing.T) {
	t.Parallel()
	b := bustest.Start(t)
	early := watchFixture(t, b.Conn, time.Minute) // begins with nothing
	early.ready()
	early.configure()
	early.enrol(0, proto.Device{ID: dev(1), IPv4: "100.64.0.1"}, proto.Device{ID: dev(2)})
	early.say(0, result(1, 80, proto.OutcomePass), result(2, 10, proto.OutcomeFail))
	early.eventually(1, proto.OutcomePass)
	early.eventually(2, proto.OutcomeFail)
	best := time.Hour // of a few: the machine may be busy
	for range 3 {
		early.say(0, result(1, 80, proto.OutcomePass), result(2, 10, proto.OutcomeFail))
		best = min(best, early.eventually(1, proto.OutcomePass))
		early.say(0, result(1, 20, proto.OutcomeFail), result(2, 10, proto.OutcomeFail))
		best = min(best, early.eventually(1, proto.OutcomeFail))
	}
	if best > 10*time.Second {
		t.Errorf("the gateway knew %v after the log entry", best)
	}
	if id, ok := early.devices.Behind(account, netip.MustParseAddr("100.64.0.1"), nil); !ok || id != dev(1) {
		t.Errorf("%v, %t", id, ok)
	}

	late := watchFixture(t, b.Conn, time.Minute) // begins with what is there
	late.revisions = early.revisions
	late.ready()
	if got := late.devices.Posture(account, dev(1), check); got.Outcome != proto.OutcomeFail || got.Score != 20 {
		t.Errorf("%+v", got)
	}
	// One copy of the page's ids.
	ids, e := late.devices.inventory.ids(account, 0), late.devices.state.page(onPage(0))
	if len(ids) != 2 || &ids[0] != &e.devices[0] {
		t.Error("the entry has ids of its own")
	}
	late.enrol(0, proto.Device{ID: dev(2)})
	late.eventually(1, proto.OutcomeUnknown)
	if err := late.registry.Delete(t.Context(), topology.Devices, topology.PageKey(account, 0),
		late.revisions[topology.PageKey(account, 0)]); err != nil {
		t.Fatal(err)
	}
	late.eventually(2, proto.OutcomeUnknown)
	if err := late.stale.Err(); err != nil {
		t.Error(err)
	}
}

// The gateway knows of a result though POSTURE_STATE stands still, as it does for a minute after the servers were away.
func TestResultsWhileTheStateStandsStill(t *testing.T) {
	t.Parallel()
	b := bustest.Start(t)
	w := watchFixture(t, b.Conn, time.Minute)
	w.configure()
	w.enrol(0, proto.Device{ID: dev(1)})
	w.say(0, result(1, 80, proto.OutcomePass))
	w.ready()
	w.eventually(1, proto.OutcomePass)
	b.StandStill(topology.PostureState)
	for _, outcome := range []proto.Outcome{proto.OutcomeFail, proto.OutcomePass} {
		w.say(0, result(1, 50, outcome))
		w.eventually(1, outcome)
	}
	bustest.Eventually(t, "everything is confirmed", func() bool { return w.stale.Err() == nil })
}

// A watch continues after the server has lost its consumer.
func TestAForgottenConsumerIsMadeAgain(t *testing.T) {
	t.Parallel()
	b := bustest.Start(t)
	w := watchFixture(t, b.Conn, time.Minute)
	w.configure()
	w.enrol(0, proto.Device{ID: dev(1)})
	w.say(0, result(1, 80, proto.OutcomePass))
	w.ready()
	w.eventually(1, proto.OutcomePass)
	operator := b.Conn(topology.Operator).JetStream()
	for _, name := range []string{topology.BucketStream(topology.Devices), topology.PostureState,
		topology.BucketStream(topology.Config)} {
		s, err := operator.Stream(t.Context(), name)
		if err != nil {
			t.Fatal(err)
		}
		for info := range s.ListConsumers(t.Context()).Info() {
			if info.Config.Durable == "" {
				if err := s.DeleteConsumer(t.Context(), info.Name); err != nil {
					t.Fatal(err)
				}
			}
		}
	}
	w.say(0, result(1, 10, proto.OutcomeFail), result(2, 90, proto.OutcomePass))
	w.enrol(0, proto.Device{ID: dev(1)}, proto.Device{ID: dev(2)})
	w.eventually(1, proto.OutcomeFail)
	w.eventually(2, proto.OutcomePass)
	revision, err := w.api.Put(t.Context(), topology.Config, topology.ConfigKey(account, topology.KindCheck, second),
		&proto.Check{ID: second}, 0)
	if err != nil {
		t.Fatal(err)
	}
	ctx, cancel := context.WithTimeout(t.Context(), time.Minute)
	defer cancel()
	if err := w.catalog.AwaitRevision(ctx, revision); err != nil {
		t.Error(err)
	}
}

// NATS is unreachable for longer than the limit: the view keeps its data and is stale. After NATS returns, everything
// is confirmed again and later changes are known, without intervention.
func TestAnOutage(t *testing.T) {
	t.Parallel()
	s := startServer(t)
	w := watchFixture(t, s.conn, 2*time.Second)
	w.configure()
	w.enrol(0, proto.Device{ID: dev(1), IPv4: "100.64.0.1"})
	w.say(0, result(1, 80, proto.OutcomePass))
	w.ready()
	w.eventually(1, proto.OutcomePass)

	s.Close()
	took := machine.Took(func() {
		bustest.Eventually(t, "it is too old", func() bool { return !w.stale.Fresh(time.Now()) })
	})
	if took > 20*time.Second {
		t.Errorf("too old after %v", took)
	}
	if got := w.devices.Posture(account, dev(1), check); got.Outcome != proto.OutcomePass {
		t.Errorf("what was known is lost: %+v", got)
	}
	if err := w.stale.Err(); err == nil {
		t.Error("nothing is said of the outage")
	}

	s.start()
	begun := time.Now()
	bustest.Eventually(t, "NATS is back", func() bool {
		return w.evaluator.Ready(t.Context()) == nil && w.registry.Ready(t.Context()) == nil
	})
	w.say(0, result(1, 10, proto.OutcomeFail), result(2, 90, proto.OutcomePass))
	w.enrol(0, proto.Device{ID: dev(1)}, proto.Device{ID: dev(2)})
	w.eventually(1, proto.OutcomeFail)
	w.eventually(2, proto.OutcomePass)
	bustest.Eventually(t, "everything is confirmed", func() bool {
		return w.stale.Fresh(time.Now()) && w.stale.Err() == nil
	})
	t.Logf("everything is known and confirmed %v after the restart", time.Since(begun))
	key := topology.ConfigKey(account, topology.KindCheck, check)
	if err := w.api.Delete(t.Context(), topology.Config, key, w.revisions[key]); err != nil {
		t.Fatal(err)
	}
	w.eventually(2, proto.OutcomeUnknown)
}

// The connection is there, but the streams have no leader: two of three servers are gone.
func TestStreamsWithoutALeader(t *testing.T) {
	t.Parallel()
	b := bustest.Cluster(t)
	w := watchFixture(t, func(r topology.Role) *bus.Conn { return b.ConnTo(0, r) }, 3*time.Second)
	w.configure()
	w.ready()
	b.Server(1).Close()
	b.Server(2).Close()
	alone := time.Now()
	bustest.Eventually(t, "it is too old", func() bool { return !w.stale.Fresh(time.Now()) })
	t.Logf("too old %v after the last of the others was gone", time.Since(alone))
	if !w.devices.inventory.tail.Conn.NATS().IsConnected() {
		t.Error("the connection is gone as well")
	}
}
