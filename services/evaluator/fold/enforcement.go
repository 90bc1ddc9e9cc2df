package fold

import (
	"slices"

	"plumbline.dev/proto"
)

// enforcement is the part of a column that lets an outcome differ from the evidence.
type enforcement struct {
	// recovers maps every possible score to whether a failing device passes again. It is nil without a recover score.
	recovers *[101]bool
	observe  bool
	grace    proto.Millis
	breaker  proto.Breaker
	// old is the check's state in the previous entry. graces, recovering and withheld are its lists by result. withheld is
	// empty unless the hold continues.
	old        *proto.CheckState
	graces     map[int]proto.Millis
	recovering map[int]bool
	withheld   map[int]bool
	// hold is the hold that continues, or nil. flips contains the places of the flips.
	hold  *proto.PageHold
	flips []place
	// excused contains the places of devices that passed by an exemption or a grace alone, and now pass by the evidence.
	excused []place
	next    proto.CheckState
	check   *proto.Check
}

// place is a device's place in the new entry's results and in the previous one's, -1 if it had none.
type place struct{ result, old int }

// exemption is an exemption of a device on the page, with its state.
type exemption struct {
	*proto.Exemption
	ref proto.ExemptionRef
}

// compileEnforcement fills the column's settings from its check.
func (c *column) compileEnforcement(k *proto.Check) {
	c.observe = k.Mode == proto.ModeObserve
	c.grace = max(0, proto.Millis(k.Grace.Milliseconds()))
	if k.RecoverScore != nil && k.Operator.Stricter(*k.RecoverScore, k.Score) {
		c.recovers = new([101]bool)
		for score := range c.recovers {
			c.recovers[score] = k.Recovers(score)
		}
	}
	c.check = k
}

// enforce reads the account's settings: the observe switch, and the exemptions of the page's devices.
func (p *pass) enforce() {
	p.observing, p.exemptions, p.byDevice, p.over = proto.EntryObserve{}, nil, nil, nil
	if o := p.on.Config.Organization; o != nil && o.Observe != nil {
		p.observing = proto.EntryObserve{Until: o.Observe.Until, On: p.on.Now < o.Observe.Until}
		if p.before.Observe.Until == p.observing.Until && !p.before.Observe.On {
			p.observing.On = false // it was over, whatever the clock says now
		}
	}
	if p.on.Config.Exempt == nil {
		return
	}
	p.byDevice = map[proto.ID][]int{}
	for i, id := range p.on.Page.Devices {
		for _, x := range p.on.Config.Exempt(id) {
			if !p.concerns(x.Exemption) || !x.Concerns(p.on.Page.enrolled(i)) {
				continue
			}
			ref := proto.ExemptionRef{ID: x.ID, Revision: x.Revision, Ended: p.on.Now >= x.Until}
			if i := slices.IndexFunc(p.before.Exemptions, func(r proto.ExemptionRef) bool { return r.ID == x.ID }); i >= 0 {
				ref.Ended = ref.Ended || p.before.Exemptions[i].Ended
			}
			p.byDevice[id] = append(p.byDevice[id], len(p.exemptions))
			p.exemptions = append(p.exemptions, exemption{x.Exemption, ref})
		}
	}
	for _, ref := range p.before.Exemptions {
		applies := slices.ContainsFunc(p.exemptions, func(x exemption) bool { return x.ID == ref.ID })
		if ref.Ended && !applies && p.on.Config.HasExemption(ref.ID) {
			p.over = append(p.over, ref)
		}
	}
}

// concerns reports whether an exemption is from one of the evaluated checks.
func (p *pass) concerns(x *proto.Exemption) bool {
	return x.Check == proto.ID{} || slices.ContainsFunc(p.on.Config.Checks, func(c Check) bool { return c.ID == x.Check })
}

// unsettled reports whether a person or the clock decided something since the previous entry.
func (p *pass) unsettled() bool {
	if p.before.NextExpiry != 0 && p.before.NextExpiry <= p.on.Now || p.observing != p.before.Observe ||
		!slices.Equal(p.refs(), p.before.Exemptions) {
		return true
	}
	for _, ref := range p.before.Checks {
		for _, c := range p.on.Config.Checks {
			if c.ID == ref.ID && c.Revision != ref.Revision {
				return true
			}
		}
	}
	return false
}

// refs returns the entry's list of exemptions.
func (p *pass) refs() []proto.ExemptionRef {
	all := slices.Clone(p.over)
	for _, x := range p.exemptions {
		all = append(all, x.ref)
	}
	slices.SortFunc(all, func(a, b proto.ExemptionRef) int { return slices.Compare(a.ID[:], b.ID[:]) })
	return all
}

// open prepares a column for the walk over the devices.
func (p *pass) open(c *column) {
	if c.gone {
		return
	}
	c.settling, c.breaker = p.settling, proto.BreakerOf(c.check, p.on.Config.Organization)
	c.observe = c.observe || p.observing.On
	c.plain = c.recovers == nil && !c.observe && c.grace == 0
	c.old = new(proto.CheckState)
	if c.was >= 0 {
		c.old = p.before.State(c.was)
	}
	if !c.plain || len(p.exemptions) > 0 || len(c.old.Recovering) > 0 {
		c.readLists()
	}
	if c.next.Flips = c.old.Flips; !c.breaker.Off {
		c.next.Window = c.old.Window
	}
	if p.poll {
		c.next.Flips = proto.Flips{}
	}
	if h := c.old.Hold; h != nil && p.keepsHold(c, h) {
		c.hold, c.withheld = h, places(c.old.Withheld)
	} else if h != nil {
		c.next.Window = proto.FlipWindow{}
	}
	c.guarded = !c.breaker.Off && !c.observe && (p.poll || c.hold != nil)
}

func (c *column) readLists() {
	if len(c.old.Graces) > 0 {
		c.graces = make(map[int]proto.Millis, len(c.old.Graces))
		for _, g := range c.old.Graces {
			c.graces[g.Result] = g.Since
		}
	}
	c.recovering = places(c.old.Recovering)
}

// places returns the set of the indexes, or nil if there are none.
func places(all []int) map[int]bool {
	if len(all) == 0 {
		return nil
	}
	set := make(map[int]bool, len(all))
	for _, i := range all {
		set[i] = true
	}
	return set
}

// exemptionsOf returns the device's exemptions that have an effect. The others have nothing left to exempt from: the
// device passes the exemption's check, or every check of the integration. [pass.endExemptions] ends them.
func (p *pass) exemptionsOf(res, old *proto.Result, at place, fresh bool) (active []*proto.Exemption) {
	for _, n := range p.byDevice[res.Device] {
		x := &p.exemptions[n]
		if x.ref.Ended {
			continue
		}
		covered, passing := 0, 0
		for i := range p.next.Checks {
			c := &p.changes.columns[i]
			if !x.Covers(c.ID) {
				continue
			}
			covered++
			v, _ := c.judge(res, old, fresh, p.on.Now)
			if v.Outcome == proto.OutcomePass && !c.fails(at, res, old, v) {
				passing++
			}
		}
		if covered > 0 && covered == passing {
			p.needless = append(p.needless, n)
			continue
		}
		p.due(x.Until)
		active = append(active, x.Exemption)
	}
	return active
}

// endExemptions ends the exemptions with nothing left to exempt from. Held evidence ends none.
func (p *pass) endExemptions() {
	for _, n := range p.needless {
		x := &p.exemptions[n]
		if slices.ContainsFunc(p.changes.columns[:len(p.next.Checks)], func(c column) bool {
			return x.Covers(c.ID) && c.next.Hold != nil
		}) {
			p.due(x.Until)
		} else {
			x.ref.Ended = true
		}
	}
}

// fails reports whether the device fails by the evidence, hysteresis included.
func (c *column) fails(at place, res, old *proto.Result, v proto.Verdict) bool {
	return v.Outcome == proto.OutcomeFail || v.Outcome == proto.OutcomePass && c.recovers != nil &&
		!c.recovers[res.Score] && c.wasFailing(at, old)
}

// decide applies the check's settings to the verdict by the score alone, in the order hysteresis, mode, exemption,
// grace.
func (p *pass) decide(c *column, at place, res, old *proto.Result, v proto.Verdict,
	exempt []*proto.Exemption) proto.Verdict {
	fails := c.fails(at, res, old, v)
	if fails {
		v.Outcome = proto.OutcomeFail
	}
	if v.Outcome == proto.OutcomePass {
		return v
	}
	exempted := slices.ContainsFunc(exempt, func(x *proto.Exemption) bool { return x.Covers(c.ID) })
	switch {
	case c.observe:
		v.Outcome, v.Reason = proto.OutcomePass, proto.ReasonObserveOnly
	case exempted:
		v.Outcome, v.Reason = proto.OutcomePass, proto.ReasonExempt
	case fails && c.grace > 0:
		since, running := c.graces[at.old]
		if !running && c.wasPassing(at, old) {
			since, running = p.on.StoredAt, true
		}
		if end := since + c.grace; running && p.on.Now < end {
			v.Outcome, v.Reason = proto.OutcomePass, proto.ReasonGrace
			c.next.Graces = append(c.next.Graces, proto.Grace{Result: at.result, Since: since})
			p.due(end)
		}
	}
	if fails && v.Observed == proto.OutcomePass && (c.observe || exempted) {
		c.next.Recovering = append(c.next.Recovering, at.result)
	}
	return v
}

// wasFailing reports whether the device failed by the evidence in the previous entry, hysteresis included.
func (c *column) wasFailing(at place, old *proto.Result) bool {
	if old == nil || c.was < 0 {
		return false
	}
	switch v := old.Verdicts[c.was]; v.Reason {
	case proto.ReasonScore:
		return v.Outcome == proto.OutcomeFail
	case proto.ReasonGrace:
		return true
	default:
		return v.Observed == proto.OutcomeFail || c.recovering[at.old]
	}
}

// wasPassing reports whether a grace begins if the device fails now. That is so if the device passed in the previous
// entry, and not because of an exemption.
func (c *column) wasPassing(at place, old *proto.Result) bool {
	if old == nil || c.was < 0 || old.Verdicts[c.was].Outcome != proto.OutcomePass {
		return false
	}
	switch old.Verdicts[c.was].Reason {
	case proto.ReasonScore, proto.ReasonObserveOnly:
		return true
	case proto.ReasonHeld:
		return !c.wasFailing(at, old)
	}
	return false
}

// due schedules a re-evaluation of the entry no later than at; 0 schedules nothing.
func (p *pass) due(at proto.Millis) {
	if at != 0 && (p.next.NextExpiry == 0 || at < p.next.NextExpiry) {
		p.next.NextExpiry = at
	}
}
