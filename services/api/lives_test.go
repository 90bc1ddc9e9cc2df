package api

import (
	"encoding/json"
	"fmt"
	"testing"
	"time"

	"plumbline.dev/bus"
	"plumbline.dev/bus/bustest"
	"plumbline.dev/bus/topology"
	"plumbline.dev/proto"
	"plumbline.dev/services/api/device"
	"plumbline.dev/services/api/store"
	"plumbline.dev/services/api/v4"
)

// livedIn stores an entry of another page that has the fleet's first device.
func (f *polledFleet) livedIn(page topology.PageNumber, tick uint64) {
	f.t.Helper()
	now := proto.At(f.clock.Now())
	e := proto.Entry{Tick: tick, EvaluatedAt: now, Poll: proto.Poll{At: now, Status: 200}, Checks: []proto.CheckRef{{ID: f.check}},
		Results: []proto.Result{{Device: f.devices[0], Score: 1, ObservedAt: now, Verdicts: []proto.Verdict{{Outcome: proto.OutcomeFail, Reason: proto.ReasonScore}}}}}
	ref := topology.PageRef{Account: f.account, Integration: f.integration, Page: page}
	if _, err := f.conn.Publish(f.t.Context(), bus.Outgoing{Subject: topology.Log(ref), Body: &e,
		Header: map[string][]string{proto.HeaderSummary: {e.Summarize(0).String()}}}); err != nil {
		f.t.Fatal(err)
	}
}

// removedFrom has the audit log say that the first device was removed from a page.
func (f *polledFleet) removedFrom(page topology.PageNumber) {
	f.t.Helper()
	d := proto.Device{ID: f.devices[0], EnrolledAt: proto.At(f.clock.Now().Add(-time.Hour))}
	view, err := json.Marshal(device.View(page, &d))
	if err != nil {
		f.t.Fatal(err)
	}
	e := &proto.AuditEvent{ID: proto.NewID(), At: proto.At(f.clock.Now()), Action: store.ActionDelete, Kind: device.AuditKind, Resource: d.ID.String(), Before: view}
	if _, err := f.conn.Publish(f.t.Context(), bus.Outgoing{Subject: topology.Audit(f.account), Body: e}); err != nil {
		f.t.Fatal(err)
	}
}

// A history goes back through the pages that the device was in before, each result once, in any number of pieces.
func TestHistoryOfADeviceThatWasElsewhereBefore(t *testing.T) {
	f := fleet(t)
	f.clock.Set(time.Now())
	f.livedIn(7, 1)
	f.removedFrom(7)
	f.livedIn(3, 2)
	f.livedIn(3, 3)
	f.removedFrom(3)
	f.livedIn(0, 4) // the page that it is in now, in an earlier life
	f.removedFrom(0)
	if m, err := f.conn.Last(t.Context(), topology.PostureLog, topology.Log(f.page())); err != nil {
		t.Fatal(err)
	} else {
		f.last = m.Seq
	}
	f.evaluated(5, 50, proto.OutcomePass)
	f.evaluated(6, 60, proto.OutcomePass)
	path := "/plumbline/results/devices/" + f.devices[0].String() + "?history=1"
	all, _ := f.list(path)
	want := []any{6.0, 5.0, 4.0, 3.0, 2.0, 1.0}
	same(t, "ticks", column(all, "tick"), want)
	for limit := 1; limit < 4; limit++ {
		var got []any
		for cursor := ""; ; {
			part, info := f.list(fmt.Sprintf("%s&limit=%d&cursor=%s", path, limit, cursor))
			got = append(got, column(part, "tick")...)
			if cursor = text(info, "cursor"); cursor == "" {
				break
			}
		}
		same(t, fmt.Sprintf("in pieces of %d", limit), got, want)
	}
	// One that is gone has a history too.
	f.want(200, "DELETE", "/plumbline/devices/"+f.devices[0].String(), nil)
	bustest.Eventually(t, "the history of a removed device", func() bool {
		all, _ := f.list(path)
		return len(all) >= 4
	})
	f.refused(404, v4.CodeNotFound, "GET", "/plumbline/results/devices/"+proto.NewID().String()+"?history=1", nil)
}
