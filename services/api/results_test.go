package api

import (
	"testing"
	"time"

	"plumbline.dev/bus"
	"plumbline.dev/bus/bustest"
	"plumbline.dev/bus/topology"
	"plumbline.dev/proto"
)

// polledFleet is an integration with a check over devices of one page, and the means to say how a poll of
// it went.
type polledFleet struct {
	*system
	integration, check proto.ID
	devices            []proto.ID
	last               uint64 // newest message of the page's log subject
}

func fleet(t *testing.T) *polledFleet {
	y := start(t)
	y.withRegistry()
	f := &polledFleet{system: y}
	i := y.want(200, "POST", "/devices/posture/integration", integrationBody())
	check := y.want(200, "POST", "/devices/posture", ruleBody(i["id"]))
	f.integration, f.check = must(proto.ParseID(text(i, "id"))), must(proto.ParseID(text(check, "id")))
	y.imported("text/csv", "serial_number\nS-1\nS-2\n")
	f.devices = []proto.ID{proto.DeriveID(y.account, "S-1"), proto.DeriveID(y.account, "S-2")}
	return f
}

func (f *polledFleet) page() topology.PageRef {
	return topology.PageRef{Account: f.account, Integration: f.integration}
}

// evaluated stores an entry of a tick: the first device with a score, the second without; both changed.
func (f *polledFleet) evaluated(tick uint64, score int, outcome proto.Outcome) (changeSeq uint64) {
	f.t.Helper()
	now := proto.At(f.clock.Now())
	e := proto.Entry{
		Tick: tick, EvaluatedAt: now, Poll: proto.Poll{At: now, Attempts: 2, Status: 200, Took: 1500 * time.Millisecond},
		Checks: []proto.CheckRef{{ID: f.check}},
		Results: []proto.Result{
			{Device: f.devices[0], Score: score, S2SID: "s2s", ObservedAt: now, Verdicts: []proto.Verdict{{Outcome: outcome, Reason: proto.ReasonScore, Observed: outcome}}},
			{Device: f.devices[1], Score: proto.NoScore, Problem: proto.ReasonMissing, Verdicts: []proto.Verdict{{Reason: proto.ReasonMissing}}},
		},
	}
	c := proto.Change{Index: 1, Integration: f.integration, Tick: tick, At: now, Devices: []proto.ChangedDevice{
		{Device: f.devices[0], From: proto.OutcomeNone, Reason: proto.ReasonScore, Score: score}}}
	first, err := f.conn.Commit(f.t.Context(), []bus.Outgoing{
		{Subject: topology.Log(f.page()), Body: &e, ExpectLast: bus.Expect(f.last), Header: map[string][]string{proto.HeaderSummary: {e.Summarize(1).String()}}},
		{Subject: topology.Change(f.account, f.check, outcome, 0), Body: &c},
	})
	if err != nil {
		f.t.Fatal(err)
	}
	f.last = first
	return first + 1
}

// stateHolds waits until POSTURE_STATE has an entry.
func (f *polledFleet) stateHolds(seq uint64) {
	f.t.Helper()
	bustest.Eventually(f.t, "the state has the entry", func() bool {
		m, err := f.conn.Last(f.t.Context(), topology.PostureState, topology.Log(f.page()))
		return err == nil && must(bus.LogSequence(m)) == seq
	})
}
