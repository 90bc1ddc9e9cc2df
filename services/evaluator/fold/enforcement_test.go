package fold_test

import (
	"slices"
	"testing"
	"time"

	"plumbline.dev/proto"
	"plumbline.dev/services/evaluator/fold"
)

// has checks a device's verdict of the n-th check: outcome, reason and observed outcome, as "pass held fail".
func (p *page) has(b byte, n int, want string) {
	p.t.Helper()
	for _, r := range p.entry.Results {
		if r.Device != dev(b) {
			continue
		}
		v := r.Verdicts[n]
		if got := v.Outcome.String() + " " + v.Reason.String() + " " + v.Observed.String(); got != want {
			p.t.Errorf("device %d, check %d: %s, want %s", b, n, got, want)
		}
		return
	}
	p.t.Errorf("device %d has no result, want %s", b, want)
}

// edit gives the first check another revision with changed members.
func (p *page) edit(change func(*proto.Check)) {
	p.t.Helper()
	p.on.Config.Revision++
	c := *p.on.Config.Checks[0].Check
	change(&c)
	p.on.Config.Checks = append([]fold.Check{{Revision: p.on.Config.Revision, Check: &c}}, p.on.Config.Checks[1:]...)
}

// exempt gives the account these exemptions.
func (p *page) exempt(all ...fold.Exemption) {
	p.on.Config.Revision++
	p.on.Config.Exempt = func(device proto.ID) (of []fold.Exemption) {
		for _, x := range all {
			if x.Device == device {
				of = append(of, x)
			}
		}
		return of
	}
	p.on.Config.HasExemption = func(id proto.ID) bool {
		return slices.ContainsFunc(all, func(x fold.Exemption) bool { return x.ID == id })
	}
	if len(all) == 0 {
		p.on.Config.Exempt, p.on.Config.HasExemption = nil, nil
	}
}

func exemption(b byte, check proto.ID, until proto.Millis) fold.Exemption {
	return fold.Exemption{Revision: 5,
		Exemption: &proto.Exemption{ID: proto.ID{0xe0, b}, Device: dev(b), Check: check, Until: until}}
}

func (p *page) due(want proto.Millis) {
	p.t.Helper()
	if p.entry.NextExpiry != want {
		p.t.Errorf("next expiry %d, want %d", p.entry.NextExpiry, want)
	}
}

func threshold(f float64) *float64 { return &f }

func TestHysteresis(t *testing.T) {
	p := newPage(t, devices(1, 2), check(1, 1, ">=", 50, 0))
	p.edit(func(c *proto.Check) { c.RecoverScore = threshold(70) })
	p.poll(map[byte]any{1: 55, 2: 40})
	p.has(1, 0, "pass score pass") // it never failed
	p.has(2, 0, "fail score fail")
	p.poll(map[byte]any{1: 49, 2: 69})
	p.has(1, 0, "fail score fail")
	p.has(2, 0, "fail score pass")
	p.poll(map[byte]any{1: 60, 2: 70})
	p.has(1, 0, "fail score pass")
	p.has(2, 0, "pass score pass")
	p.changed("1 2 fail>pass score")
	p.pollFails(proto.ReasonTimeout)
	p.has(1, 0, "fail score pass")
	// Observe mode does not forget the failing devices.
	p.edit(func(c *proto.Check) { c.Mode = proto.ModeObserve })
	p.other(proto.CauseConfig, fold.Written)
	p.has(1, 0, "pass observe_only pass")
	p.poll(map[byte]any{1: 65, 2: 50})
	p.has(1, 0, "pass observe_only pass")
	p.edit(func(c *proto.Check) { c.Mode = "" })
	p.other(proto.CauseConfig, fold.Written)
	p.has(1, 0, "fail score pass")
	p.has(2, 0, "pass score pass")
	p.edit(func(c *proto.Check) { c.RecoverScore = nil })
	p.other(proto.CauseConfig, fold.Written)
	p.has(1, 0, "pass score pass")
}

func TestObserveMode(t *testing.T) {
	p := newPage(t, devices(1, 2, 3), check(1, 1, ">=", 50, time.Minute))
	p.edit(func(c *proto.Check) { c.Mode = proto.ModeObserve })
	p.poll(map[byte]any{1: 80, 2: 10, 3: proto.ReasonMissing})
	p.has(1, 0, "pass score pass")
	p.has(2, 0, "pass observe_only fail")
	p.has(3, 0, "pass observe_only unknown")
	p.due(epoch + 60_000)
	p.wait(time.Minute)
	p.other(proto.CauseExpired, fold.Written)
	p.changed() // unknown passes as well
	p.has(1, 0, "pass observe_only unknown")
	p.other(proto.CauseExpired, fold.Unchanged)
	p.poll(map[byte]any{1: 80, 2: 10, 3: 10})
	p.edit(func(c *proto.Check) { c.Mode = proto.ModeEnforce })
	p.other(proto.CauseConfig, fold.Written)
	p.changed("1 2 pass>fail score", "1 3 pass>fail score")
}

func TestTheObserveSwitch(t *testing.T) {
	p := newPage(t, devices(1), check(1, 1, ">=", 50, 0))
	p.poll(map[byte]any{1: 10})
	until := epoch.Add(time.Hour)
	p.on.Config.Organization = &proto.Organization{Observe: &proto.ObserveSwitch{Until: until}}
	p.other(proto.CauseConfig, fold.Written)
	p.has(1, 0, "pass observe_only fail")
	p.due(until)
	p.other(proto.CauseConfig, fold.Unchanged)
	p.wait(time.Hour)
	p.other(proto.CauseExpired, fold.Written)
	p.changed("1 1 pass>fail score")
	p.due(0)
	p.wait(-time.Minute) // a slower clock does not turn it on again
	p.other(proto.CauseExpired, fold.Unchanged)
	p.poll(map[byte]any{1: 11})
	p.has(1, 0, "fail score fail")
	p.on.Config.Organization = nil
	p.other(proto.CauseConfig, fold.Written)
	if p.entry.Observe != (proto.EntryObserve{}) {
		t.Errorf("%+v", p.entry.Observe)
	}
}

func TestAnExemptionEndsByItself(t *testing.T) {
	p := newPage(t, devices(1, 2, 3), check(1, 1, ">=", 50, 0), check(2, 1, ">=", 90, 0))
	p.poll(map[byte]any{1: 10, 2: 10, 3: 10})
	until := epoch.Add(time.Hour)
	p.exempt(exemption(1, chk(1), until), exemption(2, proto.ID{}, until+1), exemption(3, chk(9), until))
	p.other(proto.CauseConfig, fold.Written)
	p.changed("1 1 fail>pass exempt", "1 2 fail>pass exempt", "2 2 fail>pass exempt")
	p.due(until)
	if len(p.entry.Exemptions) != 2 { // the third is from a check over another integration
		t.Errorf("%+v", p.entry.Exemptions)
	}
	p.poll(map[byte]any{1: 60, 2: 60, 3: 10}) // 1 passes by itself; 2 does not pass every check yet
	p.has(1, 0, "pass score pass")
	p.has(2, 0, "pass score pass")
	p.has(2, 1, "pass exempt fail")
	if got := p.entry.EndedExemptions(); got != exemption(1, chk(1), 0).ID.String() {
		t.Errorf("ended: %q", got)
	}
	p.poll(map[byte]any{1: 10, 2: 95, 3: 10})
	p.has(1, 0, "fail score fail") // it ended, and does not come back
	p.wait(time.Hour)
	p.other(proto.CauseExpired, fold.Unchanged) // nothing is left to end
	p.poll(map[byte]any{1: 10, 2: 10, 3: 10})
	p.has(2, 0, "fail score fail")
	p.exempt()
	p.other(proto.CauseConfig, fold.Written)
	if len(p.entry.Exemptions) != 0 || p.entry.EndedExemptions() != "" {
		t.Errorf("%+v", p.entry.Exemptions)
	}
}

func TestAnExemptionEndsWithItsTime(t *testing.T) {
	p := newPage(t, devices(1), check(1, 1, ">=", 50, time.Minute))
	p.edit(func(c *proto.Check) { c.Grace = time.Hour })
	until := epoch.Add(30 * time.Second)
	p.exempt(exemption(1, chk(1), until))
	p.other(proto.CauseConfig, fold.Written)
	p.has(1, 0, "pass exempt unknown") // without any evidence
	p.poll(map[byte]any{1: 10})
	p.has(1, 0, "pass exempt fail")
	p.due(until)
	p.wait(30 * time.Second)
	p.other(proto.CauseExpired, fold.Written)
	p.has(1, 0, "fail score fail") // no grace after an exemption
	p.wait(-time.Second)
	p.other(proto.CausePage, fold.Unchanged)
	p.poll(map[byte]any{1: 10})
	p.has(1, 0, "fail score fail")
}

// An ended exemption does not return with its device, and none applies to a device enrolled anew.
func TestAnExemptionAndADeviceThatLeaves(t *testing.T) {
	p := newPage(t, devices(1, 2), check(1, 1, ">=", 50, 0))
	p.on.Page.Enrolled = []proto.Millis{10, 10}
	one, two := exemption(1, chk(1), epoch.Add(time.Hour)), exemption(2, chk(1), epoch.Add(time.Hour))
	one.Enrolled, two.Enrolled = 10, 10
	p.exempt(one, two)
	p.poll(map[byte]any{1: 60, 2: 10})
	p.has(2, 0, "pass exempt fail")
	ended := one.ID.String()
	p.on.Page = fold.Page{Revision: 2} // both are revoked
	p.other(proto.CausePage, fold.Written)
	if got := p.entry.EndedExemptions(); got != ended {
		t.Errorf("ended: %q, want %q", got, ended)
	}
	p.on.Page = fold.Page{Revision: 3, Devices: devices(1, 2), Enrolled: []proto.Millis{10, 10}} // the revocations end
	p.poll(map[byte]any{1: 10, 2: 10})
	p.has(1, 0, "fail score fail")
	p.has(2, 0, "pass exempt fail")
	p.on.Page = fold.Page{Revision: 4, Devices: devices(1, 2), Enrolled: []proto.Millis{10, 20}} // 2 is enrolled anew
	p.poll(map[byte]any{1: 10, 2: 10})
	p.has(2, 0, "fail score fail")
	p.exempt()
	p.other(proto.CauseConfig, fold.Written)
	if got := p.entry.EndedExemptions(); got != "" {
		t.Errorf("ended: %q", got)
	}
}

func TestGrace(t *testing.T) {
	p := newPage(t, devices(1, 2, 3), check(1, 1, ">=", 50, 0))
	p.edit(func(c *proto.Check) { c.Grace = time.Hour })
	p.poll(map[byte]any{1: 80, 2: 10, 3: 80})
	p.has(2, 0, "fail score fail") // it did not pass before
	p.wait(time.Minute)
	p.poll(map[byte]any{1: 10, 2: 10, 3: 80})
	p.changed()
	p.has(1, 0, "pass grace fail")
	end := epoch.Add(61 * time.Minute)
	p.due(end)
	p.wait(30 * time.Minute)
	p.on.Page = fold.Page{Revision: 2, Devices: devices(4, 3, 1, 2)} // another place in the page
	p.poll(map[byte]any{1: 20, 2: 10, 3: 10})
	p.has(1, 0, "pass grace fail")
	p.due(end)
	p.wait(30 * time.Minute)
	p.other(proto.CauseExpired, fold.Written)
	p.changed("1 1 pass>fail score")
	p.due(epoch.Add(91 * time.Minute))
	p.wait(-time.Minute)
	p.poll(map[byte]any{1: 20, 2: 10, 3: 90}) // 3 is well again
	p.has(1, 0, "fail score fail")
	p.has(3, 0, "pass score pass")
	p.wait(time.Minute)
	p.poll(map[byte]any{1: 20, 2: 10, 3: 10}) // and gets another grace
	p.has(3, 0, "pass grace fail")
	p.edit(func(c *proto.Check) { c.Grace = 0 })
	p.other(proto.CauseConfig, fold.Written)
	p.has(3, 0, "fail score fail")
}

func TestTheOrderOfTheSteps(t *testing.T) {
	p := newPage(t, devices(1, 2), check(1, 1, ">=", 50, 0))
	p.edit(func(c *proto.Check) { c.RecoverScore, c.Grace = threshold(70), time.Hour })
	p.poll(map[byte]any{1: 80, 2: 80})
	p.poll(map[byte]any{1: 10, 2: 10})
	p.poll(map[byte]any{1: 60, 2: 10})
	p.has(1, 0, "pass grace pass") // hysteresis says fail, and grace keeps the pass
	p.exempt(exemption(1, chk(1), epoch.Add(time.Minute)))
	p.other(proto.CauseConfig, fold.Written)
	p.has(1, 0, "pass exempt pass")
	p.edit(func(c *proto.Check) { c.Mode = proto.ModeObserve })
	p.other(proto.CauseConfig, fold.Written)
	p.has(1, 0, "pass observe_only pass")
	p.has(2, 0, "pass observe_only fail")
	p.poll(map[byte]any{1: 70, 2: 10})
	p.has(1, 0, "pass score pass")
	if p.entry.EndedExemptions() == "" {
		t.Error("the exemption did not end")
	}
}

// opened is a page of 100 failing devices, 50 of them exempt. The API then answers 100 for all: the poll is held.
func opened(t *testing.T, until proto.Millis) *page {
	t.Helper()
	p := newPage(t, fleet(t, 100).on.Page.Devices, check(1, 1, ">=", 50, 0))
	var all []fold.Exemption
	for i := range byte(50) {
		all = append(all, exemption(i, chk(1), until))
	}
	p.exempt(all...)
	p.scores(100, 10)
	p.counts(50, 50, 0)
	p.has(1, 0, "pass exempt fail")
	p.scores(100, 100)
	p.changed()
	p.counts(50, 50, 50)
	return p
}

func (p *page) ended(want int) {
	p.t.Helper()
	n := 0
	for _, x := range p.entry.Exemptions {
		if x.Ended {
			n++
		}
	}
	if n != want {
		p.t.Errorf("%d exemptions ended, want %d", n, want)
	}
}

// Held evidence ends no exemption: its end would outlive the hold.
func TestAHeldPollEndsNoExemption(t *testing.T) {
	until := epoch.Add(time.Hour)
	p := opened(t, until)
	p.ended(0)
	p.has(1, 0, "pass exempt pass")
	p.due(until)
	p.other(proto.CausePage, fold.Unchanged)
	p.scores(100, 100)
	p.has(1, 0, "pass exempt pass")
	p.scores(100, 10) // the API is well again
	p.changed()
	p.ended(0)
	p.has(1, 0, "pass exempt fail")
	if p.entry.State(0).Hold != nil {
		t.Errorf("%+v", p.entry.State(0).Hold)
	}

	p = opened(t, until)
	p.fold(&proto.Input{Cause: proto.CauseRelease, Check: chk(1), DecidedAt: p.on.StoredAt}, fold.Written)
	p.ended(50)
	p.has(1, 0, "pass score pass")
}

// What held evidence says does not keep a pass either whose exemption is over, and a person's exemption counts at once.
func TestExemptionsUnderAHeldOpenUp(t *testing.T) {
	p := opened(t, epoch.Add(time.Hour))
	p.wait(time.Hour)
	p.other(proto.CauseExpired, fold.Written)
	p.counts(0, 100, 100)
	p.ended(50)
	p.has(1, 0, "fail held pass")
	p.exempt(exemption(60, chk(1), epoch.Add(2*time.Hour)))
	p.other(proto.CauseConfig, fold.Written)
	p.has(60, 0, "pass exempt pass")
	p.ended(0)
	p.scores(100, 100)
	p.has(60, 0, "pass exempt pass")
	p.scores(100, 10)
	p.has(60, 0, "pass exempt fail")
	p.counts(1, 99, 0)
}

// An exemption from every check lasts as long as the evidence of one of them is held.
func TestAnExemptionFromEveryCheckUnderAHold(t *testing.T) {
	p := newPage(t, fleet(t, 40).on.Page.Devices, check(1, 1, ">=", 50, 0), check(2, 1, ">=", 5, 0))
	p.exempt(exemption(0, proto.ID{}, epoch.Add(time.Hour)))
	p.scores(40, 10)
	p.scores(40, 100)
	p.ended(0)
	p.has(0, 0, "pass exempt pass")
	p.has(0, 1, "pass score pass")
	p.fold(&proto.Input{Cause: proto.CauseRelease, Check: chk(1), DecidedAt: p.on.StoredAt}, fold.Written)
	p.ended(1)
	p.has(0, 0, "pass score pass")
}

// A held poll does not end a grace: another one would begin after the hold.
func TestAHeldPollEndsNoGrace(t *testing.T) {
	p := fleet(t, 100)
	p.edit(func(c *proto.Check) { c.Grace = time.Hour; c.RecoverScore = threshold(70) })
	p.scores(90, 0) // in grace, so no flip
	p.has(1, 0, "pass grace fail")
	end := epoch.Add(time.Hour)
	p.wait(time.Hour)
	p.scores(90, 0)
	p.counts(10, 90, 0)
	p.scores(95, 0)
	p.has(92, 0, "pass grace fail")
	end = end.Add(time.Hour)
	p.due(end)
	p.wait(time.Minute)
	p.scores(0, 0) // every device passes: held
	p.changed()
	p.counts(10, 90, 90)
	p.has(92, 0, "pass grace pass")
	p.due(end)
	p.other(proto.CausePage, fold.Unchanged)
	p.scores(95, 0)
	p.counts(10, 90, 0)
	p.has(92, 0, "pass grace fail")
	p.due(end)
	p.scores(0, 0)
	p.wait(59 * time.Minute)
	p.other(proto.CauseExpired, fold.Written)
	p.counts(5, 95, 95)
	p.has(92, 0, "fail held pass")
	p.scores(95, 0)
	p.counts(5, 95, 0)
	p.has(92, 0, "fail score fail")
}
