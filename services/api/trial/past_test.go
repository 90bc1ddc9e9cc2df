package trial_test

import (
	"bytes"
	"context"
	"encoding/json"
	"net/http"
	"net/http/httptest"
	"testing"
	"time"

	"github.com/prometheus/client_golang/prometheus"
	"plumbline.dev/bus"
	"plumbline.dev/bus/bustest"
	"plumbline.dev/bus/topology"
	"plumbline.dev/proto"
	"plumbline.dev/services/api/apitest"
	"plumbline.dev/services/api/store"
	"plumbline.dev/services/api/trial"
	"plumbline.dev/services/api/v4"
)

// line is a line of a trial of the log.
type line struct {
	Kind        string
	Step, Steps int
	Pages       int
	Changed     int
	Entries     int
	Unreadable  int
	MostFlips   int `json:"most_flips"`
	tally
}

// history is a posture log with entries written by the test.
type history struct {
	t     *testing.T
	b     *bustest.Bus
	store *store.Store
	check *proto.Check
	pages []topology.PageRef
	times []time.Time // of rounds of entries
}

func newHistory(t *testing.T, pages int) *history {
	b := bustest.Start(t)
	h := &history{t: t, b: b, check: &proto.Check{ID: proto.NewID(), Type: proto.TypeCustomS2S, Operator: ">=", Score: 60}}
	h.store = store.New(b.Conn(topology.API), bustest.Log(t), nil,
		prometheus.NewGauge(prometheus.GaugeOpts{Name: "waiting"}))
	account, integration := proto.NewAccount(), proto.NewID()
	for n := range pages {
		h.pages = append(h.pages, topology.PageRef{Account: account, Integration: integration, Page: topology.PageNumber(n)})
	}
	return h
}

// write stores an entry of a page, with one device, and returns the time when it was stored.
func (h *history) write(page, score int, stored proto.Outcome) time.Time {
	h.t.Helper()
	at := proto.At(time.Now())
	e := &proto.Entry{Tick: 1, EvaluatedAt: at, Poll: proto.Poll{At: at},
		Checks: []proto.CheckRef{{ID: h.check.ID, Revision: 1}},
		Results: []proto.Result{{Device: proto.ID{1, byte(page)}, Score: score, ObservedAt: at,
			Verdicts: []proto.Verdict{{Outcome: stored, Reason: proto.ReasonScore, Observed: stored}}}}}
	conn := h.b.Conn(topology.Operator)
	ack, err := conn.Publish(h.t.Context(), bus.Outgoing{Subject: topology.Log(h.pages[page]), Body: e,
		Header: map[string][]string{proto.HeaderSummary: {e.Summarize(0).String()}}})
	if err != nil {
		h.t.Fatal(err)
	}
	m, err := conn.At(h.t.Context(), topology.PostureLog, ack.Seq)
	if err != nil {
		h.t.Fatal(err)
	}
	return m.Time
}

// round begins a round of entries, one step.
func (h *history) round(at time.Time) { h.times = append(h.times, at) }

func (h *history) call(ctx context.Context) *v4.Call {
	return &v4.Call{Request: httptest.NewRequestWithContext(ctx, http.MethodPost, "/", nil)}
}

// run runs a trial of the rounds.
func (h *history) run() []line {
	h.t.Helper()
	w := httptest.NewRecorder()
	if err := trial.RunPast(h.t.Context(), h.store, h.pages, h.check, h.times, w, h.call(h.t.Context())); err != nil {
		h.t.Fatal(err)
	}
	return lines(h.t, w.Body.Bytes())
}

func lines(t testing.TB, body []byte) (all []line) {
	t.Helper()
	for text := range bytes.Lines(body) {
		var l line
		if err := json.Unmarshal(text, &l); err != nil {
			t.Fatalf("%s: %v", text, err)
		}
		all = append(all, l)
	}
	return all
}

func TestTheLogIsEvaluatedStepByStep(t *testing.T) {
	t.Parallel()
	h := newHistory(t, 3)
	h.round(time.Now().Add(-time.Hour)) // before the log begins
	h.round(h.write(0, 90, proto.OutcomePass))
	h.write(1, 50, proto.OutcomePass) // stored otherwise then: a flip
	h.write(1, 90, proto.OutcomePass) // the second entry of a step does not count
	h.round(h.write(0, 10, proto.OutcomeFail))
	h.write(2, 70, proto.OutcomePass) // a later page; page 1 keeps its entry
	h.round(h.write(2, 10, proto.OutcomePass))
	all := h.run()
	if len(all) != 4 {
		t.Fatalf("%+v", all)
	}
	for n, want := range []line{
		{Kind: "step", Step: 2, Steps: 4, Pages: 2, tally: tally{Devices: 2, Pass: 1, Fail: 1, Flips: 1, ToFail: 1}},
		{Kind: "step", Step: 3, Steps: 4, Pages: 2, Changed: 1, tally: tally{Devices: 3, Pass: 1, Fail: 2, Flips: 1, ToFail: 1}},
		{Kind: "step", Step: 4, Steps: 4, Pages: 1, Changed: 1, tally: tally{Devices: 3, Fail: 3, Flips: 2, ToFail: 2}},
		{Kind: "summary", Steps: 4, Changed: 2, Entries: 5, MostFlips: 2, tally: tally{Devices: 3, Fail: 3, Flips: 2, ToFail: 2}},
	} {
		got := all[n]
		got.Reasons, got.Compared = nil, want.Compared
		apitest.Same(t, got.Kind, got.plain(), want.plain())
	}
}

// plain returns the members without a list.
func (l line) plain() [12]any {
	return [...]any{l.Kind, l.Step, l.Steps, l.Pages, l.Changed, l.Entries, l.MostFlips, l.Devices, l.Pass, l.Fail,
		l.Flips, l.ToFail}
}

// Many entries of one page before the first one of another do not hide it.
func TestAPageBehindManyEntriesOfAnother(t *testing.T) {
	t.Parallel()
	h := newHistory(t, 3) // the third page has no entry
	h.round(h.write(0, 90, proto.OutcomePass))
	for range trial.ExtraEntries + 10 {
		h.write(0, 10, proto.OutcomeFail)
	}
	h.write(1, 50, proto.OutcomeFail)
	if all := h.run(); len(all) != 2 || all[0].Pages != 2 || all[0].Devices != 2 || all[0].Pass != 1 ||
		all[1].Entries != 2 {
		t.Errorf("%+v", all)
	}
}

func TestAnUnreadableEntryIsCounted(t *testing.T) {
	t.Parallel()
	h := newHistory(t, 2)
	h.round(h.write(0, 90, proto.OutcomePass))
	js := h.b.Conn(topology.Operator).JetStream()
	if _, err := js.Publish(t.Context(), topology.Log(h.pages[1]), []byte("no entry")); err != nil {
		t.Fatal(err)
	}
	if all := h.run(); len(all) != 2 || all[1].Unreadable != 1 || all[1].Entries != 1 || all[1].Devices != 1 {
		t.Errorf("%+v", all)
	}
}

func TestAnEmptyLogHasOnlyASummary(t *testing.T) {
	t.Parallel()
	h := newHistory(t, 1)
	h.round(time.Now())
	h.round(time.Now().Add(time.Hour))
	if all := h.run(); len(all) != 1 || all[0].Kind != "summary" || all[0].Devices != 0 || all[0].Steps != 2 {
		t.Errorf("%+v", all)
	}
}

// leaving is a client leaving after a part of the response.
type leaving struct {
	*httptest.ResponseRecorder
	leave func()
}

func (l *leaving) Write(b []byte) (int, error) {
	l.leave()
	return l.ResponseRecorder.Write(b)
}

func TestATrialEndsWithItsClient(t *testing.T) {
	t.Parallel()
	h := newHistory(t, 1)
	for range 5 {
		h.round(h.write(0, 90, proto.OutcomePass))
	}
	ctx, leave := context.WithCancel(t.Context())
	w := &leaving{httptest.NewRecorder(), leave}
	err := trial.RunPast(ctx, h.store, h.pages, h.check, h.times, w, h.call(ctx))
	if all := lines(t, w.Body.Bytes()); err == nil || len(all) != 1 {
		t.Errorf("%v after %+v", err, all)
	}
}

func TestThePastOverHTTP(t *testing.T) {
	t.Parallel()
	f := newFleet(t, 3)
	f.poll(90, 60, 10)
	id := f.check(f.rule(">=", 60, nil))
	f.Clock.Set(time.Now())
	try := func(ctx context.Context) *httptest.ResponseRecorder {
		body := map[string]any{"rule_id": id, "rule": map[string]any{"input": map[string]any{"score": 70}}, "since": "1h",
			"step": "30m"}
		w := httptest.NewRecorder()
		f.Handler.ServeHTTP(w, f.Request("POST", f.Path("/plumbline/checks/try"), body).WithContext(ctx))
		return w
	}
	w := try(t.Context())
	if w.Code != 200 || w.Header().Get("Content-Type") != "application/x-ndjson" {
		t.Fatalf("%d %s", w.Code, w.Body)
	}
	all := lines(t, w.Body.Bytes())
	for n, text := range bytes.Split(bytes.TrimSpace(w.Body.Bytes()), []byte("\n")) {
		schema, err := apitest.Description(t).Schema("components", "schemas",
			[]string{"TrialStep", "TrialSummary"}[min(n, 1)])
		if err != nil {
			t.Fatal(err)
		}
		var v any
		if err := json.Unmarshal(text, &v); err != nil {
			t.Fatal(err)
		}
		if err := schema.Validate(v); err != nil {
			t.Errorf("%s is not as described: %v", text, err)
		}
	}
	// The page's first entry is from before the check.
	if len(all) != 2 || all[0].Step != 2 || all[0].Devices != 3 || all[0].Compared.None != 3 ||
		all[1].Kind != "summary" || all[1].Devices != 3 {
		t.Fatalf("%+v", all)
	}
	// A client leaving at once frees the place.
	ctx, leave := context.WithCancel(t.Context())
	leave()
	for range trial.PastAtOnce + 1 {
		if w := try(ctx); w.Code == 200 {
			t.Errorf("%d %s", w.Code, w.Body)
		}
	}
	if w := try(t.Context()); w.Code != 200 {
		t.Errorf("%d %s", w.Code, w.Body)
	}
}
