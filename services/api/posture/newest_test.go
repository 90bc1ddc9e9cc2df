package posture_test

import (
	"net/url"
	"testing"
	"time"

	"plumbline.dev/bus"
	"plumbline.dev/bus/topology"
	"plumbline.dev/proto"
	"plumbline.dev/services/api/apitest"
	"plumbline.dev/services/api/v4"
)

const newestPath = "/plumbline/posture-log/newest"

func TestNewestLines(t *testing.T) {
	t.Parallel()
	f := apitest.StartFleet(t)
	if all, info := f.List(newestPath); len(all) != 0 || info["cursor"] != "" || info["searched_until"] != nil {
		t.Errorf("an empty log: %v, %v", all, info)
	}
	outcomes := map[bool]proto.Outcome{true: proto.OutcomePass, false: proto.OutcomeFail}
	for tick := range uint64(7) {
		f.Evaluate(tick+1, 50+int(tick), outcomes[tick%2 == 0])
		f.Clock.Advance(10 * time.Minute)
	}
	all, info := f.List(newestPath)
	if len(all) != 14 || info["cursor"] != "" || info["per_page"] != 50.0 {
		t.Errorf("%d lines, %v", len(all), info)
	}
	apitest.Same(t, "ticks", apitest.Column(all, "x_tick")[:4], []any{7.0, 7.0, 6.0, 6.0})
	// Pages of any size have the same lines.
	for _, size := range []string{"1", "2", "3", "13", "14"} {
		var paged []map[string]any
		for cursor := ""; ; {
			some, info := f.List(newestPath + "?limit=" + size + "&cursor=" + url.QueryEscape(cursor))
			paged = append(paged, some...)
			if cursor = info["cursor"].(string); cursor == "" || len(paged) > 20 {
				break
			}
		}
		apitest.Same(t, "pages of "+size, paged, all)
	}
	for query, want := range map[string]int{
		"?outcome=fail": 3, "?outcome=unknown&outcome=pass": 11, "?device=" + f.Devices[1].String(): 7,
		"?device=" + f.Devices[1].String() + "&integration=" + f.Integration.String(): 7,
		"?device=" + proto.NewID().String():                                           0, "?check=" + f.Check.String(): 14,
		"?check=" + proto.NewID().String(): 0, "?integration=" + f.Integration.String(): 14,
		"?since=2200-01-01T00:00:00Z": 0, "?until=2200-01-01T00:00:00Z": 14, "?changed=false": 14,
		"?changed=true": 7, "?changed=true&outcome=pass": 4, "?changed=true&outcome=pass&outcome=fail": 7,
		"?changed=true&device=" + f.Devices[0].String(): 7, "?changed=true&device=" + f.Devices[1].String(): 0,
		"?changed=true&check=" + f.Check.String(): 7, "?changed=true&check=" + proto.NewID().String(): 0,
		"?changed=true&integration=" + proto.NewID().String(): 0,
	} {
		if got, _ := f.List(newestPath + query); len(got) != want {
			t.Errorf("%s: %d lines, want %d", query, len(got), want)
		}
	}
	for _, bad := range []string{"changed=maybe", "limit=0", "cursor=x", "outcome=x", "device=x"} {
		f.WantError(400, v4.CodeInvalid, "GET", newestPath+"?"+bad, nil)
	}
}

func TestNewestChanges(t *testing.T) {
	t.Parallel()
	f := apitest.StartFleet(t)
	f.Evaluate(1, 80, proto.OutcomePass)
	f.Evaluate(2, 20, proto.OutcomeFail)
	all, _ := f.List(newestPath + "?changed=true")
	if len(all) != 2 || all[0]["x_tick"] != 2.0 || all[0]["x_from"] != "none" || all[0]["x_outcome"] != "fail" ||
		all[0]["DeviceSerialNumber"] != "S-1" || all[1]["x_outcome"] != "pass" {
		t.Errorf("%v", all)
	}
	whole, _ := f.List(newestPath + "?device=" + f.Devices[0].String())
	for n := range all {
		delete(all[n], "x_from")
		delete(all[n], "x_cursor")
		delete(whole[n], "x_cursor")
	}
	apitest.Same(t, "the same lines", all, whole)
	var paged []any
	for cursor, pages := "", 0; pages < 5; pages++ {
		some, info := f.List(newestPath + "?changed=true&limit=1&cursor=" + cursor)
		paged = append(paged, apitest.Column(some, "x_tick")...)
		if cursor = info["cursor"].(string); cursor == "" {
			break
		}
	}
	apitest.Same(t, "page by page", paged, []any{2.0, 1.0})
}

func TestNewestLeavesOutWhatIsUnreadable(t *testing.T) {
	t.Parallel()
	f := apitest.StartFleet(t)
	f.Evaluate(1, 80, proto.OutcomePass)
	for _, subject := range []string{topology.Log(f.Page()), topology.Change(f.Account, f.Check, proto.OutcomePass, 0)} {
		if _, err := f.Conn.Publish(t.Context(), bus.Outgoing{Subject: subject, Body: &proto.Tick{}}); err != nil {
			t.Fatal(err)
		}
	}
	for _, query := range []string{"", "?changed=true"} {
		r := f.Do("GET", newestPath+query, nil)
		if len(r.Messages) != 1 {
			t.Errorf("%q: %+v", query, r)
		}
	}
}
