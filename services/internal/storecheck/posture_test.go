package storecheck_test

import (
	"cmp"
	"context"
	"errors"
	"maps"
	"math/rand/v2"
	"slices"
	"strings"
	"testing"
	"time"

	gocmp "github.com/google/go-cmp/cmp"
	"github.com/nats-io/nats.go"
	"plumbline.dev/bus"
	"plumbline.dev/bus/bustest"
	"plumbline.dev/bus/embed"
	"plumbline.dev/bus/provision"
	"plumbline.dev/bus/topology"
	"plumbline.dev/proto"
	"plumbline.dev/services/evaluator/fold"
	"plumbline.dev/services/internal/storecheck"
)

var options = topology.Options{LogMaxBytes: 1 << 30}

func connect(t *testing.T, s *embed.Server, role topology.Role) *bus.Conn {
	t.Helper()
	c, err := s.Connect(t.Context(), role, bustest.Log(t))
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(c.Close)
	return c
}

// check provisions and checks the store as a start does.
func check(t *testing.T, s *embed.Server) storecheck.Report {
	t.Helper()
	c := connect(t, s, topology.Operator)
	if err := provision.Topology(t.Context(), c, options); err != nil {
		t.Fatal(err)
	}
	report, err := storecheck.Check(t.Context(), c, options, false, bustest.Log(t))
	if err != nil {
		t.Fatal(err)
	}
	return report
}

// writer commits entries and changes as an evaluator does.
type writer struct {
	t        *testing.T
	c        *bus.Conn // an evaluator's
	operator *bus.Conn
	account  proto.Account
	checks   []proto.ID
	pages    []topology.PageRef
	newest   map[topology.PageRef]*proto.Entry
	now      proto.Millis
	tick     uint64
	rng      *rand.Rand
}

const devices = 300

func newWriter(t *testing.T) *writer {
	w := &writer{t: t, account: proto.NewAccount(), newest: map[topology.PageRef]*proto.Entry{}, now: 1,
		rng: rand.New(rand.NewPCG(1, 2))}
	for range 2 {
		w.checks = append(w.checks, proto.NewID())
	}
	integration := proto.NewID()
	for i := range 5 {
		w.pages = append(w.pages,
			topology.PageRef{Account: w.account, Integration: integration, Page: topology.PageNumber(i)})
	}
	return w
}

func (w *writer) write(n int) {
	w.t.Helper()
	for range n {
		w.now += 10
		ack, err := w.operator.Publish(w.t.Context(),
			bus.Outgoing{Subject: topology.Tick(w.account, w.pages[0].Integration), Body: &proto.Tick{}})
		if err != nil || ack.Seq <= w.tick {
			w.t.Fatalf("tick %d after %d: %v", ack.Seq, w.tick, err)
		}
		w.tick = ack.Seq
		p := w.pages[w.rng.IntN(len(w.pages))]
		e := &proto.Entry{Tick: w.tick, EvaluatedAt: w.now, Poll: proto.Poll{At: w.now}}
		for _, id := range w.checks {
			e.Checks = append(e.Checks, proto.CheckRef{ID: id, Revision: 1})
		}
		for i := range devices {
			if w.rng.IntN(10) == 0 {
				continue
			}
			r := proto.Result{Device: proto.DeriveID(p.Account, string(rune(i))+string(rune(p.Page))), Score: w.rng.IntN(101)}
			for range w.checks {
				o := proto.Outcome(w.rng.IntN(3))
				r.Verdicts = append(r.Verdicts, proto.Verdict{Outcome: o, Observed: o, Reason: proto.ReasonScore})
			}
			e.Results = append(e.Results, r)
		}
		w.commit(p, e)
	}
	bustest.Eventually(w.t, "the state is up to date", w.settled)
}

func (w *writer) commit(p topology.PageRef, e *proto.Entry) {
	w.t.Helper()
	expect := uint64(0)
	if m, err := w.c.Last(w.t.Context(), topology.PostureLog, topology.Log(p)); err == nil {
		expect = m.Seq
	} else if !errors.Is(err, bus.ErrNotFound) {
		w.t.Fatal(err)
	}
	step := fold.Step{Entry: e, Changes: fold.Between(w.newest[p], e)}
	batch := []bus.Outgoing{{Subject: topology.Log(p), Body: e, ExpectLast: &expect,
		Header: nats.Header{proto.HeaderSummary: {e.Summarize(step.Changed()).String()}}}}
	for i, c := range step.Changes {
		batch = append(batch, bus.ChangeMsg(&proto.Change{Account: p.Account, Check: c.Check, Outcome: c.Outcome,
			Page: uint32(p.Page), Index: i + 1, Integration: p.Integration, Tick: e.Tick, At: e.EvaluatedAt,
			Devices: c.Devices}))
	}
	if _, err := w.c.Commit(w.t.Context(), batch); err != nil {
		w.t.Fatal(err)
	}
	w.newest[p] = e
}

// settled reports whether the state has the newest entry of each page.
func (w *writer) settled() bool {
	for p, e := range w.newest {
		m, err := w.c.Last(w.t.Context(), topology.PostureState, topology.Log(p))
		var got proto.Entry
		if err != nil || m.Decode(&got) != nil || got.EvaluatedAt != e.EvaluatedAt {
			return false
		}
	}
	return true
}

func (w *writer) want() map[bus.ResultKey]proto.Outcome {
	all := map[bus.ResultKey]proto.Outcome{}
	for p, e := range w.newest {
		for _, r := range e.Results {
			for i, v := range r.Verdicts {
				all[bus.ResultKey{Page: p, Device: r.Device, Check: e.Checks[i].ID}] = v.Outcome
			}
		}
	}
	return all
}

// follow goes on from the events that a follower has seen until the results are those of the writer, and returns
// all of its events.
func follow(t *testing.T, c *bus.Conn, w *writer, seen []bus.Event) []bus.Event {
	t.Helper()
	want, enough := w.want(), errors.New("enough")
	seen = slices.Clone(seen)
	var r bus.Results
	cursor := ""
	for _, e := range seen {
		r.Apply(e)
		cursor = cmp.Or(e.Cursor, cursor)
	}
	ctx, cancel := context.WithTimeout(t.Context(), time.Minute)
	defer cancel()
	complete := func() bool { return maps.Equal(want, maps.Collect(r.All())) }
	if cursor != "" && complete() {
		return seen
	}
	err := c.Follow(ctx, bus.Following{Account: w.account, Cursor: cursor}, func(_ context.Context, e bus.Event) error {
		r.Apply(e)
		seen = append(seen, e)
		if e.Cursor != "" && complete() {
			return enough
		}
		if e.Kind == bus.EventReset {
			cursor = ""
		}
		return nil
	})
	if !errors.Is(err, enough) && !complete() {
		t.Fatalf("Follow ended with %v; results (-want +got):\n%s", err, gocmp.Diff(want, maps.Collect(r.All())))
	}
	return seen
}

// With one stream damaged, lost or outdated, all results are restored at the start, and both new and continuing
// followers receive them.
func TestTheLogAndTheStateAreMadeToAgree(t *testing.T) {
	t.Parallel()
	store := bustest.NewStore(t)
	server := store.Start()
	w := newWriter(t)
	if r := check(t, server); len(r.Repaired)+len(r.Lost)+len(r.Notes) > 0 {
		t.Errorf("a new store: %+v", r)
	}
	w = w.on(t, server)
	w.write(40)
	server.Close()
	old := store.Copy()
	server = store.Start()
	w = w.on(t, server)
	early := follow(t, connect(t, server, topology.Follower), w, nil)
	w.write(40)
	late := follow(t, connect(t, server, topology.Follower), w, nil)
	w.write(5)
	late = follow(t, connect(t, server, topology.Follower), w, late)
	server.Close()

	log, state, ticks := topology.PostureLog, topology.PostureState, topology.PostureTicks
	for name, harm := range map[string]struct {
		do     func(s bustest.Stopped)
		repair string // named by the report; "": nothing
	}{
		"nothing":               {func(bustest.Stopped) {}, ""},
		"the log's index":       {func(s bustest.Stopped) { s.RemoveIndex(log) }, ""},
		"the log's end":         {func(s bustest.Stopped) { s.TruncateLastBlock(log, 3000) }, "POSTURE_LOG"},
		"the log's end, unseen": {func(s bustest.Stopped) { s.TruncateLastBlock(log, 3000); s.RemoveIndex(log) }, "POSTURE_LOG"},
		"most of the log":       {func(s bustest.Stopped) { s.TruncateLastBlock(log, 1<<20) }, "POSTURE_STATE did not agree"},
		"the log's middle":      {func(s bustest.Stopped) { s.CorruptBlock(log, 0) }, "maybe"},
		"the log":               {func(s bustest.Stopped) { s.RemoveStream(log) }, ""},
		"an old log":            {func(s bustest.Stopped) { s.PutBackStream(old, log) }, "POSTURE_STATE did not agree"},
		// The server may copy the end from the log again before the check looks.
		"the state's end":    {func(s bustest.Stopped) { s.TruncateLastBlock(state, 3000) }, "maybe"},
		"the state's middle": {func(s bustest.Stopped) { s.CorruptBlock(state, s.Blocks(state)-1) }, "POSTURE_STATE did not agree"},
		"the state":          {func(s bustest.Stopped) { s.RemoveStream(state) }, ""},
		"an old state":       {func(s bustest.Stopped) { s.PutBackStream(old, state) }, ""},
		"the ticks":          {func(s bustest.Stopped) { s.RemoveStream(ticks) }, "POSTURE_TICKS"},
	} {
		seed := w.rng.Uint64()
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			s := store.Copy()
			harm.do(s)
			server := s.Start()
			r := check(t, server)
			if said := strings.Join(r.Repaired, "\n"); len(r.Lost) > 0 || harm.repair != "maybe" &&
				!strings.Contains(said, harm.repair) || harm.repair == "" && len(r.Repaired) > 0 {
				t.Errorf("report %+v", r)
			}
			w := w.on(t, server)
			w.rng = rand.New(rand.NewPCG(seed, 0))
			bustest.Eventually(t, "the state is up to date", w.settled)
			follower := connect(t, server, topology.Follower)
			follow(t, follower, w, nil)
			follow(t, follower, w, early)
			follow(t, follower, w, late)
			w.write(10)
			follow(t, follower, w, nil)
			follow(t, follower, w, late)
			if r := check(t, server); len(r.Repaired)+len(r.Lost) > 0 {
				t.Errorf("a second check: %+v", r)
			}
		})
	}
}

// on is the writer as it is now, on another server.
func (w *writer) on(t *testing.T, s *embed.Server) *writer {
	n := *w
	n.t, n.c, n.operator, n.newest = t, connect(t, s, topology.Evaluator), connect(t, s, topology.Operator),
		maps.Clone(w.newest)
	return &n
}
