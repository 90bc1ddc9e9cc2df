package enforcement_test

import (
	"encoding/json"
	"errors"
	"fmt"
	"net/url"
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

// holdOf returns a standing hold of the fleet's check since an hour ago.
func holdOf(f *apitest.Fleet) *proto.Hold {
	now := proto.At(f.Clock.Now())
	return &proto.Hold{ID: proto.NewID(), Integration: f.Integration, Check: f.Check, State: proto.HoldStanding, Tick: 7,
		Since: now.Add(-time.Hour), Out: true, Pages: 1, Devices: 1, Fleet: proto.Flips{Out: 1, Passing: 1, Known: 1},
		PolledAt: now, UpdatedAt: now}
}

// store stores a hold in place of the one at a revision, and returns its revision.
func store(f *apitest.Fleet, h *proto.Hold, revision uint64) uint64 {
	f.T.Helper()
	revision, err := f.Conn.Put(f.T.Context(), topology.Holds, topology.HoldKey(f.Account, h.Integration, h.Check), h,
		revision)
	if err != nil {
		f.T.Fatal(err)
	}
	return revision
}

// stored returns the stored hold of the fleet's check.
func stored(f *apitest.Fleet) *proto.Hold {
	f.T.Helper()
	h := new(proto.Hold)
	if _, err := f.Conn.Get(f.T.Context(), topology.Holds, topology.HoldKey(f.Account, f.Integration, f.Check),
		h); err != nil {
		f.T.Fatal(err)
	}
	return h
}

func because(reason any) map[string]any { return map[string]any{"reason": reason} }

func holdPath(h *proto.Hold, action string) string {
	return strings.TrimSuffix("/plumbline/holds/"+h.ID.String()+"/"+action, "/")
}

func TestListHolds(t *testing.T) {
	t.Parallel()
	f := apitest.StartFleet(t)
	if all, _ := f.List("/plumbline/holds"); len(all) != 0 {
		t.Fatalf("%v", all)
	}
	h := holdOf(f)
	store(f, h, 0)
	ended := holdOf(f)
	second := f.Want(200, "POST", "/devices/posture", apitest.With(apitest.CheckBody(f.Integration), "name", "Second"))
	ended.Check, ended.State, ended.Since = apitest.ID(second), proto.HoldEnded, h.Since-1000
	store(f, ended, 0)
	all, info := f.List("/plumbline/holds")
	if len(all) != 2 || all[0]["id"] != h.ID.String() || all[1]["id"] != ended.ID.String() || info["total_count"] != 2.0 {
		t.Fatalf("%v %v", all, info)
	}
	v := all[0]
	if v["name"] != "Healthy" || v["integration_name"] != "Scores" || v["state"] != "standing" ||
		v["directions"].([]any)[0] != "lock_out" || v["fleet_lost"] != 1.0 || v["decided_at"] != nil || v["by"] != "" {
		t.Errorf("%v", v)
	}
	// The check's expiration of an hour is shorter than four hours.
	if want := h.Since.Add(time.Hour).Time().UTC().Format(time.RFC3339); v["safe_side_at"] != want {
		t.Errorf("the safe side applies at %v, want %s", v["safe_side_at"], want)
	}
	if all[1]["safe_side_at"] != nil || all[1]["name"] != "Second" {
		t.Errorf("%v", all[1])
	}
	for query, want := range map[string]int{
		"state=standing": 1, "state=open": 1, "state=ended": 1, "state=ended&state=standing": 2, "state=released": 0,
		"rule_id=" + f.Check.String(): 1, "rule_id=" + ended.Check.String() + "&state=open": 0,
		"integration_id=" + f.Integration.String(): 2, "integration_id=" + proto.NewID().String(): 0,
		"per_page=1&page=2": 1, "per_page=1&page=3": 0,
	} {
		if all, _ := f.List("/plumbline/holds?" + query); len(all) != want {
			t.Errorf("%s: %d holds, want %d", query, len(all), want)
		}
	}
	for _, query := range []string{"state=over", "rule_id=1", "integration_id=x", "page=0"} {
		f.WantError(400, v4.CodeInvalid, "GET", "/plumbline/holds?"+query, nil)
	}
}

// heldDevice is a device of a hold.
type heldDevice struct {
	ID       string `json:"device_id"`
	Hostname string `json:"hostname"`
	Serial   string `json:"serial_number"`
	Score    *int   `json:"score"`
	Observed string `json:"observed"`
}

func TestShowAHold(t *testing.T) {
	t.Parallel()
	f := apitest.StartFleet(t)
	h := holdOf(f)
	revision := store(f, h, 0)
	v := f.Want(200, "GET", holdPath(h, ""), nil)
	if len(v["pages_held"].([]any)) != 0 || len(v["devices_held"].([]any)) != 0 {
		t.Errorf("no page has an entry yet: %v", v)
	}
	f.Hold(7, h.Since)
	bustest.Eventually(t, "the page is in the overview", func() bool {
		v = f.Want(200, "GET", holdPath(h, ""), nil)
		return len(v["pages_held"].([]any)) == 1
	})
	apitest.Same(t, "the limits", v["limits"], map[string]any{"share": 0.2, "floor": 10.0, "window_ms": 3_600_000.0,
		"max_hold_ms": 14_400_000.0})
	page, device := v["pages_held"].([]any)[0].(map[string]any), v["devices_held"].([]any)[0].(map[string]any)
	if page["page"] != 0.0 || page["tick"] != 7.0 || page["lost"] != 1.0 || page["devices"] != 1.0 ||
		page["safe_side"] != false || page["since"] != v["since"] {
		t.Errorf("%v of %v", page, v)
	}
	if device["device_id"] != f.Devices[0].String() || device["serial_number"] != "S-1" || device["outcome"] != "pass" ||
		device["observed"] != "fail" || device["score"] != 10.0 {
		t.Errorf("%v", device)
	}
	for group, may := range map[string]bool{"Posture Enforcement Write": false, "Posture Results Read": true} {
		r := f.As(f.StoreToken(nil, apitest.GroupID("Posture Enforcement Read"), apitest.GroupID(group)), "GET",
			holdPath(h, ""), nil)
		var got struct {
			Devices []heldDevice `json:"devices_held"`
		}
		if err := json.Unmarshal(r.Result, &got); err != nil || len(got.Devices) != 1 {
			t.Fatalf("%s: %d %s, %v", group, r.Status, r.Body, err)
		}
		d := got.Devices[0]
		if d.ID != f.Devices[0].String() || d.Observed != "fail" || (d.Serial == "S-1") != may || (d.Score != nil) != may ||
			!may && (d.Serial != "" || d.Hostname != "") || (r.Message(v4.CodeNotPermitted) == "") != may {
			t.Errorf("%s: %s", group, r.Body)
		}
	}
	if etag := f.Do("GET", holdPath(h, ""), nil).Header.Get("ETag"); etag != fmt.Sprintf(`"%d"`, revision) {
		t.Errorf("ETag %s, want %d", etag, revision)
	}
	for _, id := range []string{"x", proto.NewID().String(), proto.ID{}.String()} {
		f.WantError(404, v4.CodeNotFound, "GET", "/plumbline/holds/"+url.PathEscape(id), nil)
		f.WantError(404, v4.CodeNotFound, "POST", "/plumbline/holds/"+url.PathEscape(id)+"/release", because("r"))
	}
}

// TestDecisions checks the decisions allowed in each state, and that a denied one names the state and changes nothing.
func TestDecisions(t *testing.T) {
	t.Parallel()
	f := apitest.StartFleet(t)
	h := holdOf(f)
	revision := store(f, h, 0)
	for _, c := range []struct {
		state           proto.HoldState
		by              string
		release, reject string // the message of a 409; empty: allowed
	}{
		{proto.HoldStanding, "", "", ""},
		{proto.HoldRejected, "ops@example.com", "", "is rejected already, by ops@example.com at 2026-03-01T"},
		{proto.HoldExpired, "", "", "is expired: "},
		{proto.HoldReleased, "ops@example.com", "is released already, by ops@example.com at 2026-03-01T",
			"is released already, by ops@example.com"},
		{proto.HoldReleased, "", "is released already: within the limits", "is released already: within the limits"},
		{proto.HoldEnded, "", "has ended", "has ended"},
	} {
		for action, message := range map[string]string{"release": c.release, "reject": c.reject} {
			h.State, h.By, h.Reason, h.DecidedAt = c.state, c.by, "within the limits", proto.At(f.Clock.Now())
			var err error
			if revision, err = f.Conn.Put(t.Context(), topology.Holds, topology.HoldKey(f.Account, f.Integration, f.Check), h,
				revision); err != nil {
				t.Fatal(err)
			}
			if message != "" {
				got := f.WantError(409, v4.CodeConflict, "POST", holdPath(h, action), because("r"))
				if !strings.Contains(got, message) {
					t.Errorf("%s of a hold that is %s: %q, want %q", action, c.state, got, message)
				}
				if now := stored(f); now.State != c.state || now.By != c.by {
					t.Errorf("%s of a hold that is %s stored %+v", action, c.state, now)
				}
				continue
			}
			r := f.Do("POST", holdPath(h, action), because(" because \n of it"))
			now := stored(f)
			if r.Status != 200 || !strings.HasPrefix(string(now.State), action) || now.Reason != " because \n of it" ||
				now.By == "" || now.By == c.by || now.DecidedAt != proto.At(f.Clock.Now()) {
				t.Errorf("%s of a hold that is %s: %d %s, %+v", action, c.state, r.Status, r.Body, now)
			}
			if revision, err = f.Conn.Get(t.Context(), topology.Holds, topology.HoldKey(f.Account, f.Integration, f.Check),
				new(proto.Hold)); err != nil {
				t.Fatal(err)
			}
		}
	}
}

func TestADecisionIsAudited(t *testing.T) {
	t.Parallel()
	f := apitest.StartFleet(t)
	h := holdOf(f)
	store(f, h, 0)
	seen := len(f.Events())
	f.Want(200, "POST", holdPath(h, "reject"), because("the API is broken"))
	f.Clock.Advance(time.Second)
	f.Want(200, "POST", holdPath(h, "release"), because("it is not"))
	all := f.Events()[seen:]
	if got := apitest.Summary(all); got != "reject hold, release hold" {
		t.Fatalf("%s", got)
	}
	e := all[1]
	if e.Resource != h.ID.String() || e.Name != "Healthy" || e.Actor.Type != "token" || len(e.Records) != 1 ||
		!strings.Contains(string(e.Before), `"state":"rejected"`) || !strings.Contains(string(e.After), `"reason":"it is not"`) {
		t.Errorf("%+v, before %s, after %s", e, e.Before, e.After)
	}
}

func TestReasonsOfDecisions(t *testing.T) {
	t.Parallel()
	f := apitest.StartFleet(t)
	h := holdOf(f)
	store(f, h, 0)
	for _, body := range []any{because(nil), because(""), because(" \t\n"), because(5), because([]string{"r"}),
		because(strings.Repeat("ü", proto.MaxNote+1)), map[string]any{}, "", "[]", `{"reason":"a","reason":"b"}`} {
		for _, action := range []string{"release", "reject"} {
			f.WantError(400, v4.CodeInvalid, "POST", holdPath(h, action), body)
		}
	}
	if now := stored(f); now.State != proto.HoldStanding {
		t.Errorf("%+v", now)
	}
	f.Want(200, "POST", holdPath(h, "reject"), because(strings.Repeat("ü", proto.MaxNote)))
}

// TestOneOfManyReleasesWins checks that one of several releases at the same time, at two replicas, is stored, and the
// others name the state.
func TestOneOfManyReleasesWins(t *testing.T) {
	t.Parallel()
	f := apitest.StartFleet(t)
	h := holdOf(f)
	store(f, h, 0)
	replicas := []*apitest.Fixture{f.Fixture, f.At(f.Replica())}
	answers := make([]apitest.Response, 8)
	var g sync.WaitGroup
	for n := range answers {
		g.Go(func() {
			answers[n] = replicas[n%2].Do("POST", holdPath(h, "release"), because(fmt.Sprint("operator ", n)))
		})
	}
	g.Wait()
	won := 0
	for n, a := range answers {
		switch {
		case a.Status == 200:
			won++
			if got := stored(f).Reason; got != fmt.Sprint("operator ", n) {
				t.Errorf("operator %d released the hold, and the record says %q", n, got)
			}
		case a.Status != 409 || !strings.Contains(string(a.Body), "is released already") ||
			a.Errors[0].Detail["state"] != "released" || a.Errors[0].Detail["by"] != stored(f).By ||
			a.Errors[0].Detail["id"] != h.ID.String() || a.Header.Get("X-Should-Retry") != "false":
			t.Errorf("%d %s", a.Status, a.Body)
		}
	}
	if won != 1 {
		t.Errorf("%d releases were successful", won)
	}
}

// TestAReleaseDuringAPoll checks that a release is stored while the evaluator updates the hold: more pages join it.
func TestAReleaseDuringAPoll(t *testing.T) {
	t.Parallel()
	f := apitest.StartFleet(t)
	h := holdOf(f)
	revision := store(f, h, 0)
	var g sync.WaitGroup
	g.Go(func() {
		for n := range 3 { // fewer than the attempts of a release
			next := *h
			next.Pages = 2 + n
			var err error
			revision, err = f.Conn.Put(t.Context(), topology.Holds, topology.HoldKey(f.Account, f.Integration, f.Check), &next,
				revision)
			if errors.Is(err, bus.ErrConflict) {
				return // the release was first
			}
			if err != nil {
				t.Error(err)
			}
		}
	})
	f.Want(200, "POST", holdPath(h, "release"), because("r"))
	g.Wait()
	if now := stored(f); now.State != proto.HoldReleased || now.Reason != "r" {
		t.Errorf("%+v", now)
	}
}

// TestADecisionAboutAnotherRevision checks that a decision with If-Match applies to this revision of the hold only.
func TestADecisionAboutAnotherRevision(t *testing.T) {
	t.Parallel()
	f := apitest.StartFleet(t)
	h := holdOf(f)
	read := store(f, h, 0)
	h.In, h.Devices = true, 900
	grown := store(f, h, read)
	decide := func(action string, revision uint64) apitest.Response {
		req := f.Request("POST", f.Path(holdPath(h, action)), because("r"))
		req.Header.Set("If-Match", fmt.Sprintf(`"%d"`, revision))
		return f.Send(req)
	}
	for _, action := range []string{"release", "reject"} {
		if r := decide(action, read); r.Status != 412 || stored(f).State != proto.HoldStanding {
			t.Errorf("%s: %d %s, stored %+v", action, r.Status, r.Body, stored(f))
		}
	}
	if r := decide("release", grown); r.Status != 200 || stored(f).State != proto.HoldReleased {
		t.Errorf("%d %s, stored %+v", r.Status, r.Body, stored(f))
	}
}

func TestTokensThatMayDecide(t *testing.T) {
	t.Parallel()
	f := apitest.StartFleet(t)
	h := holdOf(f)
	store(f, h, 0)
	for name, may := range map[string]struct{ read, decide bool }{
		"Posture Enforcement Read": {true, false}, "Posture Exemptions Write": {}, "Access: Device Posture Write": {},
		"Posture Results Read": {}, "Posture Enforcement Switch Write": {}, "Posture Enforcement Write": {true, true},
	} {
		token := f.StoreToken(func(t *proto.APIToken) { t.Name = name }, apitest.GroupID(name))
		if r := f.As(token, "GET", "/plumbline/holds", nil); (r.Status == 200) != may.read {
			t.Errorf("%s: list: %d %s", name, r.Status, r.Body)
		}
		if r := f.As(token, "GET", holdPath(h, ""), nil); (r.Status == 200) != may.read {
			t.Errorf("%s: show: %d %s", name, r.Status, r.Body)
		}
		if may.decide {
			continue
		}
		for _, action := range []string{"release", "reject"} {
			if r := f.As(token, "POST", holdPath(h, action), because("r")); r.Status != 403 {
				t.Errorf("%s: %s: %d %s", name, action, r.Status, r.Body)
			}
		}
		if now := stored(f); now.State != proto.HoldStanding {
			t.Fatalf("%s: %+v", name, now)
		}
	}
	token := f.StoreToken(func(t *proto.APIToken) { t.Name = "operator" }, apitest.GroupID("Posture Enforcement Write"))
	if r := f.As(token, "POST", holdPath(h, "reject"), because("r")); r.Status != 200 || stored(f).By != "operator" {
		t.Errorf("%d %s: %+v", r.Status, r.Body, stored(f))
	}
}

// TestHoldsOfAGoneCheck checks that the record of an ended hold is deleted once its check is gone or has moved.
func TestHoldsOfAGoneCheck(t *testing.T) {
	t.Parallel()
	f := apitest.StartFleet(t)
	other := f.Want(200, "POST", "/devices/posture/integration", apitest.IntegrationBody())["id"]
	second := f.Want(200, "POST", "/devices/posture", apitest.CheckBody(f.Integration))
	current, gone, moved, open := holdOf(f), holdOf(f), holdOf(f), holdOf(f)
	current.State, gone.State, moved.State = proto.HoldReleased, proto.HoldEnded, proto.HoldEnded
	gone.Check, moved.Check, open.Check = proto.NewID(), apitest.ID(second), proto.NewID()
	f.Want(200, "PUT", "/devices/posture/"+second["id"].(string), apitest.CheckBody(other))
	f.Stop()
	for _, h := range []*proto.Hold{current, gone, moved, open} {
		store(f, h, 0)
	}
	first := f.Replica()
	f.Replica()
	f.Fixture = f.At(first)
	passing(f.Fixture, "the records are deleted", func() bool {
		all, _ := f.List("/plumbline/holds")
		return len(all) == 2
	})
	for h, status := range map[*proto.Hold]int{current: 200, open: 200, gone: 404, moved: 404} {
		if r := f.Do("GET", holdPath(h, ""), nil); r.Status != status {
			t.Errorf("%+v: %d %s", h, r.Status, r.Body)
		}
	}
	told := 0
	for _, e := range f.Events() {
		if e.Kind == "hold" && e.Action == "delete" {
			told++
			if e.Actor.Type != "system" || len(e.Before) == 0 ||
				e.Resource != gone.ID.String() && e.Resource != moved.ID.String() {
				t.Errorf("%+v", e)
			}
		}
	}
	if told != 2 {
		t.Errorf("%d of 2 deletions are in the audit log", told)
	}
}

func TestHoldsOfAnotherAccount(t *testing.T) {
	t.Parallel()
	f := apitest.StartFleet(t)
	h := holdOf(f)
	if _, err := f.Conn.Put(t.Context(), topology.Holds, topology.HoldKey(proto.NewAccount(), f.Integration, f.Check), h,
		0); err != nil {
		t.Fatal(err)
	}
	if all, _ := f.List("/plumbline/holds"); len(all) != 0 {
		t.Errorf("%v", all)
	}
	f.WantError(404, v4.CodeNotFound, "GET", holdPath(h, ""), nil)
	f.WantError(404, v4.CodeNotFound, "POST", holdPath(h, "release"), because("r"))
}
