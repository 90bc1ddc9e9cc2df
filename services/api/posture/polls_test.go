package posture_test

import (
	"encoding/json"
	"errors"
	"strings"
	"testing"
	"time"

	"plumbline.dev/bus"
	"plumbline.dev/bus/bustest"
	"plumbline.dev/bus/topology"
	"plumbline.dev/proto"
	"plumbline.dev/services/api/apitest"
	"plumbline.dev/services/api/v4"
	"plumbline.dev/services/internal/slot"
)

func TestStatusAndPollNow(t *testing.T) {
	t.Parallel()
	f := apitest.StartFleet(t)
	status := func() map[string]any {
		t.Helper()
		var all []map[string]any
		if r := f.Do("GET", "/plumbline/status", nil); json.Unmarshal(r.Result, &all) != nil || len(all) != 1 {
			t.Fatalf("status %s", r.Body)
		}
		return all[0]
	}
	if s := status(); s["poll"] != nil || s["paused"] != false || s["overdue"] != false || s["checks"] != 1.0 {
		t.Errorf("before the first poll: %v", s)
	}
	for state, want := range map[proto.HoldState]float64{
		proto.HoldStanding: 1, proto.HoldRejected: 1, proto.HoldExpired: 1, proto.HoldReleased: 0, proto.HoldEnded: 0,
	} {
		key := topology.HoldKey(f.Account, f.Integration, f.Check)
		h := proto.Hold{ID: proto.NewID(), Integration: f.Integration, Check: f.Check, State: state}
		var before proto.Hold
		revision, err := f.Conn.Get(t.Context(), topology.Holds, key, &before)
		if err != nil && !errors.Is(err, bus.ErrNotFound) {
			t.Fatal(err)
		}
		if _, err := f.Conn.Put(t.Context(), topology.Holds, key, &h, revision); err != nil {
			t.Fatal(err)
		}
		if s := status(); s["holds"] != want {
			t.Errorf("a hold that is %s: %v", state, s)
		}
	}
	poll := "/plumbline/integrations/" + f.Integration.String() + "/poll"
	ticks := make([]uint64, 2)
	for n := range ticks {
		ticks[n] = uint64(f.Want(200, "POST", poll, nil)["tick"].(float64))
	}
	if ticks[1] <= ticks[0] || ticks[0] == 0 {
		t.Errorf("ticks %v", ticks)
	}
	// A manual tick after one of the scheduler has the slot and the schedule of that one.
	subject := topology.Tick(f.Account, f.Integration)
	sent := proto.Tick{Slot: 42, Due: 1, Interval: 10 * time.Minute, Schedule: 3, Cause: proto.TickDue}
	if _, err := f.Conn.Publish(t.Context(), bus.Outgoing{Subject: subject, Body: &sent}); err != nil {
		t.Fatal(err)
	}
	f.Want(200, "POST", poll, nil)
	m, err := f.Conn.Last(t.Context(), topology.PostureTicks, subject)
	if err != nil {
		t.Fatal(err)
	}
	var got proto.Tick
	if err := m.Decode(&got); err != nil {
		t.Fatal(err)
	}
	want := sent
	want.Cause, want.Due = proto.TickManual, proto.At(f.Clock.Now())
	if got != want {
		t.Errorf("tick %+v, want %+v", got, want)
	}
	// The slot of a tick from the future is not used again.
	ahead := sent
	ahead.Slot = slot.Of(f.Integration, ahead.Interval).At(time.Now()) + 1000
	if _, err := f.Conn.Publish(t.Context(), bus.Outgoing{Subject: subject, Body: &ahead}); err != nil {
		t.Fatal(err)
	}
	f.Want(200, "POST", poll, nil)
	if m, err = f.Conn.Last(t.Context(), topology.PostureTicks, subject); err != nil {
		t.Fatal(err)
	}
	if err := m.Decode(&got); err != nil || got.Slot > ahead.Slot-999 || got.Slot < ahead.Slot-1000 {
		t.Errorf("tick %+v, %v, after one ahead of its time %+v", got, err, ahead)
	}
	if p := status()["poll"].(map[string]any); p["tick"] != float64(m.Seq) || p["done_pages"] != 0.0 ||
		p["pending_pages"] != 0.0 {
		t.Errorf("a poll that begins: %v", p)
	}
	fetcher := f.Bus.Conn(topology.Fetcher)
	page := topology.PageRef{Account: f.Account, Integration: f.Integration}
	if _, err := fetcher.Publish(t.Context(),
		bus.Outgoing{Subject: topology.Batch(page), Body: &proto.Batch{Tick: m.Seq, Pages: 1}}); err != nil {
		t.Fatal(err)
	}
	if p := status()["poll"].(map[string]any); p["pending_pages"] != 1.0 {
		t.Errorf("a page that waits for its call: %v", p)
	}
	f.Clock.Set(m.Time.Add(1500 * time.Millisecond))
	f.Evaluate(m.Seq, 80, proto.OutcomePass)
	bustest.Eventually(t, "the poll is done",
		func() bool { return status()["poll"].(map[string]any)["done_pages"] == 1.0 })
	p := status()["poll"].(map[string]any)
	if p["pages"] != 1.0 || p["devices"] != 2.0 || p["pass"] != 1.0 || p["unknown"] != 1.0 || p["fail"] != 0.0 ||
		p["changed"] != 1.0 || p["error"] != "" {
		t.Errorf("poll %v", p)
	}
	if took := p["took_ms"].(float64); took < 1400 || took > 1600 {
		t.Errorf("took %v", took)
	}
	f.Clock.Advance(21 * time.Minute)
	if s := status(); s["overdue"] != true || s["standing"] != "overdue" {
		t.Errorf("after twice the interval: %v", s)
	}

	f.Want(200, "PATCH", "/devices/posture/integration/"+f.Integration.String(), `{"x_paused":true}`)
	if s := status(); s["paused"] != true || s["overdue"] != false {
		t.Errorf("paused: %v", s)
	}
	if r := f.Do("POST", poll, nil); r.Status != 409 || r.Header.Get("X-Should-Retry") != "false" ||
		!strings.Contains(r.Errors[0].Message, "paused") {
		t.Errorf("%d %s", r.Status, r.Body)
	}
	f.WantError(404, v4.CodeUnknownIntegration, "POST", "/plumbline/integrations/"+proto.NewID().String()+"/poll", nil)
}

func TestPolls(t *testing.T) {
	t.Parallel()
	f := apitest.StartFleet(t)
	path := "/plumbline/integrations/" + f.Integration.String() + "/polls"
	if all, _ := f.List(path); len(all) != 0 {
		t.Errorf("before the first poll: %v", all)
	}
	at := f.Clock.Now()
	for tick := range uint64(4) {
		for page := range topology.PageNumber(3) {
			f.Clock.Set(at.Add(time.Duration(tick)*10*time.Minute + time.Duration(page)*time.Second))
			now := proto.At(f.Clock.Now())
			e := proto.Entry{Tick: tick + 1, EvaluatedAt: now.Add(5 * time.Millisecond),
				Poll: proto.Poll{At: now, Took: 100 * time.Millisecond}, Checks: []proto.CheckRef{{ID: f.Check}},
				Results: []proto.Result{{Device: proto.NewID(), Score: 1, ObservedAt: now,
					Verdicts: []proto.Verdict{{Outcome: proto.OutcomeFail, Reason: proto.ReasonScore,
						Observed: proto.OutcomeFail}}}}}
			if tick == 3 {
				e.Poll.TickAt = proto.At(at.Add(30*time.Minute - 150*time.Millisecond))
			}
			if page == 2 && tick == 3 {
				e.Poll.Error, e.Poll.Status, e.Poll.Detail = proto.ReasonAPIError, 503, "The scoring API answered 503."
			}
			ref := f.Page()
			ref.Page = page
			for _, again := range []proto.Cause{proto.CausePoll, proto.CauseConfig} {
				e.Cause = again
				if _, err := f.Conn.Publish(t.Context(), bus.Outgoing{Subject: topology.Log(ref), Body: &e,
					Header: map[string][]string{proto.HeaderSummary: {e.Summarize(1).String()}}}); err != nil {
					t.Fatal(err)
				}
			}
		}
	}
	all, _ := f.List(path)
	apitest.Same(t, "ticks", apitest.Column(all, "tick"), []any{4.0, 3.0, 2.0, 1.0})
	apitest.Same(t, "a poll", all[0],
		map[string]any{"tick": 4.0, "began_at": "2026-03-01T12:29:59.9Z", "ended_at": "2026-03-01T12:30:02.005Z",
			"took_ms": 2105.0, "longest_call_ms": 100.0, "pages": 3.0, "devices": 3.0, "pass": 0.0, "fail": 3.0,
			"unknown": 0.0, "changed": 3.0, "held": 0.0, "plan_ms": 50.0, "calls_ms": 2100.0, "evaluate_ms": 5.0,
			"failed_pages": 1.0, "failures": []any{map[string]any{"error": "api_error", "pages": 1.0, "http_status": 503.0,
				"detail": "The scoring API answered 503."}}})
	if all[1]["plan_ms"] != nil {
		t.Errorf("the plan of a poll without the time of its tick took %v", all[1]["plan_ms"])
	}
	newest, _ := f.List(path + "?limit=2")
	apitest.Same(t, "the newest", apitest.Column(newest, "tick"), []any{4.0, 3.0})
	if later, _ := f.List(path + "?since=2200-01-01T00:00:00Z"); len(later) != 0 {
		t.Errorf("of a time to come: %v", later)
	}
	if before, _ := f.List(path + "?since=2020-01-01T00:00:00Z&until=2020-01-02T00:00:00Z"); len(before) != 0 {
		t.Errorf("of before: %v", before)
	}
	f.WantError(404, v4.CodeUnknownIntegration, "GET", "/plumbline/integrations/"+proto.NewID().String()+"/polls", nil)
	f.WantError(400, v4.CodeInvalid, "GET", path+"?limit=x", nil)
}
