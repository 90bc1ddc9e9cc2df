package evaluator_test

import (
	"testing"
	"time"

	"plumbline.dev/bus/bustest"
	"plumbline.dev/bus/topology"
	"plumbline.dev/proto"
)

// heldFleet is a page of one check whose hold is of both directions: two groups changed sides, two stayed.
type heldFleet struct {
	*fixture
	check                          proto.ID
	passing, failing, lost, opened []proto.ID // always pass, always fail, pass to fail, fail to pass
	revision                       uint64
	since                          proto.Millis // when the hold began
}

func newHeldFleet(t *testing.T, check proto.Check) *heldFleet {
	h := &heldFleet{fixture: newFixture(t, topology.Options{}), check: proto.NewID(), passing: ids(5), failing: ids(5),
		lost: ids(20), opened: ids(20)}
	check.ID, check.Type, check.Integration = h.check, proto.TypeCustomS2S, h.integration
	check.Operator, check.Score = ">=", 50
	h.put(topology.Config, topology.ConfigKey(h.account, topology.KindCheck, h.check), &check)
	h.evaluators(2)
	var all []proto.ID
	for _, group := range [][]proto.ID{h.passing, h.failing, h.lost, h.opened} {
		all = append(all, group...)
	}
	h.revision = h.page(0, all...)
	h.poll(0, 1, h.revision, h.scored(80, 0))
	h.until(0, "the first poll decides", func(e *proto.Entry) bool { return e.Tick == 1 })
	h.poll(0, 2, h.revision, h.scored(0, 80))
	e := h.until(0, "the second is held", func(e *proto.Entry) bool { return e.Tick == 2 })
	hold := e.State(0).Hold
	if hold == nil || !hold.Out || !hold.In || hold.Safe {
		t.Fatalf("the hold is %+v", hold)
	}
	h.since = hold.Since
	h.are(e, "pass score", "fail score", "pass held", "fail held")
	return h
}

// scored returns the scores of a poll by those of the groups that change sides.
func (h *heldFleet) scored(lost, opened int) map[proto.ID]int {
	scores := map[proto.ID]int{}
	for _, group := range []struct {
		score   int
		devices []proto.ID
	}{{80, h.passing}, {0, h.failing}, {lost, h.lost}, {opened, h.opened}} {
		for _, id := range group.devices {
			scores[id] = group.score
		}
	}
	return scores
}

// are checks the outcomes and reasons of the groups.
func (h *heldFleet) are(e *proto.Entry, passing, failing, lost, opened string) {
	h.t.Helper()
	have := says(e)
	for _, group := range []struct {
		name, want string
		devices    []proto.ID
	}{{"passing", passing, h.passing}, {"failing", failing, h.failing}, {"lost", lost, h.lost},
		{"opened", opened, h.opened}} {
		for _, id := range group.devices {
			if have[id] != group.want {
				h.t.Errorf("a device of the group %s is %q at tick %d, want %q", group.name, have[id], e.Tick, group.want)
			}
		}
	}
}

// sweptAt sets the clock and lets the evaluators look for due pages, for less than `within` of the clock's time.
func (h *heldFleet) sweptAt(at proto.Millis, within time.Duration, what string,
	ok func(*proto.Entry) bool) *proto.Entry {
	h.t.Helper()
	h.settled()
	h.clock.Set(at.Time())
	return h.until(0, what, func(e *proto.Entry) bool {
		if next := h.clock.Now().Add(20 * time.Millisecond); next.Before(at.Time().Add(within)) {
			h.clock.Set(next)
		}
		return ok(e)
	})
}

func safe(e *proto.Entry) bool { return e.State(0).Hold != nil && e.State(0).Hold.Safe }

// After max_hold the safe side applies without a poll: a device passes only if both its held and its observed outcome
// are pass. A later poll does not change that while it is beyond the limits, and one within them ends the hold.
func TestTheSafeSideAfterMaxHold(t *testing.T) {
	const maxHold = 30 * time.Minute
	h := newHeldFleet(t, proto.Check{Breaker: &proto.BreakerSettings{MaxHold: maxHold}})
	end := h.since.Add(maxHold)
	if e := h.newest(topology.PostureLog, 0); e.NextExpiry != end {
		t.Errorf("the page is due at %d, want %d", e.NextExpiry, end)
	}
	e := h.sweptAt(end, maxHold, "the safe side applies", safe)
	h.are(e, "pass score", "fail score", "fail score", "fail held")
	if e.Tick != 2 || e.Cause != proto.CauseExpired || e.EvaluatedAt < end || e.NextExpiry != 0 {
		t.Errorf("%+v", e)
	}
	h.poll(0, 3, h.revision, h.scored(0, 80))
	e = h.until(0, "the malfunction goes on", func(e *proto.Entry) bool { return e.Tick == 3 })
	if !safe(e) || e.State(0).Hold.Since != h.since {
		t.Errorf("%+v", e.State(0).Hold)
	}
	h.are(e, "pass score", "fail score", "fail score", "fail held")
	h.poll(0, 4, h.revision, h.scored(80, 0))
	e = h.until(0, "the scores are those of before", func(e *proto.Entry) bool { return e.Tick == 4 })
	h.are(e, "pass score", "fail score", "pass score", "fail score")
	if e.State(0).Hold != nil {
		t.Errorf("%+v", e.State(0).Hold)
	}
}

// Before the end of max_hold nothing is due: the page is evaluated at that time, and not before.
func TestAHeldPageIsEvaluatedAtTheEndOfMaxHold(t *testing.T) {
	const maxHold = 30 * time.Minute
	h := newHeldFleet(t, proto.Check{Breaker: &proto.BreakerSettings{MaxHold: maxHold}})
	h.settled()
	h.clock.Set(h.since.Add(maxHold - time.Second).Time())
	h.put(topology.Devices, topology.PageKey(h.account, 1), &proto.Page{Devices: []proto.Device{{ID: proto.NewID()}}})
	h.until(1, "another page is evaluated", func(e *proto.Entry) bool { return len(e.Results) == 1 })
	h.send(0, &proto.Input{Cause: proto.CauseExpired})
	h.settled()
	h.are(h.newest(topology.PostureLog, 0), "pass score", "fail score", "pass held", "fail held")
	if e := h.sweptAt(h.since.Add(maxHold), maxHold, "the safe side applies", safe); e.EvaluatedAt < h.since.Add(maxHold) {
		t.Errorf("evaluated at %d", e.EvaluatedAt)
	}
}

// With an expiration before max_hold, the results of a hold without further polls expire: no device passes.
func TestAHoldWhoseResultsExpire(t *testing.T) {
	const expiration = 20 * time.Minute
	h := newHeldFleet(t, proto.Check{Expiration: expiration, Breaker: &proto.BreakerSettings{MaxHold: 30 * time.Minute}})
	e := h.newest(topology.PostureLog, 0)
	if e.NextExpiry != h.since.Add(expiration) {
		t.Errorf("the page is due at %d, want %d", e.NextExpiry, h.since.Add(expiration))
	}
	e = h.sweptAt(e.NextExpiry, expiration, "the results expire",
		func(e *proto.Entry) bool { return says(e)[h.lost[0]] == "unknown expired" })
	h.are(e, "unknown expired", "unknown expired", "unknown expired", "unknown expired")
}

// With an expiration before max_hold and polls that go on, the safe side applies after the expiration, while the
// results of the newest poll are still fresh.
func TestTheSafeSideAfterTheExpiration(t *testing.T) {
	const expiration, apart = 20 * time.Minute, 2 * time.Second
	h := newHeldFleet(t, proto.Check{Expiration: expiration, Breaker: &proto.BreakerSettings{MaxHold: 30 * time.Minute}})
	tick := uint64(2)
	var e *proto.Entry
	bustest.Eventually(t, "a poll is long after the first held one", func() bool {
		tick++
		h.poll(0, tick, h.revision, h.scored(0, 80))
		e = h.until(0, "the poll is held", func(e *proto.Entry) bool { return e.Tick == tick })
		return e.Poll.At > h.since.Add(apart)
	})
	if hold := e.State(0).Hold; hold == nil || hold.Since != h.since || e.NextExpiry != h.since.Add(expiration) {
		t.Fatalf("the hold is %+v, the page due at %d", hold, e.NextExpiry)
	}
	e = h.sweptAt(h.since.Add(expiration), apart, "the safe side applies", safe)
	h.are(e, "pass score", "fail score", "fail score", "fail held")
	if e.Tick != tick || e.Cause != proto.CauseExpired || e.NextExpiry != e.Poll.At.Add(expiration) {
		t.Errorf("%+v", e)
	}
}
