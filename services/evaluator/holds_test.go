package evaluator_test

import (
	"testing"
	"time"

	"plumbline.dev/bus"
	"plumbline.dev/bus/bustest"
	"plumbline.dev/bus/topology"
	"plumbline.dev/proto"
	"plumbline.dev/services/evaluator/judge"
)

// fleet has pages of 20 devices, each with a score of 80 at tick 1.
func (f *fixture) fleet(pages int) (devices [][]proto.ID, revisions []uint64) {
	f.t.Helper()
	for n := range pages {
		devices = append(devices, ids(20))
		revisions = append(revisions, f.page(topology.PageNumber(n), devices[n]...))
	}
	f.scores(devices, revisions, 1, func(int) int { return 80 })
	for n := range pages {
		f.until(topology.PageNumber(n), "the first poll is evaluated", func(e *proto.Entry) bool { return e.Tick == 1 })
	}
	return devices, revisions
}

func (f *fixture) scores(devices [][]proto.ID, revisions []uint64, tick uint64, score func(page int) int) {
	f.t.Helper()
	for n := range devices {
		scores := map[proto.ID]int{}
		for _, id := range devices[n] {
			scores[id] = score(n)
		}
		f.poll(topology.PageNumber(n), tick, revisions[n], scores)
	}
}

// holdIs waits for the record of a check's hold to be in a state.
func (f *fixture) holdIs(check proto.ID, want proto.HoldState) (h *proto.Hold, revision uint64) {
	f.t.Helper()
	bustest.Eventually(f.t, "the hold is "+string(want), func() bool {
		f.clock.Advance(20e6)
		h = new(proto.Hold)
		var err error
		revision, err = f.reader.Get(f.t.Context(), topology.Holds, topology.HoldKey(f.account, f.integration, check), h)
		return err == nil && h.State == want
	})
	return h, revision
}

func fails(e *proto.Entry) bool {
	for _, r := range e.Results {
		if r.Verdicts[0].Outcome != proto.OutcomeFail {
			return false
		}
	}
	return true
}

// A malfunction of the API is held on every page, and stands; a person releases it.
func TestAHoldStandsUntilAPersonReleasesIt(t *testing.T) {
	f := newFixture(t, topology.Options{})
	c := ids(1)
	f.check(c[0], ">=", 50, 0)
	f.evaluators(2)
	devices, revisions := f.fleet(3)
	f.scores(devices, revisions, 2, func(int) int { return 0 })
	h, revision := f.holdIs(c[0], proto.HoldStanding)
	for h.Pages < 3 {
		f.clock.Advance(20e6)
		h, revision = f.holdIs(c[0], proto.HoldStanding)
	}
	if !h.Out || h.In || h.Devices != 60 || h.Fleet.Out != 60 || h.Fleet.Passing != 60 {
		t.Errorf("%+v", h)
	}
	for n := range devices {
		e := f.newest(topology.PostureLog, topology.PageNumber(n))
		if v := e.Results[0].Verdicts[0]; v.Outcome != proto.OutcomePass || v.Reason != proto.ReasonHeld ||
			v.Observed != proto.OutcomeFail {
			t.Errorf("page %d: %+v", n, v)
		}
	}
	next, ok := h.Decide(proto.HoldReleased, "operator@example.com", "the devices are really bad", f.now())
	if !ok {
		t.Fatal("the hold is over")
	}
	key := topology.HoldKey(f.account, f.integration, c[0])
	if _, err := f.api.Put(t.Context(), topology.Holds, key, next, revision); err != nil {
		t.Fatal(err)
	}
	for n := range devices {
		f.until(topology.PageNumber(n), "the evidence is applied", fails)
	}
	f.holdIs(c[0], proto.HoldReleased)
	bustest.Eventually(t, "the release is told", func() bool {
		m, err := f.operator.Last(t.Context(), topology.PostureLog,
			topology.Hold(topology.HoldRef{Account: f.account, Integration: f.integration, Check: c[0]}))
		var notice proto.HoldNotice
		return err == nil && m.Decode(&notice) == nil && notice.State == "released" && notice.By == next.By &&
			notice.Reason == next.Reason && notice.Account == f.account
	})
	f.audited("create", "standing")
}

// audited waits for an audit event of a hold in the outbox.
func (f *fixture) audited(action, state string) {
	f.t.Helper()
	stream, err := f.operator.JetStream().Stream(f.t.Context(), topology.BucketStream(topology.Holds))
	if err != nil {
		f.t.Fatal(err)
	}
	for seq := uint64(1); seq <= stream.CachedInfo().State.LastSeq; seq++ {
		raw, err := stream.GetMsg(f.t.Context(), seq)
		if err != nil {
			continue
		}
		var box proto.AuditOutbox
		m := bus.Msg{Subject: raw.Subject, Header: raw.Header, Data: raw.Data}
		if m.Decode(&box) == nil && len(box.Events) == 1 && box.Events[0].Action == action && box.Events[0].Kind == "hold" {
			return
		}
	}
	f.t.Errorf("no audit event %s for %s", action, state)
}

// What one site's devices do is no malfunction: their page is released once every page has its entry.
func TestAConcentrationIsReleased(t *testing.T) {
	f := newFixture(t, topology.Options{})
	c := ids(1)
	f.check(c[0], ">=", 50, 0)
	f.evaluators(2)
	devices, revisions := f.fleet(6)
	f.scores(devices[:5], revisions, 2, func(page int) int { return 80 - 80*(page/4) }) // page 4 fails, page 5 is late
	e := f.until(4, "the page is held", func(e *proto.Entry) bool { return e.Tick == 2 })
	if e.State(0).Hold == nil {
		t.Fatalf("%+v", e.States)
	}
	f.poll(5, 2, revisions[5], map[proto.ID]int{devices[5][0]: 80})
	h, _ := f.holdIs(c[0], proto.HoldReleased)
	if len(h.Release) != 1 || h.Release[0] != (proto.PageTick{Page: 4, Tick: 2}) || h.By != "" {
		t.Errorf("%+v", h)
	}
	e = f.until(4, "the page is released", fails)
	if e.Cause != proto.CauseRelease || e.State(0).Hold != nil {
		t.Errorf("%+v", e)
	}
	for n := range 4 {
		if fails(f.newest(topology.PostureLog, topology.PageNumber(n))) {
			t.Errorf("page %d fails", n)
		}
	}
}

// A hold ends by itself when the API is well again, and a rejected one too.
func TestAHoldEndsByItself(t *testing.T) {
	f := newFixture(t, topology.Options{})
	c := ids(1)
	f.check(c[0], ">=", 50, 0)
	f.evaluators(2)
	devices, revisions := f.fleet(2)
	f.scores(devices, revisions, 2, func(int) int { return 0 })
	h, revision := f.holdIs(c[0], proto.HoldStanding)
	bustest.Eventually(t, "the hold is rejected", func() bool { // the second page may join meanwhile
		next, ok := h.Decide(proto.HoldRejected, "operator@example.com", "the API is broken", f.now())
		if !ok {
			return false
		}
		_, err := f.api.Put(t.Context(), topology.Holds, topology.HoldKey(f.account, f.integration, c[0]), next, revision)
		if err != nil {
			h, revision = f.holdIs(c[0], proto.HoldStanding)
		}
		return err == nil
	})
	f.scores(devices, revisions, 3, func(int) int { return 0 })
	f.until(1, "the rejected outcomes stay", func(e *proto.Entry) bool {
		return e.Tick == 3 && e.State(0).Hold != nil && e.Results[0].Verdicts[0].Outcome == proto.OutcomePass
	})
	f.holdIs(c[0], proto.HoldRejected)
	f.scores(devices, revisions, 4, func(int) int { return 80 })
	f.holdIs(c[0], proto.HoldEnded)
}

// A release in the middle of a poll is of the pages that a person saw held. The pages after it hold anew, under a hold
// of their own.
func TestAReleaseDuringAPollIsOfItsPages(t *testing.T) {
	f := newFixture(t, topology.Options{})
	c := ids(1)
	f.check(c[0], ">=", 50, 0)
	f.evaluators(2)
	devices, revisions := f.fleet(3)
	f.scores(devices[:2], revisions, 2, func(int) int { return 0 })
	for n := range 2 {
		f.until(topology.PageNumber(n), "the page is held", func(e *proto.Entry) bool { return e.State(0).Hold != nil })
	}
	f.clock.Advance(2 * time.Minute) // the verdict does not wait for the last page any longer
	first, revision := f.holdIs(c[0], proto.HoldStanding)
	for first.Pages < 2 {
		first, revision = f.holdIs(c[0], proto.HoldStanding)
	}
	next, ok := first.Decide(proto.HoldReleased, "operator@example.com", "seen", first.PolledAt)
	if !ok {
		t.Fatalf("%+v", first)
	}
	key := topology.HoldKey(f.account, f.integration, c[0])
	if _, err := f.api.Put(t.Context(), topology.Holds, key, next, revision); err != nil {
		t.Fatal(err)
	}
	for n := range 2 {
		f.until(topology.PageNumber(n), "the evidence is applied", fails)
	}
	scores := map[proto.ID]int{}
	for _, id := range devices[2] {
		scores[id] = 0
	}
	f.poll(2, 2, revisions[2], scores)
	e := f.until(2, "the last page is evaluated", func(e *proto.Entry) bool { return e.Tick == 2 })
	if e.State(0).Hold == nil || fails(e) {
		t.Errorf("a release of before applied to %+v", e)
	}
}

// HOLDS keeps one record of a hold: a person's release that another record replaced before it was handled is not lost.
func TestAReplacedReleaseIsNotLost(t *testing.T) {
	f := newFixture(t, topology.Options{})
	c := ids(1)
	f.check(c[0], ">=", 50, 0)
	stop := f.evaluator()
	devices, revisions := f.fleet(2)
	f.scores(devices, revisions, 2, func(int) int { return 0 })
	h, revision := f.holdIs(c[0], proto.HoldStanding)
	for h.Pages < 2 {
		h, revision = f.holdIs(c[0], proto.HoldStanding)
	}
	stop()
	put := func(next *proto.Hold) (at proto.Millis) {
		key := topology.HoldKey(f.account, f.integration, c[0])
		if _, err := f.api.Put(t.Context(), topology.Holds, key, next, revision); err != nil {
			t.Fatal(err)
		}
		m, err := f.reader.Last(t.Context(), topology.BucketStream(topology.Holds),
			topology.BucketSubject(topology.Holds, key))
		if err != nil {
			t.Fatal(err)
		}
		revision = m.Seq
		return proto.At(m.Time)
	}
	person, _ := h.Decide(proto.HoldReleased, "operator@example.com", "seen", f.now())
	verdict := judge.Case{Integration: f.integration, Check: c[0], Breaker: proto.DefaultBreaker(), Last: person,
		LastAt: put(person), Now: person.DecidedAt + judge.Patience}
	for n := range devices {
		e := f.newest(topology.PostureLog, topology.PageNumber(n))
		verdict.Pages = append(verdict.Pages, judge.Page{Number: uint32(n), Tick: e.Tick, PolledAt: e.Poll.At,
			Checks: e.CheckFlips()})
	}
	put(verdict.Next())
	f.evaluators(1)
	for n := range devices {
		f.until(topology.PageNumber(n), "the release is applied", fails)
	}
	f.holdIs(c[0], proto.HoldEnded)
}
