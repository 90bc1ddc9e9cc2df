package evaluator

import (
	"context"
	"errors"
	"testing"
	"time"

	"github.com/prometheus/client_golang/prometheus"
	"plumbline.dev/bus"
	"plumbline.dev/bus/bustest"
	"plumbline.dev/bus/topology"
	"plumbline.dev/proto"
	"plumbline.dev/services/evaluator/fold"
	"plumbline.dev/services/internal/catalog"
	"plumbline.dev/services/internal/clock"
	"plumbline.dev/services/internal/overview"
)

// scripted is a store with reads set by the test.
type scripted struct {
	read      state
	inventory []fold.Page // one a read, the last for ever
	commits   []uint64    // what each expected
	refuse    bool
}

func (s *scripted) newest(context.Context, topology.PageRef) (state, error) { return s.read, nil }
func (s *scripted) page(context.Context, topology.PageRef) (fold.Page, error) {
	p := s.inventory[0]
	if len(s.inventory) > 1 {
		s.inventory = s.inventory[1:]
	}
	return p, nil
}
func (s *scripted) config(_ context.Context, _ topology.PageRef, least uint64) (fold.Config, error) {
	return fold.Config{Revision: max(1, least), Exists: true}, nil
}
func (s *scripted) revision(context.Context, proto.Account, topology.Kind, proto.ID) (uint64, error) {
	return 1, nil
}
func (s *scripted) commit(_ context.Context, _ topology.PageRef, step *fold.Step, _ *publication,
	expect uint64) (uint64, error) {
	s.commits = append(s.commits, expect)
	if s.refuse {
		return 0, bus.ErrConflict
	}
	return 100 + uint64(len(s.commits)), nil
}

func newTestEvaluator(t *testing.T, s store) *evaluator {
	m, err := newMetrics(prometheus.NewRegistry(), func() map[proto.HoldState]int { return nil })
	if err != nil {
		t.Fatal(err)
	}
	e := newEvaluator(s, clock.NewFake(start.Time()), m, signerForTests, 8)
	e.wait = func(context.Context, time.Duration) error { return nil }
	return e
}

func poll(tick uint64) *proto.Input { return &proto.Input{Cause: proto.CausePoll, Tick: tick} }

// The log has lost the entry and the state does not have it yet: the cached entry is newer than the one read.
func TestTheNewestEntryThatIsKnownIsBuiltOn(t *testing.T) {
	page := []fold.Page{{Revision: 1, Devices: []proto.ID{{1}}}}
	for _, c := range []struct {
		name         string
		read         state
		tick, expect uint64
	}{
		{"the state is behind", state{entry: &proto.Entry{Tick: 3}, seq: 50}, 5, 0},
		{"the state has none yet", state{}, 5, 0},
		{"a replica of the log is behind", state{entry: &proto.Entry{Tick: 3}, seq: 50, expect: 50}, 5, 101},
		{"somebody else wrote", state{entry: &proto.Entry{Tick: 7}, seq: 120, expect: 120}, 7, 120},
	} {
		s := &scripted{inventory: page}
		e := newTestEvaluator(t, s)
		if _, err := e.evaluate(t.Context(), topology.PageRef{}, poll(5), start, false); err != nil {
			t.Fatal(err)
		}
		v := evaluation{evaluator: e, readEntry: true}
		s.read = c.read
		got, remembered, err := v.last(t.Context())
		if err != nil || remembered || got.entry.Tick != c.tick || got.expect != c.expect {
			t.Errorf("%s: tick %d, expecting %d, remembered %t, %v", c.name, got.entry.Tick, got.expect, remembered, err)
		}
	}
}

func TestTheUsualPollReadsNothing(t *testing.T) {
	s := &scripted{inventory: []fold.Page{{Revision: 1, Devices: []proto.ID{{1}}}}}
	e := newTestEvaluator(t, s)
	if _, err := e.evaluate(t.Context(), topology.PageRef{}, poll(1), start, false); err != nil {
		t.Fatal(err)
	}
	e.store = &noReads{store: s, t: t}
	for tick := uint64(2); tick < 5; tick++ {
		if reason, err := e.evaluate(t.Context(), topology.PageRef{}, poll(tick), start, false); err != nil ||
			reason != fold.Written {
			t.Fatal(reason, err)
		}
	}
}

type noReads struct {
	store
	t *testing.T
}

func (n *noReads) newest(context.Context, topology.PageRef) (state, error) {
	n.t.Error("the entry was read")
	return state{}, nil
}

func (n *noReads) page(context.Context, topology.PageRef) (fold.Page, error) {
	n.t.Error("the page was read")
	return fold.Page{}, nil
}

func (n *noReads) revision(context.Context, proto.Account, topology.Kind, proto.ID) (uint64, error) {
	n.t.Error("a revision was read")
	return 0, nil
}

func TestAReplicaThatIsBehindIsWaitedFor(t *testing.T) {
	s := &scripted{inventory: []fold.Page{{Revision: 1}, {Revision: 1}, {Revision: 4, Devices: []proto.ID{{1}}}}}
	e := newTestEvaluator(t, s)
	in := poll(1)
	in.PageRevision = 4
	if reason, err := e.evaluate(t.Context(), topology.PageRef{}, in, start, false); err != nil || reason != fold.Written {
		t.Fatal(reason, err)
	}
	in = poll(2)
	in.PageRevision = 5
	if _, err := e.evaluate(t.Context(), topology.PageRef{}, in, start, false); err == nil || bus.IsPermanent(err) {
		t.Errorf("a page that is never there: %v", err)
	}
}

func TestAnEvaluationThatIsAlwaysSecondEnds(t *testing.T) {
	s := &scripted{inventory: []fold.Page{{Revision: 1}}, refuse: true}
	e := newTestEvaluator(t, s)
	if _, err := e.evaluate(t.Context(), topology.PageRef{}, poll(1), start, false); !errors.Is(err, errBusy) ||
		len(s.commits) != maxRounds {
		t.Errorf("%v after %d commits", err, len(s.commits))
	}
	if e.entries.Len() != 0 {
		t.Error("the memory was kept")
	}
}

// An unreadable record is not a removed one: the results stay.
func TestOnlyTheBucketClosesAPage(t *testing.T) {
	b := bustest.Start(t)
	operator := b.Conn(topology.Operator)
	p := topology.PageRef{Account: proto.NewAccount(), Integration: proto.NewID()}
	key := topology.ConfigKey(p.Account, topology.KindIntegration, p.Integration)
	conn := b.Conn(topology.Evaluator)
	c := catalog.New(conn, topology.KindIntegration, topology.KindCheck)
	go c.Run(t.Context())
	if err := c.Await(t.Context()); err != nil {
		t.Fatal(err)
	}
	s := &busStore{conn: conn, catalog: c}
	if config, err := s.config(t.Context(), p, 0); err != nil || config.Exists {
		t.Errorf("what never was: %+v, %v", config, err)
	}
	ack, err := operator.JetStream().Publish(t.Context(), topology.BucketSubject(topology.Config, key),
		[]byte("not msgpack"))
	if err != nil {
		t.Fatal(err)
	}
	if config, err := s.config(t.Context(), p, 0); err == nil {
		t.Errorf("what cannot be read: %+v", config)
	}
	revision, err := operator.Put(t.Context(), topology.Config, key, &proto.Integration{ID: p.Integration}, ack.Sequence)
	if err != nil {
		t.Fatal(err)
	}
	if config, err := s.config(t.Context(), p, 0); err != nil || !config.Exists || config.Revision < revision {
		t.Errorf("what is there: %+v, %v", config, err) // also if the view did not show it yet
	}
	if err := operator.Delete(t.Context(), topology.Config, key, revision); err != nil {
		t.Fatal(err)
	}
	if config, err := s.config(t.Context(), p, revision+1); err != nil || config.Exists {
		t.Errorf("what was removed: %+v, %v", config, err)
	}
}

func TestSweep(t *testing.T) {
	due := overview.Page{PageRef: topology.PageRef{Page: 3}, Seq: 8, Summary: proto.Summary{NextExpiry: start}}
	var sw sweeper
	ask := func(after time.Duration, pages ...overview.Page) (ids []string) {
		var all []asked
		all, sw.swept = sw.plan(start.Add(after), pages)
		for _, a := range all {
			if a.input.Cause != proto.CauseExpired || a.page != due.PageRef {
				t.Errorf("%+v", a)
			}
			ids = append(ids, a.id)
		}
		return ids
	}
	for _, c := range []struct {
		after time.Duration
		want  string
	}{
		{0, "8.0"}, {time.Second, ""}, {4999 * time.Millisecond, ""}, {5 * time.Second, "8.1"}, {9 * time.Second, ""},
		{10 * time.Second, "8.2"}, {19 * time.Second, ""}, {20 * time.Second, "8.3"}, {time.Hour, "8.10"},
	} {
		if got := ask(c.after, due); len(got) > 1 || len(got) == 1 != (c.want != "") || len(got) == 1 && got[0] != c.want {
			t.Errorf("%v after its expiry: asked %v, want %q", c.after, got, c.want)
		}
	}
	ask(time.Hour) // no longer due
	if len(sw.swept) != 0 {
		t.Errorf("%d pages are remembered", len(sw.swept))
	}
	due.Seq = 9
	if got := ask(time.Hour, due); len(got) != 1 || got[0] != "9.10" {
		t.Errorf("another entry: %v", got)
	}
}

func TestConfig(t *testing.T) {
	var c Config
	if err := c.validate(); err != nil || c.Workers != 8 || c.Remember != 1024 || c.Sweep != time.Second {
		t.Errorf("%+v, %v", c, err)
	}
	for _, bad := range []Config{{Workers: -1}, {Workers: 65}, {Remember: -1}, {Sweep: time.Millisecond}} {
		if err := bad.validate(); err == nil {
			t.Errorf("%+v is taken", bad)
		}
	}
	if _, err := New(Config{}, Deps{}); err == nil {
		t.Error("an evaluator without a bus")
	}
}
