package api

import (
	"bufio"
	"context"
	"encoding/json"
	"fmt"
	"io"
	"net/http"
	"strings"
	"testing"
	"time"

	"plumbline.dev/bus"
	"plumbline.dev/bus/bustest"
	"plumbline.dev/bus/bustest/machine"
	"plumbline.dev/bus/topology"
	"plumbline.dev/proto"
	"plumbline.dev/services/api/v4"
	"plumbline.dev/services/internal/slot"
)

// polledFleet is an integration with a check over devices of one page, and the means to say how a poll of
// it went.
type polledFleet struct {
	*system
	integration, check proto.ID
	devices            []proto.ID
	last               uint64 // newest message of the page's log subject
}

func fleet(t *testing.T) *polledFleet {
	y := start(t)
	y.withRegistry()
	f := &polledFleet{system: y}
	i := y.want(200, "POST", "/devices/posture/integration", integrationBody())
	check := y.want(200, "POST", "/devices/posture", ruleBody(i["id"]))
	f.integration, f.check = must(proto.ParseID(text(i, "id"))), must(proto.ParseID(text(check, "id")))
	y.imported("text/csv", "serial_number\nS-1\nS-2\n")
	f.devices = []proto.ID{proto.DeriveID(y.account, "S-1"), proto.DeriveID(y.account, "S-2")}
	return f
}

func (f *polledFleet) page() topology.PageRef {
	return topology.PageRef{Account: f.account, Integration: f.integration}
}

// evaluated stores an entry of a tick: the first device with a score, the second without; both changed.
func (f *polledFleet) evaluated(tick uint64, score int, outcome proto.Outcome) (changeSeq uint64) {
	f.t.Helper()
	now := proto.At(f.clock.Now())
	e := proto.Entry{
		Tick: tick, EvaluatedAt: now, Poll: proto.Poll{At: now, Attempts: 2, Status: 200, Took: 1500 * time.Millisecond},
		Checks: []proto.CheckRef{{ID: f.check}},
		Results: []proto.Result{
			{Device: f.devices[0], Score: score, S2SID: "s2s", ObservedAt: now, Verdicts: []proto.Verdict{{Outcome: outcome, Reason: proto.ReasonScore, Observed: outcome}}},
			{Device: f.devices[1], Score: proto.NoScore, Problem: proto.ReasonMissing, Verdicts: []proto.Verdict{{Reason: proto.ReasonMissing}}},
		},
	}
	c := proto.Change{Index: 1, Integration: f.integration, Tick: tick, At: now, Devices: []proto.ChangedDevice{
		{Device: f.devices[0], From: proto.OutcomeNone, Reason: proto.ReasonScore, Score: score}}}
	first, err := f.conn.Commit(f.t.Context(), []bus.Outgoing{
		{Subject: topology.Log(f.page()), Body: &e, ExpectLast: bus.Expect(f.last), Header: map[string][]string{proto.HeaderSummary: {e.Summarize(1).String()}}},
		{Subject: topology.Change(f.account, f.check, outcome, 0), Body: &c},
	})
	if err != nil {
		f.t.Fatal(err)
	}
	f.last = first
	return first + 1
}

// stateHolds waits until POSTURE_STATE has an entry.
func (f *polledFleet) stateHolds(seq uint64) {
	f.t.Helper()
	bustest.Eventually(f.t, "the state has the entry", func() bool {
		m, err := f.conn.Last(f.t.Context(), topology.PostureState, topology.Log(f.page()))
		return err == nil && must(bus.LogSequence(m)) == seq
	})
}

func TestResults(t *testing.T) {
	f := fleet(t)
	path := "/plumbline/results/devices/" + f.devices[0].String()
	before := jsonText(t, f.want(200, "GET", path, nil))
	if !strings.Contains(before, `"reason":"never_polled"`) || !strings.Contains(before, `"score":null`) || !strings.Contains(before, `"poll":null`) {
		t.Errorf("before the first poll: %s", before)
	}
	f.evaluated(7, 80, proto.OutcomePass)
	got := f.want(200, "GET", path, nil)
	want := map[string]any{"device_id": f.devices[0].String(), "page": 0.0, "integrations": []any{map[string]any{
		"integration_id": f.integration.String(), "name": "Scores", "tick": 7.0, "polled_at": "2026-03-01T12:00:00Z", "evaluated_at": "2026-03-01T12:00:00Z",
		"poll":  map[string]any{"attempts": 2.0, "status": 200.0, "took_ms": 1500.0, "error": "", "detail": ""},
		"score": 80.0, "observed_at": "2026-03-01T12:00:00Z", "problem": "", "s2s_id": "s2s",
		"checks": []any{map[string]any{"check_id": f.check.String(), "name": "Healthy", "outcome": "pass", "reason": "score", "observed": "pass"}},
	}}}
	if jsonText(t, got) != jsonText(t, want) {
		t.Errorf("got %s, wanted %s", jsonText(t, got), jsonText(t, want))
	}
	missing := jsonText(t, f.want(200, "GET", "/plumbline/results/devices/"+f.devices[1].String(), nil))
	if !strings.Contains(missing, `"problem":"missing"`) || !strings.Contains(missing, `"outcome":"unknown"`) || !strings.Contains(missing, `"observed_at":null`) {
		t.Errorf("a device that was missing: %s", missing)
	}
	if page := jsonText(t, f.want(200, "GET", "/plumbline/results/pages/0", nil)); strings.Count(page, `"device_id"`) != 2 || !strings.Contains(page, `"score":80`) {
		t.Errorf("page %s", page)
	}
	if page := jsonText(t, f.want(200, "GET", "/plumbline/results/pages/0?integration_id="+proto.NewID().String(), nil)); strings.Contains(page, `"device_id"`) {
		t.Errorf("another integration's: %s", page)
	}
	f.refused(404, v4.CodeNotFound, "GET", "/plumbline/results/devices/"+proto.NewID().String(), nil)
	for _, page := range []string{"1", "-1", "x", "4294967296"} {
		f.refused(404, v4.CodeNotFound, "GET", "/plumbline/results/pages/"+page, nil)
	}
	// What the log has forgotten, the state has.
	stream, err := f.conn.JetStream().Stream(t.Context(), topology.PostureLog)
	if err != nil {
		t.Fatal(err)
	}
	f.stateHolds(f.last)
	if err := stream.Purge(t.Context()); err != nil {
		t.Fatal(err)
	}
	if again := f.want(200, "GET", path, nil); jsonText(t, again) != jsonText(t, got) {
		t.Errorf("after the log's end: %s", jsonText(t, again))
	}
}

func TestStatusAndPollNow(t *testing.T) {
	f := fleet(t)
	status := func() map[string]any {
		t.Helper()
		var all []map[string]any
		if r := f.do("GET", "/plumbline/status", nil); json.Unmarshal(r.Result, &all) != nil || len(all) != 1 {
			t.Fatalf("status %s", r.Body)
		}
		return all[0]
	}
	if s := status(); s["poll"] != nil || s["paused"] != false || s["overdue"] != false || s["checks"] != 1.0 {
		t.Errorf("before the first poll: %v", s)
	}
	poll := "/plumbline/integrations/" + f.integration.String() + "/poll"
	ticks := make([]uint64, 2)
	for n := range ticks {
		ticks[n] = uint64(f.want(200, "POST", poll, nil)["tick"].(float64))
	}
	if ticks[1] <= ticks[0] || ticks[0] == 0 {
		t.Errorf("ticks %v", ticks)
	}
	// A tick of the scheduler's, then one by hand: it takes its slot and its schedule over.
	subject := topology.Tick(f.account, f.integration)
	sent := proto.Tick{Slot: 42, Due: 1, Interval: 10 * time.Minute, Schedule: 3, Cause: proto.TickDue}
	if _, err := f.conn.Publish(t.Context(), bus.Outgoing{Subject: subject, Body: &sent}); err != nil {
		t.Fatal(err)
	}
	f.want(200, "POST", poll, nil)
	m, err := f.conn.Last(t.Context(), topology.PostureTicks, subject)
	if err != nil {
		t.Fatal(err)
	}
	var got proto.Tick
	if err := m.Decode(&got); err != nil {
		t.Fatal(err)
	}
	want := sent
	want.Cause, want.Due = proto.TickManual, proto.At(f.clock.Now())
	if got != want {
		t.Errorf("tick %+v, wanted %+v", got, want)
	}
	// The slot of a tick that is ahead of its time is not taken over.
	ahead := sent
	ahead.Slot = slot.Of(f.integration, ahead.Interval).At(time.Now()) + 1000
	if _, err := f.conn.Publish(t.Context(), bus.Outgoing{Subject: subject, Body: &ahead}); err != nil {
		t.Fatal(err)
	}
	f.want(200, "POST", poll, nil)
	if m, err = f.conn.Last(t.Context(), topology.PostureTicks, subject); err != nil {
		t.Fatal(err)
	}
	if err := m.Decode(&got); err != nil || got.Slot > ahead.Slot-999 || got.Slot < ahead.Slot-1000 {
		t.Errorf("tick %+v, %v, after one ahead of its time %+v", got, err, ahead)
	}
	if p := status()["poll"].(map[string]any); p["tick"] != float64(m.Seq) || p["done_pages"] != 0.0 || p["pending_pages"] != 0.0 {
		t.Errorf("a poll that begins: %v", p)
	}
	fetcher := f.bus.Conn(topology.Fetcher)
	page := topology.PageRef{Account: f.account, Integration: f.integration}
	if _, err := fetcher.Publish(t.Context(), bus.Outgoing{Subject: topology.Batch(page), Body: &proto.Batch{Tick: m.Seq, Pages: 1}}); err != nil {
		t.Fatal(err)
	}
	if p := status()["poll"].(map[string]any); p["pending_pages"] != 1.0 {
		t.Errorf("a page that waits for its call: %v", p)
	}
	f.clock.Set(m.Time.Add(1500 * time.Millisecond))
	f.evaluated(m.Seq, 80, proto.OutcomePass)
	bustest.Eventually(t, "the poll is done", func() bool { return status()["poll"].(map[string]any)["done_pages"] == 1.0 })
	p := status()["poll"].(map[string]any)
	if p["pages"] != 1.0 || p["devices"] != 2.0 || p["pass"] != 1.0 || p["unknown"] != 1.0 || p["fail"] != 0.0 || p["changed"] != 1.0 || p["error"] != "" {
		t.Errorf("poll %v", p)
	}
	if took := p["took_ms"].(float64); took < 1400 || took > 1600 {
		t.Errorf("took %v", took)
	}
	f.clock.Advance(21 * time.Minute)
	if s := status(); s["overdue"] != true || s["standing"] != "overdue" {
		t.Errorf("after twice the interval: %v", s)
	}

	f.want(200, "PATCH", "/devices/posture/integration/"+f.integration.String(), `{"x_paused":true}`)
	if s := status(); s["paused"] != true || s["overdue"] != false {
		t.Errorf("paused: %v", s)
	}
	if r := f.do("POST", poll, nil); r.Status != 409 || r.Header.Get("X-Should-Retry") != "false" || !strings.Contains(r.Errors[0].Message, "paused") {
		t.Errorf("%d %s", r.Status, r.Body)
	}
	f.refused(404, v4.CodeUnknownIntegration, "POST", "/plumbline/integrations/"+proto.NewID().String()+"/poll", nil)
}

// sse is one event of a stream.
type sse struct {
	kind, id string
	data     map[string]any
}

// follow opens a live stream; next gives its events.
func (y *system) follow(query, last string) (next func() sse, stop func()) {
	y.t.Helper()
	ctx, cancel := context.WithTimeout(y.t.Context(), 2*time.Minute)
	req, err := http.NewRequestWithContext(ctx, "GET", "http://"+y.api.Addr()+y.path("/plumbline/results/stream"+query), nil)
	if err != nil {
		y.t.Fatal(err)
	}
	req.Header.Set("Authorization", "Bearer "+bootstrap)
	if last != "" {
		req.Header.Set("Last-Event-ID", last)
	}
	resp, err := http.DefaultClient.Do(req)
	if err != nil {
		y.t.Fatal(err)
	}
	if resp.StatusCode != 200 || resp.Header.Get("Content-Type") != "text/event-stream" {
		body, _ := io.ReadAll(resp.Body)
		y.t.Fatalf("%d %s %v", resp.StatusCode, body, resp.Header)
	}
	y.t.Cleanup(func() { cancel(); resp.Body.Close() })
	lines := bufio.NewScanner(resp.Body)
	lines.Buffer(nil, 1<<20)
	return func() sse {
		y.t.Helper()
		var e sse
		for lines.Scan() {
			field, value, _ := strings.Cut(lines.Text(), ": ")
			switch {
			case lines.Text() == "" && e.kind != "":
				return e
			case field == "event":
				e.kind = value
			case field == "id":
				e.id = value
			case field == "data":
				if err := json.Unmarshal([]byte(value), &e.data); err != nil {
					y.t.Fatal(err)
				}
			}
		}
		return sse{kind: "end"}
	}, cancel
}

// isAt reports whether an event's id names a position of the log.
func isAt(id string, seq uint64) bool { return strings.HasPrefix(id, fmt.Sprintf("%d.", seq)) }

func TestTheLiveStream(t *testing.T) {
	f := fleet(t)
	f.evaluated(1, 80, proto.OutcomePass)
	next, stop := f.follow("", "")
	ready := next()
	if ready.kind != "ready" || ready.id == "" {
		t.Fatalf("begins with %+v", ready)
	}
	seq := f.evaluated(2, 10, proto.OutcomeFail)
	change := next()
	devices, _ := change.data["devices"].([]any)
	if change.kind != "change" || !isAt(change.id, seq) || change.data["outcome"] != "fail" || change.data["check_id"] != f.check.String() || len(devices) != 1 ||
		jsonText(t, devices[0]) != fmt.Sprintf(`{"device_id":"%s","from":"none","reason":"score","score":10}`, f.devices[0]) {
		t.Errorf("change %+v", change)
	}
	stop()

	// What came while nobody followed comes first.
	missed := f.evaluated(3, 90, proto.OutcomePass)
	next, _ = f.follow("", change.id)
	if e := next(); e.kind != "change" || !isAt(e.id, missed) {
		t.Errorf("after %s comes %+v", change.id, e)
	}
	// Only what is asked for.
	other, _ := f.follow("?outcome=fail&check="+f.check.String(), change.id)
	none, _ := f.follow("?check="+proto.NewID().String(), change.id)
	last := f.evaluated(4, 5, proto.OutcomeFail)
	if e := other(); e.kind != "change" || !isAt(e.id, last) {
		t.Errorf("of failures: %+v", e)
	}
	// With the state.
	f.stateHolds(last - 1)
	whole, _ := f.follow("?state=true", "")
	for _, want := range []string{"reset", "state", "ready"} {
		if e := whole(); e.kind != want {
			t.Fatalf("got %+v, wanted %s", e, want)
		} else if want == "state" && (len(e.data["devices"].([]any)) != 2 || e.data["tick"] != 4.0) {
			t.Errorf("state %+v", e)
		}
	}
	// From a log that is not this one.
	anew, _ := f.follow("", "999999999")
	for _, want := range []string{"reset", "ready"} {
		if e := anew(); e.kind != want {
			t.Fatalf("got %+v, wanted %s", e, want)
		}
	}
	parts := strings.Split(change.id, ".")
	for name, id := range map[string]string{
		"created at another time": parts[0] + ".abc." + parts[2], "another change": parts[0] + "." + parts[1] + ".abc",
	} {
		anew, _ := f.follow("", id)
		if e := anew(); e.kind != "reset" {
			t.Errorf("a position of another log, %s: %+v", name, e)
		}
	}
	for _, q := range []string{"?check=x", "?outcome=maybe", "?state=perhaps", "?after=x"} {
		f.refused(400, v4.CodeInvalid, "GET", "/plumbline/results/stream"+q, nil)
	}
	// The end of the service is the end of every stream.
	var end sse
	took := machine.Took(func() {
		f.stop()
		end = none()
	})
	if end.kind != "end" || took > shutdownTimeout {
		t.Errorf("at the end: %+v, after %v", end, took)
	}
}

func TestAPositionThatTheLogHasForgotten(t *testing.T) {
	f := fleet(t)
	old := f.evaluated(1, 80, proto.OutcomePass)
	f.evaluated(2, 10, proto.OutcomeFail)
	newest := f.evaluated(3, 80, proto.OutcomePass)
	f.stateHolds(newest - 1)
	stream, err := f.conn.JetStream().Stream(t.Context(), topology.PostureLog)
	if err != nil {
		t.Fatal(err)
	}
	if err := stream.Purge(t.Context()); err != nil {
		t.Fatal(err)
	}
	next, _ := f.follow("", fmt.Sprint(old))
	if e := next(); e.kind != "reset" {
		t.Errorf("got %+v", e)
	}
	if e := next(); e.kind != "ready" || e.id == "" {
		t.Errorf("got %+v", e)
	}
}

func TestStreamsAreBounded(t *testing.T) {
	y := start(t, func(c *Config) { c.Streams = 1 })
	next, stop := y.follow("", "")
	next()
	if r := y.do("GET", "/plumbline/results/stream", nil); r.Status != 503 || r.Errors[0].Code != v4.CodeUnavailable {
		t.Errorf("%d %s", r.Status, r.Body)
	}
	stop()
	bustest.Eventually(t, "there is room again", func() bool { return y.api.streams.Open() == 0 })
}
