package crash_test

import (
	"errors"
	"fmt"
	"math/rand/v2"
	"net/http"
	"sync/atomic"
	"testing"
	"time"

	"plumbline.dev/bus/topology"
	"plumbline.dev/proto"
	"plumbline.dev/test/internal/ledger"
	"plumbline.dev/test/internal/stack"
	"plumbline.dev/test/scorer"
)

// limit is how many outcomes of a page a poll may change in one direction: a fifth of those of a full page.
const limit = proto.PageSize / 5

// plumb up, with its evaluators, is killed with kill -9 while a malfunction of the scoring API is about to be held, and
// while a person's release of the hold is about to be applied, again and again. No poll changes more than the limit of
// a page's outcomes, nothing else changes any before a person released the hold, and in the end every page, its record
// and a follower agree.
func TestKilledInAHoldAndItsRelease(t *testing.T) {
	random := rand.New(rand.NewPCG(seed(t), 1))
	plumb := stack.Up(t)
	control, err := plumb.Control()
	if err != nil {
		t.Fatal(err)
	}
	if _, err := control.Import(t.Context(), stack.Fleet(devices)); err != nil {
		t.Fatal(err)
	}
	h := holdRun{run: run{T: t, plumb: plumb, control: control, api: new(scorer.API), enrolled: devices,
		sure: map[int]bool{}, removed: map[int]bool{}}}
	h.score.Store(80)
	h.api.Score(func(scorer.Device, int) any { return h.score.Load() })
	h.configure()
	h.guard()
	rounds := 2
	if testing.Short() {
		rounds = 1
	}
	for n := range rounds {
		h.score.Store([]int64{0, 80}[n%2])
		h.poll()
		h.kill(random, "pages hold outcomes", h.holding)
		standing := h.await("standing")
		h.released.Store(int64(proto.At(time.Now())))
		go h.release(standing.ID) // it is answered, or the process dies meanwhile
		h.kill(random, "the release is under way", func() error { return nil })
		h.applied([]proto.Outcome{proto.OutcomeFail, proto.OutcomePass}[n%2])
		h.check(n)
	}
	h.finish(0)
}

type holdRun struct {
	run
	score    atomic.Int64
	released atomic.Int64 // when a person last asked for a release, in ms; 0: never
	checks   []proto.ID
}

// guard gives the checks their breakers, and has every change of an outcome looked at.
func (h *holdRun) guard() {
	h.Helper()
	var all []struct {
		ID    proto.ID       `json:"id"`
		Name  string         `json:"name"`
		Input map[string]any `json:"input"`
	}
	if err := h.control.Call(h.Context(), http.MethodGet, "/devices/posture", nil, &all); err != nil {
		h.Fatal(err)
	}
	for _, k := range all {
		h.checks = append(h.checks, k.ID)
		body := map[string]any{"name": k.Name, "type": "custom_s2s", "input": k.Input,
			"x_breaker": map[string]any{"share": 0.2, "floor": 10}}
		if err := h.control.Call(h.Context(), http.MethodPut, "/devices/posture/"+k.ID.String(), body, nil); err != nil {
			h.Fatal(err)
		}
	}
	// One tick a round: a poll that is under way when the next one is due would be cut short by the kills.
	if err := h.control.ChangeIntegration(h.Context(), h.audit.Integration, map[string]any{"interval": "1h"}); err != nil {
		h.Fatal(err)
	}
	h.api.Latency(10 * latency)
	h.audit.OnChange = h.bounded
	stack.Until(h, time.Minute, "every page passes", func() error { return h.all(proto.OutcomePass) })
}

func (h *holdRun) poll() {
	h.Helper()
	if err := h.control.PollNow(h.Context(), h.audit.Integration); err != nil {
		h.Fatal(err)
	}
	h.audit.Manual++
}

// bounded is invariant 11 for one change message: all devices of a page with a new outcome for a check.
func (h *holdRun) bounded(e *proto.Entry, _ topology.ChangeRef, c *proto.Change) error {
	flips := 0
	for _, d := range c.Devices {
		if d.From == proto.OutcomePass || d.From == proto.OutcomeFail {
			flips++
		}
	}
	at := h.released.Load()
	switch {
	case flips == 0:
	case e.Cause == proto.CausePoll && flips > limit:
		return fmt.Errorf("a poll flips %d outcomes", flips)
	case e.Cause == proto.CauseRelease && (at == 0 || int64(e.EvaluatedAt) < at-1000):
		return fmt.Errorf("a release flips %d outcomes at %d, the last one asked for was at %d", flips, e.EvaluatedAt, at)
	case e.Cause != proto.CausePoll && e.Cause != proto.CauseRelease:
		return fmt.Errorf("an input of a %s flips %d outcomes", e.Cause, flips)
	}
	return nil
}

// kill kills plumb up at a moment after something began, and starts it again.
func (h *holdRun) kill(random *rand.Rand, what string, began func() error) {
	h.Helper()
	stack.Until(h, time.Minute, what, began)
	<-time.After(time.Duration(random.Int64N(int64(20 * latency))))
	h.plumb.Process().Kill()
	h.kills++
	h.plumb.Start(h)
	h.plumb.AwaitReady(h)
}

// look folds the log, and gives the newest entries.
func (h *holdRun) look() (map[topology.PageRef]*ledger.Page, error) {
	_, follower, closeBoth := h.connect()
	defer closeBoth()
	if err := h.audit.CatchUp(h.Context(), follower); err != nil {
		h.Fatal(err)
	}
	if n := len(h.audit.Pages()); n != pages {
		return nil, fmt.Errorf("%d pages", n)
	}
	return h.audit.Pages(), nil
}

// holding returns an error unless some page holds outcomes.
func (h *holdRun) holding() error {
	all, err := h.look()
	for _, p := range all {
		if p.Entry.State(0).Hold != nil {
			return nil
		}
	}
	return errors.Join(err, errors.New("no page holds outcomes"))
}

// all returns an error unless every device has an outcome, by its score.
func (h *holdRun) all(want proto.Outcome) error {
	pages, err := h.look()
	for ref, p := range pages {
		for i := range p.Entry.Results {
			for _, v := range p.Entry.Results[i].Verdicts {
				if v.Outcome != want || v.Reason != proto.ReasonScore {
					return fmt.Errorf("page %d, device %d: %v, tick %d", ref.Page, i, v, p.Entry.Tick)
				}
			}
		}
	}
	return err
}

type holdState struct {
	ID    proto.ID `json:"id"`
	Rule  proto.ID `json:"rule_id"`
	State string   `json:"state"`
	Pages int      `json:"pages"`
	By    string   `json:"by"`
}

// hold returns the hold of the first check.
func (h *holdRun) hold(check proto.ID) (holdState, error) {
	var all []holdState
	err := h.control.Call(h.Context(), http.MethodGet, "/plumbline/holds?rule_id="+check.String(), nil, &all)
	if err == nil && len(all) != 1 {
		err = fmt.Errorf("%d holds", len(all))
	}
	if err != nil {
		return holdState{}, err
	}
	return all[0], nil
}

// await waits for the holds of every page, and returns that of the first check.
func (h *holdRun) await(state string) (first holdState) {
	h.Helper()
	for i, check := range h.checks {
		stack.Until(h, 2*time.Minute, "the hold is "+state, func() error {
			got, err := h.hold(check)
			if err == nil && (got.State != state || got.Pages != pages) {
				err = fmt.Errorf("%+v", got)
			}
			if i == 0 {
				first = got
			}
			return err
		})
	}
	return first
}

// release asks for the release of a hold. No answer is no news.
func (h *holdRun) release(id proto.ID) error {
	return h.control.Call(h.Context(), http.MethodPost, "/plumbline/holds/"+id.String()+"/release",
		map[string]any{"reason": "the devices are really so"}, nil)
}

// applied asks for the release of what is not released yet, until every outcome is the observed one.
func (h *holdRun) applied(want proto.Outcome) {
	h.Helper()
	for _, check := range h.checks {
		stack.Until(h, time.Minute, "the hold is released", func() error {
			got, err := h.hold(check)
			if err == nil && got.State == "standing" {
				err = errors.Join(h.release(got.ID), errors.New("it stood"))
			}
			return err
		})
	}
	stack.Until(h, 2*time.Minute, "every page has the observed outcomes", func() error { return h.all(want) })
	for _, check := range h.checks {
		if got, err := h.hold(check); err != nil || got.State != "released" && got.State != "ended" {
			h.Fatalf("%+v, %v", got, err)
		}
	}
}
