package apitest

import (
	"testing"
	"time"

	"plumbline.dev/bus"
	"plumbline.dev/bus/bustest"
	"plumbline.dev/bus/topology"
	"plumbline.dev/proto"
	"plumbline.dev/services/api"
)

// Fleet is a fixture with two devices on one page, an integration, and a check on its scores. Tests store the results
// of its polls.
type Fleet struct {
	*Fixture
	Integration, Check proto.ID
	Devices            []proto.ID
	Last               uint64 // newest sequence of the page's log subject
}

// StartFleet starts a fixture with a registry, and enrols the devices. Options are those of [Start].
func StartFleet(t testing.TB, options ...func(*api.Config)) *Fleet {
	f := Start(t, options...)
	f.StartRegistry()
	integration := f.Want(200, "POST", "/devices/posture/integration", IntegrationBody())
	check := f.Want(200, "POST", "/devices/posture", CheckBody(integration["id"]))
	f.Import("text/csv", "serial_number\nS-1\nS-2\n")
	return &Fleet{Fixture: f, Integration: ID(integration), Check: ID(check),
		Devices: []proto.ID{proto.DeriveID(f.Account, "S-1"), proto.DeriveID(f.Account, "S-2")}}
}

// In returns the fleet for a subtest: failures are reported there.
func (f *Fleet) In(t testing.TB) *Fleet {
	sub := *f
	sub.Fixture = f.Fixture.In(t)
	return &sub
}

// Page returns the page of the devices.
func (f *Fleet) Page() topology.PageRef {
	return topology.PageRef{Account: f.Account, Integration: f.Integration}
}

// Evaluate stores the results of a poll: the first device has a score and an outcome, the second has no score. It
// returns the sequence of the change of the first device's outcome.
func (f *Fleet) Evaluate(tick uint64, score int, outcome proto.Outcome) (change uint64) {
	f.T.Helper()
	e := f.entry(tick, score, proto.Verdict{Outcome: outcome, Reason: proto.ReasonScore, Observed: outcome})
	return f.commit(e, bus.ChangeMsg(&proto.Change{Account: f.Account, Check: f.Check, Outcome: outcome, Index: 1,
		Integration: f.Integration, Tick: tick, At: e.EvaluatedAt, Devices: []proto.ChangedDevice{
			{Device: f.Devices[0], From: proto.OutcomeNone, Reason: proto.ReasonScore, Score: score}}})) + 1
}

// Hold stores the results of a poll that the page holds since a time: the first device would change from pass to fail.
func (f *Fleet) Hold(tick uint64, since proto.Millis) {
	f.T.Helper()
	e := f.entry(tick, 10, proto.Verdict{Outcome: proto.OutcomePass, Reason: proto.ReasonHeld,
		Observed: proto.OutcomeFail})
	e.States = []proto.CheckState{{Flips: proto.Flips{Out: 1, Passing: 1, Known: 1},
		Hold: &proto.PageHold{Tick: tick, Since: since, Out: true}}}
	f.commit(e)
}

// entry returns the entry of a poll of the page.
func (f *Fleet) entry(tick uint64, score int, v proto.Verdict) *proto.Entry {
	now := proto.At(f.Clock.Now())
	return &proto.Entry{
		Tick: tick, EvaluatedAt: now, Checks: []proto.CheckRef{{ID: f.Check}},
		Poll: proto.Poll{At: now, Attempts: 2, Status: 200, Took: 1500 * time.Millisecond},
		Results: []proto.Result{
			{Device: f.Devices[0], Score: score, S2SID: "s2s", ObservedAt: now, Verdicts: []proto.Verdict{v}},
			{Device: f.Devices[1], Score: proto.NoScore, Problem: proto.ReasonMissing,
				Verdicts: []proto.Verdict{{Reason: proto.ReasonMissing}}},
		},
	}
}

// commit stores an entry with its changes, and returns the sequence of the entry.
func (f *Fleet) commit(e *proto.Entry, changes ...bus.Outgoing) uint64 {
	f.T.Helper()
	first, err := f.Conn.Commit(f.T.Context(), append([]bus.Outgoing{{Subject: topology.Log(f.Page()), Body: e,
		ExpectLast: bus.Expect(f.Last), Header: e.Headers(map[proto.ID]int{f.Check: len(changes)})}}, changes...))
	if err != nil {
		f.T.Fatal(err)
	}
	f.Last = first
	return first
}

// AwaitState waits until POSTURE_STATE has the entry at a sequence of the log.
func (f *Fleet) AwaitState(seq uint64) {
	f.T.Helper()
	bustest.Eventually(f.T, "the state has the entry", func() bool {
		m, err := f.Conn.Last(f.T.Context(), topology.PostureState, topology.Log(f.Page()))
		if err != nil {
			return false
		}
		at, err := bus.LogSequence(m)
		return err == nil && at == seq
	})
}

// PurgeLog removes all messages of the posture log.
func (f *Fixture) PurgeLog() {
	f.T.Helper()
	f.purge(topology.PostureLog)
}

// Enforce stores the results of a poll with any verdict for the first device, and with further changes of the entry.
func (f *Fleet) Enforce(tick uint64, score int, v proto.Verdict, change func(*proto.Entry)) {
	f.T.Helper()
	e := f.entry(tick, score, v)
	change(e)
	f.commit(e)
}
