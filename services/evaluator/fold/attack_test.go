package fold_test

import (
	"testing"
	"time"

	"plumbline.dev/proto"
	"plumbline.dev/services/evaluator/fold"
	"plumbline.dev/services/evaluator/judge"
)

// An attacker who decides every score of the API, against a page of 100 devices that pass. The limits of a breaker
// are described in deploy/guides/enforcement.md; these are its numbers.

func (p *page) passes() (n int) {
	for _, r := range p.entry.Results {
		if r.Verdicts[0].Outcome == proto.OutcomePass {
			n++
		}
	}
	return n
}

// loses polls the page with n more failing devices, and returns the number of passing ones.
func (p *page) loses(n int) int {
	p.scores(len(p.entry.Results)-p.passes()+n, 0)
	return p.passes()
}

// A drift just under the limits is stopped within its window, and goes on with the next one: a fifth of what is left
// each hour, and at least the floor.
func TestADriftUnderTheLimitsIsBoundByItsWindow(t *testing.T) {
	p := fleet(t, 100)
	for hour, want := range []int{80, 64, 52, 42, 32} {
		for range 60 {
			p.wait(time.Minute)
			p.loses(1)
			if p.entry.State(0).Hold != nil { // one less, then, and the window's limit is reached
				p.scores(len(p.entry.Results)-p.passes(), 0)
			}
		}
		if got := p.passes(); got != want {
			t.Errorf("after %d h: %d pass, want %d", hour+1, got, want)
		}
		p.wait(time.Minute) // the next window
	}
}

// A loss at the end of a window and one after it are twice the limit within two polls.
func TestTwoWindowsMeetInTwoPolls(t *testing.T) {
	p := fleet(t, 100)
	p.wait(time.Minute)
	p.loses(1) // the window begins
	p.wait(time.Hour - time.Second)
	if got := p.loses(19); got != 80 {
		t.Errorf("%d pass", got)
	}
	p.wait(time.Second)
	if got := p.loses(16); got != 64 || p.entry.State(0).Hold != nil {
		t.Errorf("%d pass", got)
	}
}

// Losses and gains cancel out in the window: nearly every device fails in one of six polls.
func TestAlternatingDirectionsChooseTheDevices(t *testing.T) {
	p := fleet(t, 100)
	touched := map[byte]bool{}
	for round := range 6 {
		p.wait(time.Minute)
		answers := map[byte]any{}
		for i := range byte(100) {
			answers[i] = 80
			if int(i)/16 == round {
				answers[i], touched[i] = 0, true
			}
		}
		p.poll(answers)
		if p.passes() != 84 || p.entry.State(0).Hold != nil {
			t.Fatalf("round %d: %d pass, %+v", round, p.passes(), p.entry.State(0))
		}
	}
	if len(touched) != 96 {
		t.Errorf("%d devices failed in turn", len(touched))
	}
}

// Every device that fails may pass after the evidence has expired: the way from unknown is no flip. Until then it is
// not passed by any enforcer.
func TestSilenceAndThen100(t *testing.T) {
	p := fleet(t, 100)
	p.on.Config.Checks[0] = check(1, 2, ">=", 50, time.Hour)
	p.on.Config.Revision++
	p.other(proto.CauseConfig, fold.Written)
	for range 6 {
		p.wait(2 * time.Hour)
		p.loses(15)
	}
	if got := p.passes(); got > 40 {
		t.Fatalf("%d pass", got)
	}
	p.wait(2 * time.Hour)
	p.other(proto.CauseExpired, fold.Written)
	if got := p.passes(); got != 0 {
		t.Fatalf("%d pass", got)
	}
	p.scores(0, 0)
	if got := p.passes(); got != 100 {
		t.Errorf("%d pass", got)
	}
}

// integration has pages of 100 devices each, and the newest record of their holds.
type integration struct {
	pages []*page
	hold  *proto.Hold
}

// tick polls every page: on the first n of them every device has the score, on the others the other one. Then the holds
// are judged, and released pages evaluated.
func (i *integration) tick(n, score, other int) {
	c := judge.Case{Check: chk(1), Breaker: proto.DefaultBreaker(), Last: i.hold}
	for at, p := range i.pages {
		p.wait(time.Minute)
		if at < n {
			p.scores(100, score)
		} else {
			p.scores(100, other)
		}
		c.Now = p.on.Now
		c.Pages = append(c.Pages, judge.Page{Number: uint32(at), Tick: p.entry.Tick, PolledAt: p.entry.Poll.At,
			Checks: p.entry.CheckFlips()})
	}
	next := c.Next()
	if next == nil {
		return
	}
	if i.hold = next; next.State != proto.HoldReleased {
		return
	}
	for _, r := range next.Release {
		i.pages[r.Page].fold(&proto.Input{Cause: proto.CauseRelease, Check: chk(1), Tick: r.Tick, DecidedAt: next.DecidedAt},
			fold.Written)
	}
}

func (i *integration) passes() (n int) {
	for _, p := range i.pages {
		n += p.passes()
	}
	return n
}

func newIntegration(t *testing.T, score int) *integration {
	i := new(integration)
	for range 20 {
		i.pages = append(i.pages, newPage(t, fleet(t, 100).on.Page.Devices, check(1, 1, ">=", 50, 0)))
	}
	i.tick(20, score, score)
	return i
}

// One page more at each tick looks like one site each time. Together they are bound by the fleet's window.
func TestPagesInTurnAreBoundByTheFleetsWindow(t *testing.T) {
	i := newIntegration(t, 80)
	for n := range 16 {
		i.tick(n+1, 0, 80)
	}
	if got := i.passes(); got != 1600 || i.hold.State != proto.HoldStanding {
		t.Errorf("%d of 2000 pass, %+v", got, i.hold)
	}
	i = newIntegration(t, 0)
	for n := range 5 {
		i.tick(4*(n+1), 100, 0)
	}
	if got := i.passes(); got != 400 || i.hold.State != proto.HoldStanding {
		t.Errorf("%d of 2000 pass, %+v", got, i.hold)
	}
}
