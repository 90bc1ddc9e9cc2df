package evaluator_test

import (
	"context"
	"errors"
	"fmt"
	"maps"
	"testing"
	"time"

	"filippo.io/age"
	"github.com/prometheus/client_golang/prometheus"
	"plumbline.dev/bus"
	"plumbline.dev/bus/bustest"
	"plumbline.dev/bus/topology"
	"plumbline.dev/proto"
	"plumbline.dev/services/evaluator"
	"plumbline.dev/services/evaluator/foldtest"
	"plumbline.dev/services/internal/clock"
	"plumbline.dev/services/internal/seal/sealtest"
)

// fixture plays the other services: the api writes CONFIG, the registry pages, a fetcher scores.
type fixture struct {
	t                      testing.TB
	b                      *bustest.Bus
	api, registry, fetcher *bus.Conn
	reader, operator       *bus.Conn
	account                proto.Account
	integration            proto.ID
	revisions              map[string]uint64
	clock                  *clock.Fake
	running                []*evaluator.Service
	identities             []age.Identity // of the evaluators
}

func newFixture(t testing.TB, o topology.Options) *fixture {
	f := newEmptyFixture(t, o)
	f.put(topology.Config, topology.ConfigKey(f.account, topology.KindIntegration, f.integration),
		&proto.Integration{ID: f.integration, Type: proto.TypeCustomS2S, Interval: time.Minute})
	return f
}

// newEmptyFixture returns a fixture whose integration is not stored yet.
func newEmptyFixture(t testing.TB, o topology.Options) *fixture {
	b := bustest.StartWith(t, o)
	return &fixture{t: t, b: b, api: b.Conn(topology.API), registry: b.Conn(topology.Registry),
		fetcher: b.Conn(topology.Fetcher), reader: b.Conn(topology.API), operator: b.Conn(topology.Operator),
		account: proto.NewAccount(), integration: proto.NewID(), revisions: map[string]uint64{},
		clock: clock.NewFake(time.Now()), identities: sealtest.Identities(t)}
}

// evaluators starts services, ended with the test.
func (f *fixture) evaluators(n int) {
	f.t.Helper()
	for range n {
		f.t.Cleanup(f.evaluator())
	}
}

// evaluator starts a service, and returns a function to end it.
func (f *fixture) evaluator() (stop func()) {
	f.t.Helper()
	s, err := evaluator.New(evaluator.Config{Sweep: 20 * time.Millisecond},
		evaluator.Deps{Bus: f.b.Conn(topology.Evaluator), Log: bustest.Log(f.t), Metrics: prometheus.NewRegistry(),
			Clock: f.clock, Identities: f.identities})
	if err != nil {
		f.t.Fatal(err)
	}
	ctx, cancel := context.WithCancel(context.Background())
	ended := make(chan error, 1)
	go func() { ended <- s.Run(ctx) }()
	f.running = append(f.running, s)
	bustest.Eventually(f.t, "the evaluator is ready", func() bool { return s.Ready(f.t.Context()) == nil })
	return func() {
		cancel()
		if err := <-ended; err != nil {
			f.t.Errorf("an evaluator ended with %v", err)
		}
	}
}

func (f *fixture) put(bucket, key string, body proto.Message) uint64 {
	f.t.Helper()
	c := f.api
	if bucket == topology.Devices {
		c = f.registry
	}
	r, err := c.Put(f.t.Context(), bucket, key, body, f.revisions[key])
	if err != nil {
		f.t.Fatal(err)
	}
	f.revisions[key] = r
	return r
}

func (f *fixture) check(id proto.ID, op proto.Operator, score float64, expiration time.Duration) uint64 {
	f.t.Helper()
	return f.put(topology.Config, topology.ConfigKey(f.account, topology.KindCheck, id), &proto.Check{
		ID: id, Type: proto.TypeCustomS2S, Integration: f.integration, Operator: op, Score: score,
		Expiration: expiration})
}

func (f *fixture) remove(kind topology.Kind, id proto.ID) {
	f.t.Helper()
	key := topology.ConfigKey(f.account, kind, id)
	if err := f.api.Delete(f.t.Context(), topology.Config, key, f.revisions[key]); err != nil {
		f.t.Fatal(err)
	}
	delete(f.revisions, key)
}

func (f *fixture) page(n topology.PageNumber, ids ...proto.ID) uint64 {
	f.t.Helper()
	page := &proto.Page{}
	for _, id := range ids {
		page.Devices = append(page.Devices, proto.Device{ID: id, Hostname: "h"})
	}
	return f.put(topology.Devices, topology.PageKey(f.account, n), page)
}

func (f *fixture) ref(n topology.PageNumber) topology.PageRef {
	return topology.PageRef{Account: f.account, Integration: f.integration, Page: n}
}

func (f *fixture) poll(n topology.PageNumber, tick uint64, revision uint64, scores map[proto.ID]int) {
	f.t.Helper()
	in := &proto.Input{Cause: proto.CausePoll, Tick: tick, PageRevision: revision,
		Poll: proto.Poll{Attempts: 1, Status: 200}}
	for id, s := range scores {
		in.Observations = append(in.Observations, proto.Observation{Device: id, Score: s})
	}
	f.send(n, in)
}

func (f *fixture) send(n topology.PageNumber, in *proto.Input) {
	f.t.Helper()
	if _, err := f.fetcher.Publish(f.t.Context(), bus.Outgoing{Subject: topology.Scores(f.ref(n)), Body: in}); err != nil {
		f.t.Fatal(err)
	}
}

func (f *fixture) newest(stream string, n topology.PageNumber) *proto.Entry {
	m, err := f.reader.Last(f.t.Context(), stream, topology.Log(f.ref(n)))
	if errors.Is(err, bus.ErrNotFound) {
		return nil
	}
	e := new(proto.Entry)
	if err == nil {
		err = m.Decode(e)
	}
	if err != nil {
		f.t.Error(err)
		return nil
	}
	return e
}

// until waits for the newest entry of a page to be as wanted, and returns it.
func (f *fixture) until(n topology.PageNumber, what string, ok func(*proto.Entry) bool) (e *proto.Entry) {
	f.t.Helper()
	bustest.Eventually(f.t, what, func() bool {
		e = f.newest(topology.PostureLog, n)
		return e != nil && ok(e)
	})
	return e
}

// says are the outcomes and reasons of an entry, by device.
func says(e *proto.Entry) map[proto.ID]string {
	out := map[proto.ID]string{}
	for _, r := range e.Results {
		for i, v := range r.Verdicts {
			if i > 0 {
				out[r.Device] += ", "
			}
			out[r.Device] += v.Outcome.String() + " " + v.Reason.String()
		}
	}
	return out
}

func is(want map[proto.ID]string) func(*proto.Entry) bool {
	return func(e *proto.Entry) bool { return maps.Equal(says(e), want) }
}

func ids(n int) (out []proto.ID) {
	for range n {
		out = append(out, proto.NewID())
	}
	return out
}

func (f *fixture) lastSeq(stream string) uint64 {
	f.t.Helper()
	s, err := f.operator.JetStream().Stream(f.t.Context(), stream)
	if err != nil {
		f.t.Fatal(err)
	}
	return s.CachedInfo().State.LastSeq
}

// settled waits until every change is fanned out and every input evaluated.
func (f *fixture) settled() {
	f.t.Helper()
	bustest.Eventually(f.t, "everything is handled", f.handled)
}

func (f *fixture) handled() bool {
	for _, c := range [][2]string{{topology.BucketStream(topology.Devices), topology.ConsumerPageChanges},
		{topology.BucketStream(topology.Config), topology.ConsumerConfigChanges}, {topology.PostureScores, topology.ConsumerEvaluate}} {
		consumer, err := f.operator.JetStream().Consumer(f.t.Context(), c[0], c[1])
		if err != nil {
			f.t.Fatal(err)
		}
		if info := consumer.CachedInfo(); info.NumPending > 0 || info.NumAckPending > 0 {
			return false
		}
	}
	return true
}

// changesLeadTo folds every change of the log, in order, and checks where that ends, and on the way that
// each follows from what is before it and that the ticks of a page's entries never decrease.
func (f *fixture) changesLeadTo(want map[foldtest.ResultKey]proto.Outcome) {
	f.t.Helper()
	s, err := f.operator.JetStream().Stream(f.t.Context(), topology.PostureLog)
	if err != nil {
		f.t.Fatal(err)
	}
	have, ticks := map[foldtest.ResultKey]proto.Outcome{}, map[string]uint64{}
	entry := uint64(0)
	for seq := uint64(1); seq <= s.CachedInfo().State.LastSeq; seq++ {
		raw, err := s.GetMsg(f.t.Context(), seq)
		if err != nil {
			f.t.Fatal(err)
		}
		m := bus.Msg{Subject: raw.Subject, Header: raw.Header, Data: raw.Data}
		if ref, err := topology.ParsePage(raw.Subject); err == nil {
			var e proto.Entry
			if err := m.Decode(&e); err != nil {
				f.t.Fatal(err)
			}
			if e.Tick < ticks[raw.Subject] {
				f.t.Errorf("page %d goes from tick %d to %d", ref.Page, ticks[raw.Subject], e.Tick)
			}
			ticks[raw.Subject], entry = e.Tick, seq
			summary, err := proto.ParseSummary(raw.Header.Get(proto.HeaderSummary))
			if err != nil || summary.Devices != len(e.Results) || summary.Tick != e.Tick {
				f.t.Errorf("summary %+v, %v, of %+v", summary, err, e)
			}
			continue
		}
		if _, err := topology.ParseHold(raw.Subject); err == nil {
			continue
		}
		ref, err := topology.ParseChange(raw.Subject)
		if err != nil {
			f.t.Fatal(err)
		}
		var change proto.Change
		if err := m.Decode(&change); err != nil {
			f.t.Fatal(err)
		}
		if seq-uint64(change.Index) != entry {
			f.t.Errorf("change %d says that its entry is %d before it, that is %d", seq, change.Index, entry)
		}
		for _, d := range change.Devices {
			k := foldtest.ResultKey{Device: d.Device, Check: ref.Check}
			from, ok := have[k]
			if !ok {
				from = proto.OutcomeNone
			}
			if from != d.From {
				f.t.Errorf("change %d of %v comes from %s, it was %s", seq, k, d.From, from)
			}
			if have[k] = ref.Outcome; d.Gone() {
				delete(have, k)
			}
		}
	}
	if !maps.Equal(have, want) {
		f.t.Errorf("the changes lead to %s, want %s", count(have), count(want))
	}
}

func count(m map[foldtest.ResultKey]proto.Outcome) string {
	n := map[proto.Outcome]int{}
	for _, o := range m {
		n[o]++
	}
	return fmt.Sprint(n)
}
