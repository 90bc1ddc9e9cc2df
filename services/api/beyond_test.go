package api

import (
	"bufio"
	"encoding/json"
	"fmt"
	"net/http"
	"net/http/httptest"
	"strings"
	"testing"
	"time"

	"plumbline.dev/bus"
	"plumbline.dev/bus/topology"
	"plumbline.dev/proto"
	"plumbline.dev/services/api/posture"
	"plumbline.dev/services/api/store"
	"plumbline.dev/services/api/v4"
)

// list decodes a result that is a list.
func (y *system) list(path string) (all []map[string]any, info map[string]any) {
	y.t.Helper()
	r := y.do("GET", path, nil)
	if r.Status != 200 || json.Unmarshal(r.Result, &all) != nil {
		y.t.Fatalf("GET %s: %d %s", path, r.Status, r.Body)
	}
	return all, r.ResultInfo
}

func column(all []map[string]any, member string) (values []any) {
	for _, e := range all {
		values = append(values, e[member])
	}
	return values
}

func TestHistory(t *testing.T) {
	f := fleet(t)
	path := "/plumbline/results/devices/" + f.devices[0].String() + "?history=1"
	if all, _ := f.list(path); len(all) != 0 {
		t.Errorf("before the first poll: %v", all)
	}
	for tick := range uint64(7) {
		f.evaluated(tick+1, int(tick)*10, proto.OutcomePass)
	}
	all, info := f.list(path)
	same(t, "ticks", column(all, "tick"), []any{7.0, 6.0, 5.0, 4.0, 3.0, 2.0, 1.0})
	if info["count"] != 7.0 || info["cursor"] != "" {
		t.Errorf("info %v", info)
	}
	seq := all[0]["seq"].(float64)
	same(t, "a result", all[0], map[string]any{"at": "2026-03-01T12:00:00Z", "integration_id": f.integration.String(), "check_id": f.check.String(),
		"name": "Healthy", "check_revision": 0.0, "tick": 7.0, "cause": "poll", "status": 200.0, "error": "", "score": 60.0,
		"observed_at": "2026-03-01T12:00:00Z", "problem": "", "outcome": "pass", "reason": "score", "observed": "pass", "seq": seq})
	first, info := f.list(path + "&limit=3")
	rest, end := f.list(path + "&limit=30&cursor=" + text(info, "cursor"))
	same(t, "in two pages", append(column(first, "tick"), column(rest, "tick")...), column(all, "tick"))
	if end["cursor"] != "" {
		t.Errorf("the end has a cursor: %v", end)
	}
	if other, _ := f.list(path + "&check=" + proto.NewID().String()); len(other) != 0 {
		t.Errorf("of another check: %v", other)
	}
	if later, _ := f.list(path + "&since=2200-01-01T00:00:00Z"); len(later) != 0 {
		t.Errorf("of a time to come: %v", later)
	}
	if before, _ := f.list(path + "&until=2020-01-01T00:00:00Z"); len(before) != 0 {
		t.Errorf("of before: %v", before)
	}
	if period, _ := f.list(path + "&since=2020-01-01T00:00:00Z&until=2200-01-01T00:00:00Z"); len(period) != 7 {
		t.Errorf("of the whole time: %v", period)
	}
	for _, bad := range []string{"&limit=0", "&since=x", "&cursor=x", "&check=x", "&until=9999-01-01T00:00:00Z"} {
		f.refused(400, v4.CodeInvalid, "GET", path+bad, nil)
	}
	f.refused(400, v4.CodeInvalid, "GET", strings.Replace(path, "history=1", "history=x", 1), nil)
}

// A log of every size and mix is read backwards as it is forwards.
func TestBackwardsIsForwardsReversed(t *testing.T) {
	y := start(t)
	app, other := proto.NewID(), proto.NewID()
	var all []bus.Outgoing
	for n := range 3000 {
		id := app
		if n < 1500 || n > 2900 || n%100 == 0 { // long stretches of nothing that is asked for
			id = other
		}
		all = append(all, bus.Outgoing{Subject: topology.AccessLog(y.account, id), Body: &proto.Authentication{Ray: fmt.Sprint(n), Reason: strings.Repeat("x", n%5*1000)}})
	}
	for _, err := range y.conn.PublishAll(t.Context(), all) {
		if err != nil {
			t.Fatal(err)
		}
	}
	for _, subject := range []string{topology.AccessLog(y.account, app), topology.AccessLog(y.account, other), topology.AccessLogsOf(y.account), topology.AccessLogsOf(proto.NewAccount())} {
		r, err := y.api.store.LogPeriod(t.Context(), store.LogRange{Stream: topology.AccessLogs, Subject: subject}, time.Time{}, time.Time{})
		if err != nil {
			t.Fatal(err)
		}
		var there, back []uint64
		if err := y.api.store.ReadForwards(t.Context(), r, func(m *bus.Msg) error { there = append(there, m.Seq); return nil }); err != nil {
			t.Fatal(err)
		}
		if err := y.api.store.ReadBackwards(t.Context(), r, func(m *bus.Msg) error { back = append([]uint64{m.Seq}, back...); return nil }); err != nil {
			t.Fatal(err)
		}
		same(t, subject, back, there)
	}
}

// lines asks for the posture log.
func (y *system) lines(query string) (all []map[string]any, cursor string) {
	y.t.Helper()
	w := httptest.NewRecorder()
	y.handler.ServeHTTP(w, y.request("GET", y.path("/plumbline/posture-log"+query), nil))
	r := w.Result()
	if r.StatusCode != 200 || r.Header.Get("Content-Type") != "application/x-ndjson" {
		y.t.Fatalf("posture log: %d %v %s", r.StatusCode, r.Header, w.Body)
	}
	for scan := bufio.NewScanner(w.Body); scan.Scan(); {
		var line map[string]any
		if err := json.Unmarshal(scan.Bytes(), &line); err != nil {
			y.t.Fatalf("%q: %v", scan.Bytes(), err)
		}
		all = append(all, line)
	}
	return all, r.Trailer.Get(posture.TrailerCursor)
}

func TestPostureLog(t *testing.T) {
	f := fleet(t)
	if all, cursor := f.lines(""); len(all) != 0 || cursor == "" {
		t.Errorf("an empty log: %v, cursor %q", all, cursor)
	}
	f.evaluated(1, 80, proto.OutcomePass)
	f.evaluated(2, 20, proto.OutcomeFail)
	all, end := f.lines("")
	same(t, "ticks", column(all, "x_tick"), []any{1.0, 1.0, 2.0, 2.0})
	cursor := text(all[0], "x_cursor")
	same(t, "a line", all[0], map[string]any{"ClientVersion": "", "DeviceID": f.devices[0].String(), "DeviceManufacturer": "", "DeviceModel": "",
		"DeviceName": "", "DeviceSerialNumber": "S-1", "DeviceType": "", "Email": "", "OSVersion": "", "PolicyID": f.check.String(),
		"PostureCheckName": "Healthy", "PostureCheckType": "custom_s2s", "PostureEvaluatedResult": true,
		"PostureExpectedJSON": map[string]any{"operator": ">=", "score": 60.0},
		"PostureReceivedJSON": map[string]any{"score": 80.0, "s2s_id": "s2s", "observed_at": "2026-03-01T12:00:00Z", "problem": ""},
		"RegistrationID":      f.devices[0].String(), "Timestamp": "2026-03-01T12:00:00Z", "UserUID": "",
		"x_outcome": "pass", "x_reason": "score", "x_integration_id": f.integration.String(), "x_tick": 1.0, "x_check_revision": 0.0, "x_cursor": cursor})
	// Whatever line a client stopped at, it goes on after it.
	for n := range all {
		rest, same := f.lines("?cursor=" + text(all[n], "x_cursor"))
		if jsonText(t, append([]map[string]any{}, all[n+1:]...)) != jsonText(t, append([]map[string]any{}, rest...)) || same != end {
			t.Errorf("after line %d: %v, cursor %s and not %s", n, rest, same, end)
		}
	}
	f.evaluated(3, 90, proto.OutcomePass)
	more, next := f.lines("?cursor=" + end)
	same(t, "after the end", column(more, "x_tick"), []any{3.0, 3.0})
	for query, want := range map[string]int{
		"?outcome=fail": 1, "?outcome=unknown&outcome=pass": 5, "?device=" + f.devices[1].String(): 3, "?check=" + f.check.String(): 6,
		"?check=" + proto.NewID().String(): 0, "?integration=" + f.integration.String(): 6, "?integration=" + proto.NewID().String(): 0,
		"?since=2020-01-01T00:00:00Z&until=2200-01-01T00:00:00Z": 6, "?until=2020-01-01T00:00:00Z": 0, "?since=2200-01-01T00:00:00Z": 0,
	} {
		if got, _ := f.lines(query); len(got) != want {
			t.Errorf("%s: %d lines, wanted %d", query, len(got), want)
		}
	}
	for _, bad := range []string{"?outcome=x", "?device=x", "?cursor=x", "?cursor=1.x", "?since=x"} {
		f.refused(400, v4.CodeInvalid, "GET", "/plumbline/posture-log"+bad, nil)
	}
	// A cursor whose lines are gone is refused: nothing is left out without a word.
	stream, err := f.conn.JetStream().Stream(t.Context(), topology.PostureLog)
	if err != nil {
		t.Fatal(err)
	}
	if err := stream.Purge(t.Context()); err != nil {
		t.Fatal(err)
	}
	f.refused(410, v4.CodeGone, "GET", "/plumbline/posture-log?cursor="+cursor, nil)
	if got, _ := f.lines("?cursor=" + next); len(got) != 0 {
		t.Errorf("at the end of what is gone: %v", got)
	}
}

// A client that reads slowly holds nothing up but itself, and one that stays away is given up.
func TestThePostureLogIsSentAsItIsTaken(t *testing.T) {
	f := fleet(t)
	f.evaluated(1, 80, proto.OutcomePass)
	client := &stuck{header: http.Header{}}
	err := panicked(func() { f.handler.ServeHTTP(client, f.request("GET", f.path("/plumbline/posture-log"), nil)) })
	if err != http.ErrAbortHandler {
		t.Errorf("ended with %v", err)
	}
	if f.api.streams.Open() != 0 {
		t.Error("its place is still taken")
	}
}

// stuck is a client that takes nothing.
type stuck struct{ header http.Header }

func (s *stuck) Header() http.Header       { return s.header }
func (s *stuck) WriteHeader(int)           {}
func (s *stuck) Write([]byte) (int, error) { return 0, http.ErrHandlerTimeout }

func TestPolls(t *testing.T) {
	f := fleet(t)
	path := "/plumbline/integrations/" + f.integration.String() + "/polls"
	if all, _ := f.list(path); len(all) != 0 {
		t.Errorf("before the first poll: %v", all)
	}
	at := f.clock.Now()
	for tick := range uint64(4) {
		for page := range topology.PageNumber(3) {
			f.clock.Set(at.Add(time.Duration(tick)*10*time.Minute + time.Duration(page)*time.Second))
			now := proto.At(f.clock.Now())
			e := proto.Entry{Tick: tick + 1, EvaluatedAt: now.Add(5 * time.Millisecond), Poll: proto.Poll{At: now, Took: 100 * time.Millisecond}, Checks: []proto.CheckRef{{ID: f.check}},
				Results: []proto.Result{{Device: proto.NewID(), Score: 1, ObservedAt: now, Verdicts: []proto.Verdict{{Outcome: proto.OutcomeFail, Reason: proto.ReasonScore, Observed: proto.OutcomeFail}}}}}
			if page == 2 && tick == 3 {
				e.Poll.Error, e.Poll.Status, e.Poll.Detail = proto.ReasonAPIError, 503, "The scoring API answered 503."
			}
			ref := f.page()
			ref.Page = page
			for _, again := range []proto.Cause{proto.CausePoll, proto.CauseConfig} {
				e.Cause = again
				if _, err := f.conn.Publish(t.Context(), bus.Outgoing{Subject: topology.Log(ref), Body: &e,
					Header: map[string][]string{proto.HeaderSummary: {e.Summarize(1).String()}}}); err != nil {
					t.Fatal(err)
				}
			}
		}
	}
	all, _ := f.list(path)
	same(t, "ticks", column(all, "tick"), []any{4.0, 3.0, 2.0, 1.0})
	same(t, "a poll", all[0], map[string]any{"tick": 4.0, "began_at": "2026-03-01T12:29:59.9Z", "ended_at": "2026-03-01T12:30:02.005Z",
		"took_ms": 2105.0, "longest_call_ms": 100.0, "pages": 3.0, "devices": 3.0, "pass": 0.0, "fail": 3.0, "unknown": 0.0, "changed": 3.0,
		"failed_pages": 1.0, "failures": []any{map[string]any{"error": "api_error", "pages": 1.0, "http_status": 503.0,
			"detail": "The scoring API answered 503."}}})
	newest, _ := f.list(path + "?limit=2")
	same(t, "the newest", column(newest, "tick"), []any{4.0, 3.0})
	if later, _ := f.list(path + "?since=2200-01-01T00:00:00Z"); len(later) != 0 {
		t.Errorf("of a time to come: %v", later)
	}
	if before, _ := f.list(path + "?since=2020-01-01T00:00:00Z&until=2020-01-02T00:00:00Z"); len(before) != 0 {
		t.Errorf("of before: %v", before)
	}
	f.refused(404, v4.CodeUnknownIntegration, "GET", "/plumbline/integrations/"+proto.NewID().String()+"/polls", nil)
	f.refused(400, v4.CodeInvalid, "GET", path+"?limit=x", nil)
}

func TestExplain(t *testing.T) {
	f := fleet(t)
	path := "/plumbline/explain/" + f.devices[0].String()
	explained := func(path string) map[string]any {
		t.Helper()
		checks := f.want(200, "GET", path, nil)["checks"].([]any)
		if len(checks) != 1 {
			t.Fatalf("%s: %v", path, checks)
		}
		return checks[0].(map[string]any)
	}
	if x := explained(path); x["reason"] != "never_polled" || x["outcome"] != "unknown" || x["batch"] != "" || x["age_ms"] != nil {
		t.Errorf("before the first poll: %v", x)
	}
	f.evaluated(7, 80, proto.OutcomePass)
	f.clock.Advance(10 * time.Minute)
	x := explained(path + "?check=" + f.check.String())
	delete(x, "check_revision")
	same(t, "why", x, map[string]any{"check_id": f.check.String(), "name": "Healthy", "type": "custom_s2s", "operator": ">=", "wanted_score": 60.0,
		"outcome": "pass", "reason": "score", "observed": "pass", "score": 80.0, "problem": "", "s2s_id": "s2s", "observed_at": "2026-03-01T12:00:00Z",
		"age_ms": 600000.0, "expires_at": "2026-03-01T13:00:00Z", "used_check_revision": 0.0, "batch": "7:0", "paused": false,
		"sentence": "The newest score is 80, and 80 >= 60 holds.",
		"integration": map[string]any{"integration_id": f.integration.String(), "name": "Scores", "tick": 7.0, "polled_at": "2026-03-01T12:00:00Z",
			"evaluated_at": "2026-03-01T12:00:00Z", "poll": map[string]any{"attempts": 2.0, "status": 200.0, "took_ms": 1500.0, "error": "", "detail": ""}}})
	if x := explained("/plumbline/explain/" + f.devices[1].String()); x["reason"] != "missing" || x["sentence"] != "The newest poll gave no score (missing)." {
		t.Errorf("a device that was missing: %v", x)
	}
	f.want(200, "POST", "/devices/physical-devices/"+f.devices[0].String()+"/revoke", nil)
	if x := explained(path); x["reason"] != "removed" || x["outcome"] != "unknown" || x["score"] != nil {
		t.Errorf("a revoked device: %v", x)
	}
	f.refused(404, v4.CodeNotFound, "GET", "/plumbline/explain/"+proto.NewID().String(), nil)
	f.refused(404, v4.CodeUnknownRule, "GET", path+"?check="+proto.NewID().String(), nil)
	f.refused(400, v4.CodeInvalid, "GET", path+"?check=x", nil)
}

// What is kept and not evaluated says so wherever results are shown, and is never a pass.
func TestUnsupportedChecks(t *testing.T) {
	f := fleet(t)
	intune := f.want(200, "POST", "/devices/posture/integration", map[string]any{"name": "Intune", "type": "intune", "interval": "1h",
		"config": map[string]any{"client_id": "c", "client_secret": "s", "customer_id": "k"}})
	same(t, "the integration", intune["x_unsupported"], any([]any{"intune"}))
	check := f.want(200, "POST", "/devices/posture", map[string]any{"name": "Compliant", "type": "intune", "description": "by Intune",
		"input": map[string]any{"connection_id": intune["id"], "compliance_status": "compliant"}})
	same(t, "the check", check["x_unsupported"], any([]any{"intune"}))
	again := f.want(200, "PUT", "/devices/posture/"+text(check, "id"), check) // echoed, and not kept twice
	same(t, "the check again", again, check)
	supported := f.want(200, "GET", "/devices/posture/"+f.check.String(), nil)
	if _, named := supported["x_unsupported"]; named {
		t.Errorf("a check that is evaluated: %v", supported)
	}
	f.evaluated(1, 80, proto.OutcomePass)
	verdict := []any{map[string]any{"check_id": check["id"], "name": "Compliant", "outcome": "unknown", "reason": "unsupported", "observed": "unknown"}}
	same(t, "results of a device", f.want(200, "GET", "/plumbline/results/devices/"+f.devices[0].String(), nil)["unsupported"], any(verdict))
	same(t, "results of a page", f.want(200, "GET", "/plumbline/results/pages/0", nil)["unsupported"], any(verdict))
	why := f.want(200, "GET", "/plumbline/explain/"+f.devices[0].String()+"?check="+text(check, "id"), nil)["checks"].([]any)[0].(map[string]any)
	if why["reason"] != "unsupported" || why["outcome"] != "unknown" || why["integration"] != nil {
		t.Errorf("explained: %v", why)
	}
}
