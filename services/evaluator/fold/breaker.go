package fold

import (
	"slices"

	"plumbline.dev/proto"
)

// flips reports whether the score turns an outcome by the score, or a held one, from pass to fail or back. A change
// that a person decided is no flip, nor is a transition from or to unknown.
func flips(old, v proto.Verdict) bool {
	return v.Reason == proto.ReasonScore && (old.Reason == proto.ReasonScore || old.Reason == proto.ReasonHeld) &&
		old.Outcome != v.Outcome && old.Outcome != proto.OutcomeUnknown
}

// heldVerdict returns the verdict that a poll's flips are counted against: the device's verdict in the previous entry,
// or the held one if the safe side applies to the device.
func (c *column) heldVerdict(at place, old *proto.Result) proto.Verdict {
	v := old.Verdicts[c.was]
	if c.withheld[at.old] && v.Reason == proto.ReasonScore {
		return proto.Verdict{Outcome: proto.OutcomePass, Reason: proto.ReasonHeld, Observed: v.Observed}
	}
	return v
}

// keepsHold reports whether the previous entry's hold continues. A release ends the hold, and so do turning the breaker
// off, observe mode, and an edit of the settings that decide outcomes.
func (p *pass) keepsHold(c *column, h *proto.PageHold) bool {
	in := p.in
	released := in.Cause == proto.CauseRelease && in.Check == c.ID && h.Since <= in.DecidedAt &&
		(in.Tick == 0 || in.Tick == p.before.Tick)
	return !released && !c.breaker.Off && !c.observe && c.check.Rule() == h.Rule
}

// resolve decides whether the flips of a check are applied or the previous outcomes are held.
func (p *pass) resolve(i int, stayed []bool) {
	c := &p.changes.columns[i]
	if c.gone || !c.guarded {
		return
	}
	if p.poll {
		p.trip(i, c, stayed)
	}
	held := c.hold
	if held != nil {
		h := *held
		end := h.Since.Add(proto.HoldTime(c.check, p.on.Config.Organization))
		h.Safe = h.Safe || p.on.Now >= end
		if !h.Safe {
			p.due(end)
		}
		held, c.next.Hold = &h, &h
	}
	for _, at := range slices.Concat(c.flips, c.excused) {
		v, old := &p.next.Results[at.result].Verdicts[i], p.before.Results[at.old].Verdicts[c.was]
		// The safe side: a flip to fail is applied, a flip to pass is held.
		switch {
		case held == nil:
		case v.Outcome == proto.OutcomePass && p.excuse(c, at, v):
		case excused(old):
			v.Outcome, v.Reason = proto.OutcomeFail, proto.ReasonHeld // the exemption or the grace is over
		case held.Safe && v.Outcome == proto.OutcomeFail:
			c.next.Withheld = append(c.next.Withheld, at.result)
		default:
			if v.Outcome == proto.OutcomeFail && v.Observed == proto.OutcomePass {
				c.next.Recovering = append(c.next.Recovering, at.result)
			}
			v.Outcome, v.Reason = old.Outcome, proto.ReasonHeld
		}
		if *v == old {
			continue
		}
		p.differs = true
		if v.Outcome != old.Outcome {
			p.changes.add(i, v.Outcome, proto.Changed(&p.next.Results[at.result], old.Outcome, *v))
		}
	}
	slices.SortFunc(c.next.Graces, func(a, b proto.Grace) int { return a.Result - b.Result })
	slices.Sort(c.next.Recovering)
	slices.Sort(c.next.Withheld)
}

// excused reports whether a verdict is a pass by an exemption or a grace.
func excused(v proto.Verdict) bool {
	return v.Reason == proto.ReasonExempt || v.Reason == proto.ReasonGrace
}

// wasExcused reports whether the device passed by an exemption or a grace alone.
func (c *column) wasExcused(at place, old *proto.Result) bool {
	return excused(old.Verdicts[c.was]) && c.wasFailing(at, old)
}

// excuse changes the reason of a pass to the device's exemption or running grace, although the evidence, which is held,
// passes the device by itself. It returns false if the device has neither.
func (p *pass) excuse(c *column, at place, v *proto.Verdict) bool {
	exempt := slices.ContainsFunc(p.byDevice[p.next.Results[at.result].Device], func(n int) bool {
		x := &p.exemptions[n]
		return !x.ref.Ended && x.Covers(c.ID)
	})
	since, running := c.graces[at.old]
	end := since + c.grace
	switch {
	case exempt:
		v.Reason = proto.ReasonExempt
		c.next.Recovering = append(c.next.Recovering, at.result)
	case running && p.on.Now < end:
		v.Reason = proto.ReasonGrace
		c.next.Graces = append(c.next.Graces, proto.Grace{Result: at.result, Since: since})
		p.due(end)
	default:
		return false
	}
	return true
}

// trip starts or continues a hold if a poll's flips exceed the limits. Otherwise it ends the hold and adds the flips to
// the window. Flips are counted against the outcomes of the previous entry, or the held ones.
func (p *pass) trip(i int, c *column, stayed []bool) {
	now := p.on.StoredAt
	if w := c.next.Window; w.Net != 0 && now >= w.Start.Add(c.breaker.Window) {
		c.next.Window = proto.FlipWindow{}
	}
	if len(c.flips) == 0 {
		c.hold = nil
		return
	}
	f := proto.Flips{Net: c.next.Window.Net}
	for _, at := range c.flips {
		if p.next.Results[at.result].Verdicts[i].Outcome == proto.OutcomeFail {
			f.Out++
		} else {
			f.In++
		}
	}
	p.count(stayed)
	f.Passing = p.counts[c.was][proto.OutcomePass]
	f.Known = f.Passing + p.counts[c.was][proto.OutcomeFail]
	for at := range c.withheld {
		if stayed[at] {
			f.Passing++
		}
	}
	c.next.Flips = f
	if out, in := c.breaker.Beyond(f); out || in {
		h := proto.PageHold{Tick: p.in.Tick, Since: now, Rule: c.check.Rule()}
		if c.hold != nil {
			h = *c.hold
		}
		h.Out, h.In = h.Out || out, h.In || in
		c.hold = &h
		return
	}
	c.hold = nil
	w := &c.next.Window
	if w.Net == 0 {
		w.Start = now
	}
	if w.Net += f.In - f.Out; w.Net == 0 {
		*w = proto.FlipWindow{}
	}
}

// keepStates sets the observe switch, the exemptions and the check states of the next entry.
func (p *pass) keepStates() {
	p.next.Observe, p.next.Exemptions = p.observing, p.refs()
	if p.observing.On {
		p.due(p.observing.Until)
	}
	for i := range p.next.Checks {
		if p.changes.columns[i].next.IsZero() {
			continue
		}
		if p.next.States == nil {
			p.next.States = make([]proto.CheckState, len(p.next.Checks))
		}
		p.next.States[i] = p.changes.columns[i].next
	}
}

// sameStates reports whether the observe switch, the exemptions and the check states equal those of the previous entry.
// Of a check's state it compares the hold alone: the lists differ only together with verdicts, checks or devices.
func (p *pass) sameStates() bool {
	if p.next.Observe != p.before.Observe || !slices.Equal(p.next.Exemptions, p.before.Exemptions) {
		return false
	}
	for i := range p.next.Checks {
		was := &proto.CheckState{}
		if at := p.changes.columns[i].was; at >= 0 {
			was = p.before.State(at)
		}
		if !sameHold(was.Hold, p.next.State(i).Hold) {
			return false
		}
	}
	return true
}

func sameHold(a, b *proto.PageHold) bool {
	return a == b || a != nil && b != nil && *a == *b
}

// count counts, by check, the previous entry's outcomes of the devices that stayed. Only its first call for an entry
// counts.
func (p *pass) count(stayed []bool) {
	if p.counts != nil {
		return
	}
	p.counts = make([][proto.OutcomeNone]int, len(p.before.Checks))
	for n := range p.before.Results {
		if !stayed[n] {
			continue
		}
		for i, v := range p.before.Results[n].Verdicts {
			if v.Outcome < proto.OutcomeNone {
				p.counts[i][v.Outcome]++
			}
		}
	}
}
