package enforcement_test

import (
	"fmt"
	"net/http"
	"strings"
	"sync"
	"testing"
	"time"

	"plumbline.dev/bus"
	"plumbline.dev/bus/bustest"
	"plumbline.dev/bus/topology"
	"plumbline.dev/proto"
	"plumbline.dev/services/api/apitest"
	"plumbline.dev/services/api/v4"
)

const exemptions = "/plumbline/exemptions"

func in(f *apitest.Fixture, d time.Duration) string { return f.Clock.Now().Add(d).Format(time.RFC3339) }

// exemption is a request for an exemption of the fleet's n-th device from its check, for an hour.
func exemption(f *apitest.Fleet, n int) map[string]any {
	return map[string]any{"device_id": f.Devices[n], "rule_id": f.Check, "until": in(f.Fixture, time.Hour),
		"reason": "in repair"}
}

func TestExemptions(t *testing.T) {
	t.Parallel()
	f := apitest.StartFleet(t)
	f.Events()
	f.PurgeAudit()
	x := f.Want(200, "POST", exemptions, exemption(f, 0))
	if x["device_id"] != f.Devices[0].String() || x["rule_id"] != f.Check.String() || x["rule_name"] != "Healthy" ||
		x["device_name"] != "S-1" || x["author"] == "" || x["until"] != "2026-03-01T13:00:00Z" || x["reason"] != "in repair" {
		t.Errorf("%v", x)
	}
	one := exemptions + "/" + x["id"].(string)
	if got := f.Want(200, "GET", one, nil); fmt.Sprint(got) != fmt.Sprint(x) {
		t.Errorf("%v, created as %v", got, x)
	}
	for _, query := range []string{"device_id=x", "rule_id=garbage"} {
		f.WantError(400, v4.CodeInvalid, "GET", exemptions+"?"+query, nil)
	}
	f.Clock.Advance(time.Minute)
	body := exemption(f, 1)
	delete(body, "rule_id")
	everything := f.Want(200, "POST", exemptions, body)
	if everything["rule_id"] != nil || everything["rule_name"] != nil {
		t.Errorf("%v", everything)
	}
	for query, want := range map[string]string{
		"": "S-1 S-2", "?device_id=" + f.Devices[1].String(): "S-2", "?rule_id=" + f.Check.String(): "S-1 S-2",
		"?rule_id=" + proto.NewID().String(): "S-2", "?per_page=1&page=2": "S-2", "?device_id=": "S-1 S-2",
	} {
		all, _ := f.List(exemptions + query)
		var names []string
		for _, x := range all {
			names = append(names, x["device_name"].(string))
		}
		if got := strings.Join(names, " "); got != want {
			t.Errorf("%q: %s, want %s", query, got, want)
		}
	}
	shown(f, 0, x["id"])
	shown(f, 1, everything["id"])
	if r := f.Do("GET", "/plumbline/status", nil); r.Message(v4.CodeExemptions) != "2 exemptions are active" {
		t.Errorf("%s", r.Body)
	}
	if n := f.Metric("plumbline_api_exemptions"); n != 2 {
		t.Errorf("%v exemptions are active", n)
	}
	f.WantError(405, v4.CodeMethod, "PUT", one, body)
	if got := f.Want(200, "DELETE", one, nil); got["id"] != x["id"] {
		t.Errorf("%v", got)
	}
	shown(f, 0)
	f.WantError(404, v4.CodeNotFound, "GET", one, nil)
	f.WantError(404, v4.CodeNotFound, "DELETE", one, nil)
	if got := apitest.Summary(f.Events()); got != "create exemption, create exemption, delete exemption" {
		t.Error(got)
	}
	// The name of a check in a list is its newest one.
	f.Want(200, "POST", exemptions, exemption(f, 0))
	f.List(exemptions)
	f.Want(200, "PUT", "/devices/posture/"+f.Check.String(),
		apitest.With(apitest.CheckBody(f.Integration), "name", "Well"))
	if all, _ := f.List(exemptions + "?device_id=" + f.Devices[0].String()); all[0]["rule_name"] != "Well" {
		t.Errorf("%v", all)
	}
	f.Clock.Advance(time.Hour)
	if all, _ := f.List(exemptions + "?device_id=" + f.Devices[1].String()); len(all) != 0 {
		t.Errorf("its time is over: %v", all)
	}
}

// shown checks that the n-th device has these exemptions wherever it is shown.
func shown(f *apitest.Fleet, n int, want ...any) {
	f.T.Helper()
	d := f.Devices[n].String()
	all, _ := f.List("/devices/physical-devices?id=" + d)
	for where, members := range map[string]any{
		"device": f.Want(200, "GET", "/plumbline/devices/"+d, nil)["exemptions"], "in a list": all[0]["x_exemptions"],
		"physical": f.Want(200, "GET", "/devices/physical-devices/"+d, nil)["x_exemptions"],
		"results":  f.Want(200, "GET", "/plumbline/results/devices/"+d, nil)["exemptions"],
	} {
		var ids []any
		list, _ := members.([]any)
		for _, x := range list {
			ids = append(ids, x.(map[string]any)["id"])
		}
		if fmt.Sprintf("%v", ids) != fmt.Sprintf("%v", want) {
			f.T.Errorf("%s: exemptions %v, want %v", where, ids, want)
		}
	}
}

func TestInvalidExemptions(t *testing.T) {
	t.Parallel()
	f := apitest.StartFleet(t)
	other := f.Want(200, "POST", "/devices/posture", map[string]any{"name": "Disk", "type": "disk_encryption"})
	f.Want(200, "POST", "/devices/registrations/revoke?id="+f.Devices[1].String(), nil)
	for message, change := range map[string]map[string]any{
		"device_id must be the id of a device":                     {"device_id": "x"},
		"device_id must be the id of a device ":                    {"device_id": nil},
		"device_id: no enrolled device has the id":                 {"device_id": proto.NewID()},
		"device_id: the device is revoked":                         {"device_id": f.Devices[1]},
		"rule_id must be the id of a posture rule":                 {"rule_id": 7},
		"rule_id: posture rule not found":                          {"rule_id": proto.NewID()},
		"rule_id: a rule of type disk_encryption is not evaluated": {"rule_id": other["id"]},
		"until is required":                                        {"until": nil},
		"until must be a time in RFC 3339":                         {"until": "tomorrow"},
		"until must be in the future":                              {"until": in(f.Fixture, 0)},
		"until must be within 366 days":                            {"until": in(f.Fixture, 368*24*time.Hour)},
		"reason is required and must not be blank":                 {"reason": " \t"},
		"reason is required and must not be blank ":                {"reason": nil},
		"reason must be a string":                                  {"reason": 1},
		fmt.Sprintf("reason has more than %d char", proto.MaxNote): {"reason": strings.Repeat("x", proto.MaxNote+1)},
	} {
		got := f.WantError(400, v4.CodeInvalid, "POST", exemptions, apitest.Plus(exemption(f, 0), change))
		if !strings.Contains(got, strings.TrimSpace(message)) {
			t.Errorf("%v: %s, want %s", change, got, message)
		}
	}
	if all, _ := f.List(exemptions); len(all) != 0 {
		t.Errorf("%v", all)
	}
	f.Want(200, "POST", exemptions, exemption(f, 0))
	got := f.WantError(409, v4.CodeConflict, "POST", exemptions, exemption(f, 0))
	if !strings.Contains(got, "end it first") {
		t.Error(got)
	}
	f.Want(200, "POST", exemptions, apitest.With(exemption(f, 0), "rule_id", nil)) // another scope
	f.Clock.Advance(time.Hour)
	f.Want(200, "POST", exemptions, exemption(f, 0)) // the first is over
}

// One of several requests at once for the same device and check wins, at several replicas.
func TestSimultaneousExemptions(t *testing.T) {
	t.Parallel()
	f := apitest.StartFleet(t)
	replicas := []*apitest.Fixture{f.Fixture, f.At(f.Replica())}
	const n = 6
	var wg sync.WaitGroup
	status := make([]int, n)
	for i := range n {
		wg.Go(func() { status[i] = replicas[i%2].Do("POST", exemptions, exemption(f, 0)).Status })
	}
	wg.Wait()
	won := 0
	for _, s := range status {
		switch s {
		case http.StatusOK:
			won++
		case http.StatusConflict:
		default:
			t.Errorf("status %d", s)
		}
	}
	if all, _ := f.List(exemptions); won != 1 || len(all) != 1 {
		t.Errorf("%d of %d requests won, and there are %d exemptions", won, n, len(all))
	}
}

func TestTooManyExemptions(t *testing.T) {
	t.Parallel()
	f := apitest.StartFleet(t)
	var all []bus.Outgoing
	for i := range proto.MaxExemptions - 1 {
		x := proto.Exemption{ID: proto.NewID(), Device: f.Devices[1], Until: proto.At(f.Clock.Now().Add(time.Hour)),
			Reason: "r", CreatedAt: proto.Millis(i)}
		all = append(all, bus.PutMsg(topology.Config, topology.ConfigKey(f.Account, topology.KindExemption, x.ID), &x, 0))
		if len(all) == 500 || i == proto.MaxExemptions-2 {
			if _, err := f.Conn.Commit(t.Context(), all); err != nil {
				t.Fatal(err)
			}
			all = nil
		}
	}
	// A view still reading so many changes at once answers 503, and clients try again.
	bustest.Eventually(t, "the view holds every exemption", func() bool {
		return f.Do("GET", exemptions, nil).Status == http.StatusOK
	})
	f.Want(200, "POST", exemptions, exemption(f, 0))
	got := f.WantError(409, v4.CodeConflict, "POST", exemptions, exemption(f, 1))
	if !strings.Contains(got, "10000 exemptions") {
		t.Error(got)
	}
	_, info := f.List(exemptions + "?per_page=1")
	if info["total_count"] != float64(proto.MaxExemptions) {
		t.Errorf("%v", info)
	}
}

// An exemption of a passing device ends at once, and the response says so.
func TestExemptionOfAPassingDevice(t *testing.T) {
	t.Parallel()
	f := apitest.StartFleet(t)
	f.Evaluate(1, 20, proto.OutcomeFail)
	r := f.Do("POST", exemptions, exemption(f, 0))
	if r.Status != 200 || r.Message(v4.CodePassesAlready) != "" {
		t.Errorf("%d %s", r.Status, r.Body)
	}
	f.Evaluate(2, 90, proto.OutcomePass)
	r = f.Do("POST", exemptions, apitest.With(exemption(f, 0), "rule_id", nil))
	if r.Status != 200 || r.Message(v4.CodePassesAlready) == "" {
		t.Errorf("%d %s", r.Status, r.Body)
	}
	if r := f.Do("POST", exemptions, exemption(f, 1)); r.Message(v4.CodePassesAlready) != "" {
		t.Errorf("a device without a score: %s", r.Body)
	}
}
