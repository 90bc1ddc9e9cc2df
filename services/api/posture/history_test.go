package posture_test

import (
	"encoding/json"
	"fmt"
	"strings"
	"testing"
	"time"

	"plumbline.dev/bus"
	"plumbline.dev/bus/bustest"
	"plumbline.dev/bus/topology"
	"plumbline.dev/proto"
	"plumbline.dev/services/api/apitest"
	"plumbline.dev/services/api/device"
	"plumbline.dev/services/api/store"
	"plumbline.dev/services/api/v4"
)

func TestHistory(t *testing.T) {
	t.Parallel()
	f := apitest.StartFleet(t)
	path := "/plumbline/results/devices/" + f.Devices[0].String() + "?history=1"
	if all, _ := f.List(path); len(all) != 0 {
		t.Errorf("before the first poll: %v", all)
	}
	for tick := range uint64(7) {
		f.Evaluate(tick+1, int(tick)*10, proto.OutcomePass)
	}
	all, info := f.List(path)
	apitest.Same(t, "ticks", apitest.Column(all, "tick"), []any{7.0, 6.0, 5.0, 4.0, 3.0, 2.0, 1.0})
	if info["count"] != 7.0 || info["cursor"] != "" {
		t.Errorf("info %v", info)
	}
	seq := all[0]["seq"].(float64)
	apitest.Same(t, "a result", all[0],
		map[string]any{"at": "2026-03-01T12:00:00Z", "integration_id": f.Integration.String(), "check_id": f.Check.String(),
			"name": "Healthy", "check_revision": 0.0, "tick": 7.0, "cause": "poll", "status": 200.0, "error": "",
			"score":       60.0,
			"observed_at": "2026-03-01T12:00:00Z", "problem": "", "outcome": "pass", "reason": "score", "observed": "pass",
			"seq": seq})
	first, info := f.List(path + "&limit=3")
	rest, end := f.List(path + "&limit=30&cursor=" + apitest.Text(info, "cursor"))
	apitest.Same(t, "in two pages", append(apitest.Column(first, "tick"), apitest.Column(rest, "tick")...),
		apitest.Column(all, "tick"))
	if end["cursor"] != "" {
		t.Errorf("the end has a cursor: %v", end)
	}
	if other, _ := f.List(path + "&check=" + proto.NewID().String()); len(other) != 0 {
		t.Errorf("of another check: %v", other)
	}
	if later, _ := f.List(path + "&since=2200-01-01T00:00:00Z"); len(later) != 0 {
		t.Errorf("of a time to come: %v", later)
	}
	if before, _ := f.List(path + "&until=2020-01-01T00:00:00Z"); len(before) != 0 {
		t.Errorf("of before: %v", before)
	}
	if period, _ := f.List(path + "&since=2020-01-01T00:00:00Z&until=2200-01-01T00:00:00Z"); len(period) != 7 {
		t.Errorf("of the whole time: %v", period)
	}
	for _, bad := range []string{"&limit=0", "&since=x", "&cursor=x", "&check=x", "&until=9999-01-01T00:00:00Z"} {
		f.WantError(400, v4.CodeInvalid, "GET", path+bad, nil)
	}
	f.WantError(400, v4.CodeInvalid, "GET", strings.Replace(path, "history=1", "history=x", 1), nil)
}

// storeEntry stores an entry of another page with the first device.
func storeEntry(f *apitest.Fleet, page topology.PageNumber, tick uint64) {
	f.T.Helper()
	now := proto.At(f.Clock.Now())
	e := proto.Entry{Tick: tick, EvaluatedAt: now, Poll: proto.Poll{At: now, Status: 200},
		Checks: []proto.CheckRef{{ID: f.Check}},
		Results: []proto.Result{{Device: f.Devices[0], Score: 1, ObservedAt: now,
			Verdicts: []proto.Verdict{{Outcome: proto.OutcomeFail, Reason: proto.ReasonScore}}}}}
	ref := topology.PageRef{Account: f.Account, Integration: f.Integration, Page: page}
	if _, err := f.Conn.Publish(f.T.Context(), bus.Outgoing{Subject: topology.Log(ref), Body: &e,
		Header: map[string][]string{proto.HeaderSummary: {e.Summarize(0).String()}}}); err != nil {
		f.T.Fatal(err)
	}
}

// recordRemoval records in the audit log that the first device was removed from a page.
func recordRemoval(f *apitest.Fleet, page topology.PageNumber) {
	f.T.Helper()
	d := proto.Device{ID: f.Devices[0], EnrolledAt: proto.At(f.Clock.Now().Add(-time.Hour))}
	view, err := json.Marshal(device.View(page, &d))
	if err != nil {
		f.T.Fatal(err)
	}
	e := &proto.AuditEvent{ID: proto.NewID(), At: proto.At(f.Clock.Now()), Action: store.ActionDelete,
		Kind: device.AuditKind, Resource: d.ID.String(), Before: view}
	if _, err := f.Conn.Publish(f.T.Context(), bus.Outgoing{Subject: topology.Audit(f.Account), Body: e}); err != nil {
		f.T.Fatal(err)
	}
}

// TestHistoryOfADeviceOfSeveralPages checks that a history includes the earlier pages of the device, each result once,
// whatever the page size of the list.
func TestHistoryOfADeviceOfSeveralPages(t *testing.T) {
	t.Parallel()
	f := apitest.StartFleet(t)
	f.Clock.Set(time.Now())
	storeEntry(f, 7, 1)
	recordRemoval(f, 7)
	storeEntry(f, 3, 2)
	storeEntry(f, 3, 3)
	recordRemoval(f, 3)
	storeEntry(f, 0, 4) // its page of now, when it was there before
	recordRemoval(f, 0)
	if m, err := f.Conn.Last(t.Context(), topology.PostureLog, topology.Log(f.Page())); err != nil {
		t.Fatal(err)
	} else {
		f.Last = m.Seq
	}
	f.Evaluate(5, 50, proto.OutcomePass)
	f.Evaluate(6, 60, proto.OutcomePass)
	path := "/plumbline/results/devices/" + f.Devices[0].String() + "?history=1"
	all, _ := f.List(path)
	want := []any{6.0, 5.0, 4.0, 3.0, 2.0, 1.0}
	apitest.Same(t, "ticks", apitest.Column(all, "tick"), want)
	for limit := 1; limit < 4; limit++ {
		var got []any
		for cursor := ""; ; {
			part, info := f.List(fmt.Sprintf("%s&limit=%d&cursor=%s", path, limit, cursor))
			got = append(got, apitest.Column(part, "tick")...)
			if cursor = apitest.Text(info, "cursor"); cursor == "" {
				break
			}
		}
		apitest.Same(t, fmt.Sprintf("in pieces of %d", limit), got, want)
	}
	// A removed device has a history too.
	f.Want(200, "DELETE", "/plumbline/devices/"+f.Devices[0].String(), nil)
	bustest.Eventually(t, "the history of a removed device", func() bool {
		all, _ := f.List(path)
		return len(all) >= 4
	})
	f.WantError(404, v4.CodeNotFound, "GET", "/plumbline/results/devices/"+proto.NewID().String()+"?history=1", nil)
}
