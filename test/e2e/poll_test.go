package e2e_test

import (
	"encoding/json"
	"fmt"
	"io"
	"net/http"
	"strings"
	"sync"
	"testing"
	"time"

	"plumbline.dev/bus"
	"plumbline.dev/proto"
	"plumbline.dev/test/internal/ledger"
	"plumbline.dev/test/internal/stack"
	"plumbline.dev/test/scorer"
)

// An API that we have not written is polled by the contract, and its application token is one that its own
// JOSE library accepts. The parts build on each other: one installation goes through all of them.
func TestAnAPIOfTheContractIsPolled(t *testing.T) {
	const devices = 1_250
	w := newFixture(t, devices, "1h")
	t.Run("each device is asked about once", func(t *testing.T) { w.in(t).firstPoll(devices) })
	t.Run("wrong scores have reasons", func(t *testing.T) { w.in(t).wrongScores() })
	t.Run("failed calls have reasons", func(t *testing.T) { w.in(t).failedCalls() })
	t.Run("a changed check is evaluated without a poll", func(t *testing.T) { w.in(t).changedCheck() })
	t.Run("a removed check closes its results", func(t *testing.T) { w.in(t).removedCheck() })
	t.Run("a removed device has no results", func(t *testing.T) { w.in(t).removedDevice() })
	t.Run("a removed integration closes its results", func(t *testing.T) { w.in(t).removedIntegration() })
}

func (w *fixture) in(t *testing.T) *fixture {
	inner := *w
	inner.T = t
	return &inner
}

func (w *fixture) firstPoll(devices int) {
	w.settle()
	asked := map[string]scorer.Device{}
	for _, c := range w.api.Calls() {
		if c.Claims.CommonName != w.api.ClientID {
			w.Errorf("a call came with the token of %q", c.Claims.CommonName)
		}
		for _, d := range c.Devices {
			if _, twice := asked[d.ID]; twice {
				w.Errorf("device %s was asked about twice in one poll", d.ID)
			}
			asked[d.ID] = d
		}
	}
	if len(asked) != devices || len(w.api.CallsByPage()) != 2 {
		w.Errorf("%d devices were asked about in %d pages", len(asked), len(w.api.CallsByPage()))
	}
	for n := range devices {
		d := stack.FleetDevice(n)
		if want := (scorer.Device{ID: d.ID.String(), Email: d.Email, Serial: d.Serial, MAC: d.MAC, IPv4: d.IPv4,
			Hostname: d.Hostname}); asked[want.ID] != want {
			w.Fatalf("the request says %+v of what was enrolled as %+v", asked[want.ID], want)
		}
		entry, result := w.result(d.ID)
		score := scorer.ScoreOf(asked[d.ID.String()], 0)
		if result.Score != score || result.S2SID != "s2s-"+d.Serial || entry.Poll.Status != http.StatusOK ||
			entry.Poll.Attempts != 1 {
			w.Fatalf("device %d has score %d, its entry is %+v of %+v", n, score, result, entry.Poll)
		}
		want := proto.OutcomeFail
		if score >= threshold {
			want = proto.OutcomePass
		}
		if v := w.verdict(d.ID, w.check); v.Outcome != want || v.Reason != proto.ReasonScore {
			w.Fatalf("device %d with score %d: %+v", n, score, v)
		}
	}
	s, err := statusOf(w.Context(), w.control, w.integration)
	if err != nil || s.Overdue || s.Paused || s.Poll == nil || s.Poll.Devices != devices || s.Poll.Pages != 2 ||
		s.Poll.DonePages != 2 {
		w.Errorf("status %+v, %v", s, err)
	}
}

// wrongScores gives ten devices invalid answers, each of another kind: they keep their outcomes.
func (w *fixture) wrongScores() {
	wrong := []struct {
		score   any
		problem proto.Reason
	}{
		{-1, proto.ReasonInvalidScore}, {101, proto.ReasonInvalidScore}, {50.5, proto.ReasonInvalidScore},
		{"50", proto.ReasonInvalidScore}, {json.RawMessage("null"), proto.ReasonInvalidScore}, {true, proto.ReasonInvalidScore},
		{json.RawMessage("1e400"), proto.ReasonInvalidScore}, {nil, proto.ReasonMissing},
		{json.RawMessage("77.0"), proto.ReasonNone}, {json.RawMessage("77"), proto.ReasonNone},
	}
	before := map[proto.ID]proto.Result{}
	at := map[string]int{}
	for n := range wrong {
		id := stack.FleetDevice(n).ID
		_, result := w.result(id)
		before[id] = *result
		at[id.String()] = n
	}
	w.api.Score(func(d scorer.Device, call int) any {
		if n, ok := at[d.ID]; ok {
			return wrong[n].score
		}
		return scorer.ScoreOf(d, call)
	})
	w.poll()
	for n, want := range wrong {
		id := stack.FleetDevice(n).ID
		_, result := w.result(id)
		score := before[id].Score
		if want.problem == proto.ReasonNone {
			score = 77
		}
		if result.Problem != want.problem || result.Score != score {
			w.Errorf("answer %v: score %d, problem %v; expected score %d, problem %v", want.score, result.Score, result.Problem,
				score, want.problem)
		}
		if want.problem != proto.ReasonNone && result.ObservedAt != before[id].ObservedAt {
			w.Errorf("answer %v: the score kept is dated anew", want.score)
		}
	}
	if s := w.shownProblem(stack.FleetDevice(0).ID); !strings.Contains(s, "invalid_score") {
		w.Errorf("the control plane shows of a device with a wrong score: %s", s)
	}
	w.api.Score(nil)
}

// shownProblem returns the control plane's description of a device's results.
func (w *fixture) shownProblem(device proto.ID) string {
	var shown json.RawMessage
	w.do(w.control.Call(w.Context(), "GET", "/plumbline/results/devices/"+device.String(), nil, &shown))
	return string(shown)
}

func (w *fixture) failedCalls() {
	id := stack.FleetDevice(20).ID
	for _, c := range []struct {
		name   string
		answer func(http.ResponseWriter)
		reason proto.Reason
		status int
	}{
		{"forbidden", func(rw http.ResponseWriter) { http.Error(rw, "no", http.StatusForbidden) }, proto.ReasonAuthFailed, 403},
		{"redirect", func(rw http.ResponseWriter) {
			rw.Header().Set("Location", "/login")
			rw.WriteHeader(http.StatusFound)
		}, proto.ReasonAuthFailed, 302},
		{"HTML", func(rw http.ResponseWriter) {
			rw.Header().Set("Content-Type", "text/html")
			_, _ = io.WriteString(rw, "<html>login</html>")
		}, proto.ReasonBadResponse, 200},
		{"no content", func(rw http.ResponseWriter) { rw.WriteHeader(http.StatusNoContent) }, proto.ReasonBadResponse, 204},
		{"no result", func(rw http.ResponseWriter) {
			rw.Header().Set("Content-Type", "application/json")
			_, _ = io.WriteString(rw, `{"devices":{}}`)
		}, proto.ReasonBadResponse, 200},
	} {
		_, before := w.result(id)
		w.api.Answer(func(rw http.ResponseWriter, _ *scorer.Call) bool { c.answer(rw); return true })
		w.poll()
		entry, result := w.result(id)
		if entry.Poll.Error != c.reason || entry.Poll.Status != c.status || result.Score != before.Score ||
			result.Verdicts[0].Outcome != before.Verdicts[0].Outcome {
			w.Errorf("%s: the entry says %+v, score %d before and %d after", c.name, entry.Poll, before.Score, result.Score)
		}
		if s, err := statusOf(w.Context(), w.control, w.integration); err != nil || s.Poll == nil ||
			s.Poll.Error != c.reason.String() {
			w.Errorf("%s: the status says %+v, %v", c.name, s.Poll, err)
		}
	}
	// A busy API is asked again, when it said.
	var busy sync.Map
	w.api.Answer(func(rw http.ResponseWriter, c *scorer.Call) bool {
		if _, again := busy.LoadOrStore(c.Page(), true); again {
			return false
		}
		rw.Header().Set("Retry-After", "0")
		http.Error(rw, "busy", http.StatusServiceUnavailable)
		return true
	})
	w.poll()
	if entry, _ := w.result(id); entry.Poll.Error != proto.ReasonNone || entry.Poll.Attempts != 2 {
		w.Errorf("after one answer of 503: %+v", entry.Poll)
	}
	w.api.Answer(nil)
}

// changedCheck lowers a check to 0: every score passes.
func (w *fixture) changedCheck() {
	calls := len(w.api.Calls())
	w.do(w.control.ChangeCheck(w.Context(), w.check,
		stack.Check{Name: "healthy", Integration: w.integration, Operator: ">=", Score: 0}))
	stack.Until(w, soon, "every device passes", func() error {
		if err := w.audit.CatchUp(w.Context(), w.follower); err != nil {
			w.Fatal(err)
		}
		for _, p := range w.audit.Pages() {
			if s := p.Entry.Summarize(0); s.Fail+s.Unknown > 0 {
				return fmt.Errorf("a page has %+v", s)
			}
		}
		return nil
	})
	if got := len(w.api.Calls()); got != calls {
		w.Errorf("the change led to %d calls", got-calls)
	}
}

// removedCheck makes a second check and removes it again: a follower gets the end of its results.
func (w *fixture) removedCheck() {
	var told following
	stop := follow(w.T, w.follower, bus.Following{Account: w.control.Account}, &told)
	defer stop()
	second := w.newCheck(stack.Check{Name: "excellent", Integration: w.integration, Operator: ">", Score: 90})
	agree := func() error {
		if err := w.audit.CatchUp(w.Context(), w.follower); err != nil {
			w.Fatal(err)
		}
		return told.agree(&w.audit.Ledger)
	}
	results := func(check proto.ID) int {
		count := 0
		for _, p := range w.audit.Pages() {
			for _, c := range p.Entry.Checks {
				if c.ID == check {
					count += len(p.Entry.Results)
				}
			}
		}
		return count
	}
	stack.Until(w, soon, "the second check's results", func() error {
		if err := agree(); err != nil {
			return err
		}
		if n := results(second); n != 1_250 {
			return fmt.Errorf("%d", n)
		}
		return nil
	})
	w.do(w.control.RemoveCheck(w.Context(), second))
	stack.Until(w, soon, "the second check's results are closed", func() error {
		if err := agree(); err != nil {
			return err
		}
		if n := results(second); n != 0 {
			return fmt.Errorf("%d are left", n)
		}
		return nil
	})
}

func (w *fixture) removedDevice() {
	gone := stack.FleetDevice(7).ID
	w.do(w.control.RemoveDevice(w.Context(), gone))
	stack.Until(w, soon, "the device's results are closed", func() error {
		inventory, err := ledger.ReadInventory(w.Context(), w.operator, w.control.Account)
		w.do(err)
		if _, there := inventory.Where[gone]; there {
			return fmt.Errorf("it is still enrolled")
		}
		w.do(w.audit.CatchUp(w.Context(), w.follower))
		return inventory.Compare(&w.audit.Ledger, w.control.Account, w.integration)
	})
	calls := len(w.api.Calls())
	w.poll()
	for _, c := range w.api.Calls()[calls:] {
		for _, d := range c.Devices {
			if d.ID == gone.String() {
				w.Error("the removed device was asked about")
			}
		}
	}
	var refused *stack.Refused
	err := w.control.Call(w.Context(), "GET", "/plumbline/results/devices/"+gone.String(), nil, nil)
	if !asRefused(err, &refused) || refused.Status != http.StatusNotFound {
		w.Errorf("the results of the removed device: %v", err)
	}
}

func (w *fixture) removedIntegration() {
	// A check keeps its integration: it goes first.
	w.do(w.control.RemoveCheck(w.Context(), w.check))
	w.do(w.control.RemoveIntegration(w.Context(), w.integration))
	stack.Until(w, soon, "the integration's pages are closed", func() error {
		w.do(w.audit.CatchUp(w.Context(), w.follower))
		for ref, p := range w.audit.Pages() {
			if !p.Entry.Closed || len(p.Entry.Checks) > 0 {
				return fmt.Errorf("page %d is not", ref.Page)
			}
		}
		return nil
	})
	if err := w.audit.Check(w.Context(), w.operator, w.follower); err != nil {
		w.Error(err)
	}
}

// An integration reports late results, with any cause; while it is paused it is not polled.
func TestPausedAndOverdueShow(t *testing.T) {
	w := newFixture(t, 10, "1s")
	other := &scorer.API{ClientID: "0123456789abcdef0123456789abcdef.access", ClientSecret: "secret-of-another-access"}
	// Its URL belongs to no application here: Client ID and Secret are sent to it.
	beside, err := w.control.CreateIntegration(t.Context(), stack.Integration{
		Name: "beside", URL: other.Listen(t), Interval: "1s", ClientID: other.ClientID, ClientSecret: other.ClientSecret,
	})
	if err != nil {
		t.Fatal(err)
	}
	w.settle()
	w.do(w.control.Pause(t.Context(), w.integration))
	stack.Until(t, soon, "the status says paused", w.statusIs(func(s status) bool { return s.Paused && !s.Overdue }))
	before, err := ledger.NewestTick(t.Context(), w.operator, w.control.Account, w.integration)
	w.do(err)
	w.awaitTicks(beside, 4)
	after, err := ledger.NewestTick(t.Context(), w.operator, w.control.Account, w.integration)
	w.do(err)
	if after.Slot > before.Slot+1 { // the scheduler may have been at it when the pause was saved
		t.Errorf("paused at slot %d, it was polled in slot %d", before.Slot, after.Slot)
	}
	w.do(w.control.Resume(t.Context(), w.integration))
	w.awaitTicks(w.integration, 2)
	w.settle()
	if err := w.audit.Check(t.Context(), w.operator, w.follower); err != nil {
		t.Error(err)
	}

	// The API does not answer any more: no new entries.
	w.api.Latency(time.Hour)
	stack.Until(t, soon, "the status says overdue", w.statusIs(func(s status) bool { return s.Overdue }))
	w.api.Latency(0)
	if s, err := statusOf(t.Context(), w.control, beside); err != nil || s.Overdue {
		t.Errorf("a slow API made another integration late: %+v, %v", s, err)
	}
}

func (w *fixture) statusIs(ok func(status) bool) func() error {
	return func() error {
		s, err := statusOf(w.Context(), w.control, w.integration)
		if err == nil && !ok(s) {
			err = fmt.Errorf("%+v", s)
		}
		return err
	}
}

func (w *fixture) awaitTicks(integration proto.ID, count int) {
	w.Helper()
	first, err := ledger.NewestTick(w.Context(), w.operator, w.control.Account, integration)
	w.do(err)
	stack.Until(w, soon, "ticks", func() error {
		now, err := ledger.NewestTick(w.Context(), w.operator, w.control.Account, integration)
		if err == nil && (now.Schedule == first.Schedule && now.Slot < first.Slot+int64(count)) {
			err = fmt.Errorf("slot %d after slot %d", now.Slot, first.Slot)
		}
		return err
	})
}
