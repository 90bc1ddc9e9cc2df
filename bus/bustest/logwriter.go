package bustest

import (
	"maps"
	"math/rand/v2"
	"testing"

	"plumbline.dev/bus"
	"plumbline.dev/bus/topology"
	"plumbline.dev/proto"
)

// LogWriter commits entries and changes of one check to the posture log, as an evaluator does. A failed write fails the
// test. It is not safe for concurrent use.
type LogWriter struct {
	Account proto.Account
	Check   proto.ID
	Pages   []topology.PageRef
	Last    map[topology.PageRef]uint64                     // the sequence of the newest entry of each page
	State   map[topology.PageRef]map[proto.ID]proto.Outcome // the outcome of each device of each page
	Copies  *bus.Conn                                       // reads the copies of the log and the state

	t       testing.TB
	c       *bus.Conn
	devices []proto.ID
	rng     *rand.Rand
}

// LogWriter returns a writer of the posture log of a new account. It reads the followers' copies.
func (b *Bus) LogWriter() *LogWriter {
	w := NewLogWriter(b.t, b.Conn(topology.Evaluator))
	w.Copies = b.Conn(topology.Follower)
	return w
}

// NewLogWriter returns a writer of the posture log of a new account over a connection of an evaluator.
func NewLogWriter(t testing.TB, c *bus.Conn) *LogWriter {
	w := &LogWriter{t: t, c: c, Copies: c, Account: proto.NewAccount(), Check: proto.NewID(),
		Last: map[topology.PageRef]uint64{}, State: map[topology.PageRef]map[proto.ID]proto.Outcome{},
		rng: rand.New(rand.NewPCG(1, 2))}
	integration := proto.NewID()
	for i := range 3 {
		p := topology.PageRef{Account: w.Account, Integration: integration, Page: topology.PageNumber(i)}
		w.Pages = append(w.Pages, p)
		w.State[p] = map[proto.ID]proto.Outcome{}
	}
	for range 5 {
		w.devices = append(w.devices, proto.NewID())
	}
	return w
}

// Commit gives each device of a random page a random outcome, or removes the device.
func (w *LogWriter) Commit() {
	w.t.Helper()
	p := w.Pages[w.rng.IntN(len(w.Pages))]
	entry := &proto.Entry{Checks: []proto.CheckRef{{ID: w.Check, Revision: 1}}}
	changed := map[proto.Outcome][]proto.ChangedDevice{}
	for _, d := range w.devices {
		was, had := w.State[p][d]
		if w.rng.IntN(4) == 0 {
			if had {
				changed[proto.OutcomeUnknown] = append(changed[proto.OutcomeUnknown],
					proto.ChangedDevice{Device: d, From: was, Reason: proto.ReasonRemoved})
				delete(w.State[p], d)
			}
			continue
		}
		is := proto.Outcome(w.rng.IntN(3))
		entry.Results = append(entry.Results,
			proto.Result{Device: d, Score: proto.NoScore, Verdicts: []proto.Verdict{{Outcome: is, Observed: is}}})
		if !had || is != was {
			changed[is] = append(changed[is], proto.ChangedDevice{Device: d, From: was, Reason: proto.ReasonScore})
		}
		w.State[p][d] = is
	}
	batch := []bus.Outgoing{{Subject: topology.Log(p), Body: entry, ExpectLast: bus.Expect(w.Last[p])}}
	for o, devices := range changed {
		batch = append(batch, bus.ChangeMsg(&proto.Change{Account: w.Account, Check: w.Check, Outcome: o,
			Page: uint32(p.Page), Index: len(batch), Integration: p.Integration, Devices: devices}))
	}
	first, err := w.c.Commit(w.t.Context(), batch)
	if err != nil {
		w.t.Fatal(err)
	}
	w.Last[p] = first
}

// Want returns the results of everything written.
func (w *LogWriter) Want() map[bus.ResultKey]proto.Outcome {
	all := map[bus.ResultKey]proto.Outcome{}
	for p, devices := range w.State {
		for d, o := range devices {
			all[bus.ResultKey{Page: p, Device: d, Check: w.Check}] = o
		}
	}
	return all
}

// Settled reports whether the followers' copies are up to date.
func (w *LogWriter) Settled() bool {
	end, _, err := w.c.End(w.t.Context())
	if err != nil {
		return false
	}
	if copied, _, err := w.Copies.End(w.t.Context()); err != nil || copied != end {
		return false
	}
	for p, seq := range w.Last {
		m, err := w.Copies.Last(w.t.Context(), topology.PostureState, topology.Log(p))
		if err != nil {
			return false
		}
		if at, err := bus.LogSequence(m); err != nil || at != seq {
			return false
		}
	}
	return true
}

// On returns a copy of the writer with a different connection. Its later entries depend on seed.
func (w *LogWriter) On(c *bus.Conn, seed uint64) *LogWriter {
	n := *w
	n.c, n.Copies, n.Last, n.State, n.rng = c, c, maps.Clone(w.Last), map[topology.PageRef]map[proto.ID]proto.Outcome{},
		rand.New(rand.NewPCG(seed, 0))
	for p, devices := range w.State {
		n.State[p] = maps.Clone(devices)
	}
	return &n
}

// Commits calls Commit n times and waits until the copies are up to date.
func (w *LogWriter) Commits(n int) {
	w.t.Helper()
	for range n {
		w.Commit()
	}
	Eventually(w.t, "the state is up to date", w.Settled)
}
