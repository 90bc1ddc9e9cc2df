package fold_test

import (
	"testing"
	"time"

	"plumbline.dev/proto"
	"plumbline.dev/services/evaluator/fold"
)

// fleet is a page of n devices over one check ">= 50", each with a score of 80.
func fleet(t *testing.T, n int) *page {
	t.Helper()
	var ids []proto.ID
	for i := range n {
		ids = append(ids, dev(byte(i)))
	}
	p := newPage(t, ids, check(1, 1, ">=", 50, 0))
	p.scores(n, 80)
	return p
}

// scores polls the page: the first n devices have the score, the others 80.
func (p *page) scores(n, score int) {
	p.t.Helper()
	answers := map[byte]any{}
	for i := range p.on.Page.Devices {
		answers[byte(i)] = 80
		if i < n {
			answers[byte(i)] = score
		}
	}
	p.poll(answers)
}

// counts checks the number of passes and fails, and of held results.
func (p *page) counts(pass, fail, held int) {
	p.t.Helper()
	gotPass, gotFail, gotHeld := 0, 0, 0
	for _, r := range p.entry.Results {
		switch v := r.Verdicts[0]; {
		case v.Outcome == proto.OutcomePass:
			gotPass++
		case v.Outcome == proto.OutcomeFail:
			gotFail++
		}
		if r.Verdicts[0].Reason == proto.ReasonHeld {
			gotHeld++
		}
	}
	if gotPass != pass || gotFail != fail || gotHeld != held {
		p.t.Errorf("%d pass, %d fail, %d held; want %d, %d, %d", gotPass, gotFail, gotHeld, pass, fail, held)
	}
	if hold := p.entry.State(0).Hold; (hold != nil) != (held > 0) && (hold == nil || !hold.Safe) {
		p.t.Errorf("%d held with hold %+v", held, hold)
	}
}

func (p *page) hold() *proto.PageHold {
	p.t.Helper()
	h := p.entry.State(0).Hold
	if h == nil {
		p.t.Fatal("nothing is held")
	}
	return h
}

func TestAPollWithinTheLimitsIsApplied(t *testing.T) {
	p := fleet(t, 100)
	p.scores(20, 0)
	p.counts(80, 20, 0)
	p.wait(2 * time.Hour)
	p.scores(0, 0)
	p.counts(100, 0, 0)
}

func TestALockOutIsHeld(t *testing.T) {
	p := fleet(t, 100)
	p.wait(time.Minute)
	p.scores(21, 0)
	p.changed()
	p.counts(100, 0, 21)
	p.has(1, 0, "pass held fail")
	if h := *p.hold(); h.Tick != p.tick || h.Since != epoch+60_000 || !h.Out || h.In || h.Safe {
		t.Errorf("%+v", h)
	}
	if f := p.entry.State(0).Flips; f != (proto.Flips{Out: 21, Passing: 100, Known: 100}) {
		t.Errorf("%+v", f)
	}
	p.due(epoch.Add(4*time.Hour + time.Minute))
	p.wait(time.Minute)
	p.scores(100, 0)
	p.counts(100, 0, 100)
	if h := *p.hold(); h.Tick != p.tick-1 || h.Since != epoch+60_000 {
		t.Errorf("it began anew: %+v", h)
	}
	p.pollFails(proto.ReasonTimeout)
	p.counts(100, 0, 100)
	p.other(proto.CausePage, fold.Unchanged)
	p.scores(20, 0) // within the limits, against the held outcomes
	p.counts(80, 20, 0)
	p.due(0)
}

func TestAnOpenUpIsHeld(t *testing.T) {
	p := newPage(t, fleet(t, 100).on.Page.Devices, check(1, 1, ">=", 50, 0))
	p.scores(90, 10)
	p.counts(10, 90, 0)
	p.scores(0, 0)
	p.counts(10, 90, 90)
	p.has(1, 0, "fail held pass")
	if h := *p.hold(); h.Out || !h.In {
		t.Errorf("%+v", h)
	}
	p.wait(4 * time.Hour)
	p.other(proto.CauseExpired, fold.Written)
	p.changed()
	p.counts(10, 90, 90) // the safe side of passes without evidence is fail
	p.other(proto.CauseExpired, fold.Unchanged)
}

func TestASmallPageIsBoundByTheFloor(t *testing.T) {
	p := fleet(t, 11)
	p.scores(10, 0)
	p.counts(1, 10, 0)
	p = fleet(t, 11)
	p.scores(11, 0)
	p.counts(11, 0, 11)
}

func TestTheSafeSide(t *testing.T) {
	p := fleet(t, 100)
	p.scores(50, 0)
	p.counts(100, 0, 50)
	p.wait(4*time.Hour - time.Millisecond)
	p.other(proto.CauseExpired, fold.Unchanged)
	p.wait(time.Millisecond)
	p.other(proto.CauseExpired, fold.Written)
	p.counts(50, 50, 0)
	if !p.hold().Safe {
		t.Error("it is not marked")
	}
	p.due(0)
	p.wait(-time.Hour)
	p.other(proto.CauseExpired, fold.Unchanged) // a slower clock takes nothing back
	p.wait(time.Hour)
	p.scores(50, 0)
	p.counts(50, 50, 0)
	if f := p.entry.State(0).Flips; f != (proto.Flips{Out: 50, Passing: 100, Known: 100}) || !p.hold().Safe {
		t.Errorf("it is measured against the held outcomes: %+v, hold %+v", f, p.hold())
	}
	p.scores(30, 0) // still beyond the limits; 20 pass by both
	p.counts(70, 30, 0)
	p.has(40, 0, "pass score pass")
	p.pollFails(proto.ReasonTimeout)
	p.counts(70, 30, 0)
	p.scores(60, 0)
	p.counts(40, 60, 0)
	p.other(proto.CausePage, fold.Unchanged)
	p.scores(0, 0) // the API is well again
	p.counts(100, 0, 0)
	if p.entry.State(0).Hold != nil || p.entry.State(0).Window != (proto.FlipWindow{}) {
		t.Errorf("a poll within the limits did not end it: %+v", p.entry.State(0))
	}
}

func TestAPartialRecoveryEndsTheSafeSide(t *testing.T) {
	p := fleet(t, 100)
	p.scores(100, 0)
	p.wait(4 * time.Hour)
	p.other(proto.CauseExpired, fold.Written)
	p.counts(0, 100, 0)
	p.scores(20, 0)
	p.counts(80, 20, 0)
	if p.entry.State(0).Hold != nil || p.entry.State(0).Window.Net != -20 {
		t.Errorf("%+v", p.entry.State(0))
	}
}

// Devices failing before the hold do not pass under the safe side, and a person's release applies the evidence.
func TestTheSafeSideOfBothDirections(t *testing.T) {
	p := newPage(t, fleet(t, 100).on.Page.Devices, check(1, 1, ">=", 50, 0))
	p.scores(50, 0) // the first evidence: 50 fail, 50 pass
	answers := map[byte]any{}
	for i := range 100 {
		answers[byte(i)] = 80 * (1 - i/50) // the opposite
	}
	p.poll(answers)
	p.counts(50, 50, 100)
	p.wait(4 * time.Hour)
	p.other(proto.CauseExpired, fold.Written)
	p.counts(0, 100, 50)
	p.has(1, 0, "fail held pass")
	p.has(60, 0, "fail score fail")
	// Devices leave and come: the places of those withheld move.
	devices := p.on.Page.Devices
	p.on.Page = fold.Page{Revision: 2, Devices: append([]proto.ID{dev(200)}, devices[10:]...)}
	p.other(proto.CausePage, fold.Written)
	delete(answers, 200)
	p.poll(answers)
	p.counts(0, 90, 40)
	if f := p.entry.State(0).Flips; f.Out != 50 || f.In != 40 || f.Passing != 50 || f.Known != 90 {
		t.Errorf("%+v", f)
	}
	release := proto.Input{Cause: proto.CauseRelease, Check: chk(1), DecidedAt: p.on.StoredAt}
	p.fold(&release, fold.Written)
	p.counts(40, 50, 0)
	if s := p.entry.State(0); s.Hold != nil || s.Withheld != nil {
		t.Errorf("%+v", s)
	}
}

func TestHysteresisUnderTheSafeSide(t *testing.T) {
	p := fleet(t, 100)
	p.edit(func(c *proto.Check) { c.RecoverScore = threshold(70) })
	p.other(proto.CauseConfig, fold.Written)
	p.scores(90, 0)
	p.wait(4 * time.Hour)
	p.other(proto.CauseExpired, fold.Written)
	p.counts(10, 90, 0)
	p.scores(90, 60) // not enough for a failing device
	p.counts(10, 90, 0)
	p.has(1, 0, "fail score pass")
	p.scores(90, 70)
	p.counts(100, 0, 0)
}

func TestAnExpirationEndsAHoldEarlier(t *testing.T) {
	p := newPage(t, fleet(t, 50).on.Page.Devices, check(1, 1, ">=", 50, 10*time.Minute))
	p.scores(0, 0)
	p.wait(5 * time.Minute)
	p.scores(50, 0)
	p.counts(50, 0, 50)
	p.wait(5 * time.Minute)
	p.scores(50, 0)
	p.counts(50, 0, 50)
	p.due(epoch.Add(15 * time.Minute))
	p.wait(5 * time.Minute)
	p.other(proto.CauseExpired, fold.Written)
	p.counts(0, 50, 0)
}

// Scores expired by the next poll do not let a malfunction through.
func TestAPollAtTheExpirationIsHeld(t *testing.T) {
	p := newPage(t, fleet(t, 50).on.Page.Devices, check(1, 1, ">=", 50, 10*time.Minute))
	p.scores(0, 0)
	p.wait(10 * time.Minute)
	p.scores(50, 0)
	p.counts(50, 0, 50)
}

func TestASlowLossIsHeld(t *testing.T) {
	p := fleet(t, 100)
	for n := 5; n <= 20; n += 5 {
		p.wait(10 * time.Minute)
		p.scores(n, 0)
		p.counts(100-n, n, 0)
	}
	p.scores(21, 0)
	p.counts(80, 20, 1)
	p.wait(31 * time.Minute) // the window of the first losses is over
	p.scores(21, 0)
	p.counts(79, 21, 0)
	if w := p.entry.State(0).Window; w.Net != -1 || w.Start != p.on.StoredAt {
		t.Errorf("%+v", w)
	}
}

func TestChurnIsNotHeld(t *testing.T) {
	p := fleet(t, 100)
	answers := map[byte]any{}
	for round := range 20 {
		for i := range 100 {
			answers[byte(i)] = 80
			if i/15 == round%6 {
				answers[byte(i)] = 0
			}
		}
		p.wait(time.Minute)
		p.poll(answers)
		p.counts(85, 15, 0)
	}
}

func TestUnknownIsNoFlip(t *testing.T) {
	p := newPage(t, fleet(t, 100).on.Page.Devices, check(1, 1, ">=", 50, time.Minute))
	p.scores(100, 80) // the first evidence
	p.counts(100, 0, 0)
	p.wait(time.Minute)
	p.other(proto.CauseExpired, fold.Written)
	p.counts(0, 0, 0)
	p.scores(100, 0) // the recovery of the API
	p.counts(0, 100, 0)
}

func TestAReleaseAppliesTheEvidence(t *testing.T) {
	p := fleet(t, 100)
	p.wait(time.Minute)
	p.scores(60, 0)
	release := proto.Input{Cause: proto.CauseRelease, Check: chk(1), Tick: p.tick, DecidedAt: p.on.StoredAt}
	for name, in := range map[string]proto.Input{
		"of another check":     {Cause: proto.CauseRelease, Check: chk(2), DecidedAt: p.on.StoredAt},
		"of another tick":      {Cause: proto.CauseRelease, Check: chk(1), Tick: p.tick - 1, DecidedAt: p.on.StoredAt},
		"of a hold before":     {Cause: proto.CauseRelease, Check: chk(1), DecidedAt: p.on.StoredAt - 1},
		"another change":       {Cause: proto.CauseConfig, Check: chk(1), Tick: p.tick, DecidedAt: p.on.StoredAt},
		"a sweep before it is": {Cause: proto.CauseExpired},
	} {
		if s := fold.Next(p.entry, &in, p.on); s.Reason != fold.Unchanged {
			t.Errorf("a release %s: %s", name, s.Reason)
		}
	}
	p.fold(&release, fold.Written)
	p.counts(40, 60, 0)
	if p.entry.Cause != proto.CauseRelease || p.entry.State(0).Window != (proto.FlipWindow{}) ||
		p.entry.State(0).Flips.Out != 60 {
		t.Errorf("%s %+v", p.entry.Cause, p.entry.State(0))
	}
	p.fold(&release, fold.Unchanged)
	p.scores(60, 0)
	p.counts(40, 60, 0)
}

func TestEditsUnderAHold(t *testing.T) {
	held := func(t *testing.T) *page {
		p := fleet(t, 100)
		p.scores(60, 0)
		p.counts(100, 0, 60)
		return p
	}
	for name, c := range map[string]struct {
		change     func(*proto.Check)
		pass, fail int
		held       int
	}{
		"a name":      {func(c *proto.Check) { c.Name = "n" }, 100, 0, 60},
		"remediation": {func(c *proto.Check) { c.Remediation = "n" }, 100, 0, 60},
		"limits":      {func(c *proto.Check) { c.Breaker = &proto.BreakerSettings{Share: new(1.0), Floor: new(1000)} }, 100, 0, 60}, // the next poll's
		"a score":     {func(c *proto.Check) { c.Score = 40 }, 40, 60, 0},
		"the breaker": {func(c *proto.Check) { c.Breaker = &proto.BreakerSettings{Off: new(true)} }, 40, 60, 0},
		"the mode":    {func(c *proto.Check) { c.Mode = proto.ModeObserve }, 100, 0, 0},
	} {
		p := held(t)
		p.edit(c.change)
		p.other(proto.CauseConfig, fold.Written)
		if t.Run(name, func(t *testing.T) { p.t = t; p.counts(c.pass, c.fail, c.held) }); t.Failed() {
			continue
		}
		// The same if a poll is the first to see the edit.
		q := held(t)
		q.edit(c.change)
		q.scores(60, 0)
		if name != "limits" {
			t.Run(name+" with a poll", func(t *testing.T) { q.t = t; q.counts(c.pass, c.fail, c.held) })
		}
	}
}

// An edit during a poll applies its own flips, and the poll's are held.
func TestAnEditDoesNotCoverAMalfunction(t *testing.T) {
	p := fleet(t, 100)
	p.scores(15, 60)
	p.edit(func(c *proto.Check) { c.Score = 70 }) // fails the 15
	answers := map[byte]any{}
	for i := range 100 {
		answers[byte(i)] = 0
	}
	p.poll(answers)
	p.counts(85, 15, 85)
}

func TestOthersUnderAHold(t *testing.T) {
	p := fleet(t, 100)
	p.scores(90, 0)
	p.on.Page = fold.Page{Revision: 2, Devices: p.on.Page.Devices[1:]} // one leaves
	p.other(proto.CausePage, fold.Written)
	p.counts(99, 0, 89)
	until := epoch.Add(time.Minute)
	p.exempt(exemption(5, chk(1), until))
	p.other(proto.CauseConfig, fold.Written)
	p.has(5, 0, "pass exempt fail")
	p.wait(time.Minute)
	p.other(proto.CauseExpired, fold.Written)
	p.has(5, 0, "fail score fail") // its end is no poll: it is applied
	p.counts(98, 1, 88)
}

func TestABreakerThatIsOff(t *testing.T) {
	p := fleet(t, 100)
	p.on.Config.Organization = &proto.Organization{Breaker: &proto.BreakerSettings{Off: new(true)}}
	p.scores(100, 0)
	p.counts(0, 100, 0)
	p.edit(func(c *proto.Check) { c.Breaker = (&proto.Breaker{Share: 0.5}).Settings() }) // the check has its own
	p.scores(0, 0)
	p.counts(0, 100, 100)
}

func TestHysteresisUnderAHold(t *testing.T) {
	p := fleet(t, 100)
	p.edit(func(c *proto.Check) { c.RecoverScore = threshold(70) })
	p.other(proto.CauseConfig, fold.Written)
	p.scores(90, 0)
	p.counts(100, 0, 90)
	p.scores(90, 60) // they failed, so 60 is not enough
	p.counts(100, 0, 90)
	p.has(1, 0, "pass held pass")
	p.scores(90, 65)
	p.has(1, 0, "pass held pass")
	p.scores(90, 70)
	p.counts(100, 0, 0)
}

// The account's observe switch ends holds: every device passes.
func TestTheObserveSwitchEndsAHold(t *testing.T) {
	p := newPage(t, fleet(t, 100).on.Page.Devices, check(1, 1, ">=", 50, 0))
	p.scores(90, 10)
	p.scores(0, 0) // the opposite: 90 would pass
	p.counts(10, 90, 90)
	p.on.Config.Revision++
	p.on.Config.Organization = &proto.Organization{Observe: &proto.ObserveSwitch{Until: epoch.Add(time.Hour)}}
	p.other(proto.CauseConfig, fold.Written)
	p.counts(100, 0, 0)
	p.scores(100, 10) // nothing to hold
	p.counts(100, 0, 0)
	p.has(1, 0, "pass observe_only fail")
}
