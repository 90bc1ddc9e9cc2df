package evaluator

import (
	"maps"
	"slices"
	"time"

	"plumbline.dev/proto"
	"plumbline.dev/services/evaluator/fold"
)

// oracle is invariant 11 over the messages: the changes of outcomes, and the evidence beside them. It counts by
// itself what each poll would flip, in which window, and since when the polls of a page are beyond the limits, and lets
// an outcome change between pass and fail only for one of the reasons of the invariant.
type oracle struct {
	w *holdWorld
	// history has the state of the checks of a page after each of its entries.
	history [fleetPages][]map[proto.ID]guard
}

// guard is the state of one check on one page.
type guard struct {
	since proto.Millis // when the first of the polls beyond the limits was stored; 0 if the newest was within them
	safe  bool
	// withheld are the devices failing by the safe side: polls are measured against their earlier pass.
	withheld map[proto.ID]bool
	start    proto.Millis // of the window
	net      int
	flips    proto.Flips // of the newest poll
}

// seenCommit is one check of one commit.
type seenCommit struct {
	o           *oracle
	in          message
	prev, e     *proto.Entry
	was, is     int // the check's index in either
	old, check  *proto.Check
	breaker     proto.Breaker
	unsettled   map[proto.ID]bool // devices decided about by a person or the clock; nil: none
	out, gained int               // flips by the evidence
	lost, came  int               // flips made
	passing     int
	known       int
	withheld    map[proto.ID]bool // devices without their pass by the evidence
}

func (o *oracle) verify(s *sheet, prev *proto.Entry, step *fold.Step, m message) {
	e := step.Entry
	o.w.neverOlder(prev, e)
	s.follow(o.w.t, step)
	n := slices.Index(o.w.sheets, s)
	before, after := map[proto.ID]guard{}, map[proto.ID]guard{}
	if h := o.history[n]; len(h) > 0 {
		before = h[len(h)-1]
	}
	if prev == nil {
		prev = new(proto.Entry)
	}
	for i, ref := range e.Checks {
		g := before[ref.ID]
		was := slices.IndexFunc(prev.Checks, func(r proto.CheckRef) bool { return r.ID == ref.ID })
		if was >= 0 {
			c := &seenCommit{o: o, in: m, prev: prev, e: e, was: was, is: i,
				old: o.checkAt(prev, ref.ID), check: o.checkAt(e, ref.ID)}
			c.breaker = proto.BreakerOf(c.check, o.configAt(e).Organization)
			c.unsettled = o.unsettled(prev, e, prev.Checks[was].Revision != ref.Revision)
			c.verify(&g)
		}
		if g.flips.Out+g.flips.In == 0 {
			g.flips = proto.Flips{Net: g.net}
			for _, r := range e.Results {
				switch r.Verdicts[i].Outcome {
				case proto.OutcomePass:
					g.flips.Passing, g.flips.Known = g.flips.Passing+1, g.flips.Known+1
				case proto.OutcomeFail:
					g.flips.Known++
				}
			}
		}
		after[ref.ID] = g
	}
	o.history[n] = append(o.history[n], after)
}

func (o *oracle) configIndex(e *proto.Entry) int {
	return max(0, slices.IndexFunc(o.w.configs, func(c fold.Config) bool { return c.Revision == e.ConfigRevision }))
}

func (o *oracle) configAt(e *proto.Entry) fold.Config { return o.w.configs[o.configIndex(e)] }

func (o *oracle) checkAt(e *proto.Entry, id proto.ID) *proto.Check {
	for _, c := range o.configAt(e).Checks {
		if c.ID == id {
			return c.Check
		}
	}
	return nil
}

// unsettled returns the devices that a person exempted, or whose exemption ended, between two entries; all of them if
// the switch of the account was turned. Under an edited check, all of those that a person decides about count: whether
// that ended before is not published.
func (o *oracle) unsettled(prev, e *proto.Entry, edited bool) map[proto.ID]bool {
	a, b := o.configIndex(prev), o.configIndex(e)
	crossed := func(until proto.Millis) bool { return prev.EvaluatedAt < until && until <= e.EvaluatedAt+10_000 }
	var devices map[proto.ID]bool
	add := func(id proto.ID) {
		if devices == nil {
			devices = map[proto.ID]bool{}
		}
		devices[id] = true
	}
	for _, all := range [][]fold.Exemption{o.w.exempt[a], o.w.exempt[b]} {
		for _, x := range all {
			if edited || !slices.Contains(o.w.exempt[a], x) || !slices.Contains(o.w.exempt[b], x) || crossed(x.Until) {
				add(x.Device)
			}
		}
	}
	p, q := o.w.configs[a].Organization, o.w.configs[b].Organization
	if p != nil && q != nil && (p.Observe != q.Observe || q.Observe != nil && (edited || crossed(q.Observe.Until))) {
		for _, r := range e.Results {
			add(r.Device)
		}
	}
	return devices
}

// passes is the operator of every check here.
func passes(k *proto.Check, score int) proto.Outcome {
	if float64(score) >= k.Score {
		return proto.OutcomePass
	}
	return proto.OutcomeFail
}

// base returns a device's outcome before the input: the last one, or the one by the old score under an edited check.
func (c *seenCommit) base(r *proto.Result, now proto.Verdict, g *guard) proto.Verdict {
	v := r.Verdicts[c.was]
	if g.withheld[r.Device] && v.Reason == proto.ReasonScore {
		v.Outcome, v.Reason = proto.OutcomePass, proto.ReasonHeld
	}
	if c.prev.Checks[c.was].Revision != c.e.Checks[c.is].Revision {
		person := decided(v) || decided(now)
		expired := v.Observed == proto.OutcomeUnknown && c.check.Expiration > 0 &&
			c.e.EvaluatedAt >= r.ObservedAt.Add(c.check.Expiration)
		switch {
		case v.Outcome == proto.OutcomeUnknown && (r.Score == proto.NoScore || expired):
		case v.Reason == proto.ReasonHeld && g.since != 0 && !decided(now):
		case person:
			v.Outcome = proto.OutcomePass
		default:
			v.Outcome, v.Reason = passes(c.check, r.Score), proto.ReasonScore
		}
	}
	return v
}

// decided reports whether a person had the device pass.
func decided(v proto.Verdict) bool {
	return v.Reason == proto.ReasonExempt || v.Reason == proto.ReasonObserveOnly
}

func (c *seenCommit) maxHold() time.Duration {
	if c.check.Expiration > 0 {
		return min(c.breaker.MaxHold, c.check.Expiration)
	}
	return c.breaker.MaxHold
}

// limit is max(floor, share of n).
func (c *seenCommit) limit(n int) float64 {
	return max(float64(c.breaker.Floor), c.breaker.Share*float64(n))
}

// beyond reports whether the evidence asks for more flips than a poll, or its window, may make.
func beyond(limit func(int) float64, f proto.Flips) bool {
	lost := f.Net + f.In - f.Out
	return float64(f.Out) > limit(f.Passing) || float64(f.In) > limit(f.Known) ||
		f.Out > 0 && -float64(lost) > limit(f.Passing-f.Net) || f.In > 0 && float64(lost) > limit(f.Known)
}

func (c *seenCommit) verify(g *guard) {
	polled := c.in.in.Cause == proto.CausePoll && c.in.in.Tick > c.prev.Tick
	released := c.in.in.Cause == proto.CauseRelease && c.in.in.Check == c.check.ID && c.mayRelease(g)
	held := g.since != 0
	if held && (c.breaker.Off || c.old.Score != c.check.Score || released && c.e.State(c.is).Hold == nil) {
		*g = guard{flips: g.flips} // a person did
	}
	if c.breaker.Off {
		g.start, g.net = 0, 0
	}
	if g.since != 0 {
		g.safe = g.safe || c.e.EvaluatedAt >= g.since.Add(c.maxHold())
	}
	c.count(g)
	if polled {
		c.polled(g)
	} else if (c.lost > 0 && !g.safe || c.came > 0) && !released && !(held && g.since == 0) {
		c.fatal(g, "without a poll")
	}
	if c.unsettled != nil { // the order is unknown from outside
		s := c.e.State(c.is)
		*g = guard{start: s.Window.Start, net: s.Window.Net, flips: c.e.CheckFlips()[c.is].Flips}
		if s.Hold != nil {
			g.since, g.safe = s.Hold.Since, s.Hold.Safe
		}
		g.withheld = map[proto.ID]bool{}
		for _, i := range s.Withheld {
			g.withheld[c.e.Results[i].Device] = true
		}
	}
	if g.since == 0 || !g.safe {
		g.withheld = nil
	} else if c.unsettled == nil {
		g.withheld = c.withheld
	}
	if shown := c.e.State(c.is).Hold; (shown != nil) != (g.since != 0) || shown != nil && shown.Safe != g.safe {
		c.fatal(g, "the hold differs")
	}
}

// polled holds the flips of a poll against the limits.
func (c *seenCommit) polled(g *guard) {
	if c.breaker.Off || c.e.Observe.On {
		g.flips = proto.Flips{}
		return
	}
	if g.net != 0 && c.in.at >= g.start.Add(c.breaker.Window) {
		g.start, g.net = 0, 0
	}
	g.flips = proto.Flips{}
	if c.out+c.gained > 0 {
		g.flips = proto.Flips{Out: c.out, In: c.gained, Passing: c.passing, Known: c.known, Net: g.net}
	}
	if c.unsettled != nil {
		slack, shown := float64(len(c.unsettled)), c.e.State(c.is).Hold
		lost, came := float64(c.lost) > c.limit(c.passing)+slack, float64(c.came) > c.limit(c.known)+slack
		if (lost || came) && (shown == nil || !shown.Safe) {
			c.fatal(g, "beyond the limits, with exemptions")
		}
		return
	}
	if beyond(c.limit, g.flips) {
		if g.since == 0 {
			g.since = c.in.at
			g.safe = c.e.EvaluatedAt >= g.since.Add(c.maxHold())
		}
		lost := 0
		if g.safe {
			lost = c.out
		}
		if c.came > 0 || c.lost != lost {
			c.fatal(g, "beyond the limits")
		}
		return
	}
	if c.lost != c.out || c.came != c.gained {
		c.fatal(g, "held within the limits")
	}
	g.since, g.safe = 0, false
	if g.net == 0 {
		g.start = c.in.at
	}
	if g.net += c.gained - c.out; g.net == 0 {
		g.start = 0
	}
}

// count compares the entry with the one before the input.
func (c *seenCommit) count(g *guard) {
	c.withheld = map[proto.ID]bool{}
	old := map[proto.ID]*proto.Result{}
	for i := range c.prev.Results {
		old[c.prev.Results[i].Device] = &c.prev.Results[i]
	}
	for i := range c.e.Results {
		r := &c.e.Results[i]
		v := r.Verdicts[c.is]
		if v.Observed != proto.OutcomeUnknown && v.Observed != passes(c.check, r.Score) {
			c.fatal(g, "the evidence is not by the score")
		}
		if v.Reason == proto.ReasonExempt && !c.exempt(r.Device) ||
			v.Reason == proto.ReasonObserveOnly && !c.observing() {
			c.fatal(g, "nobody exempted the device")
		}
		was := old[r.Device]
		if was == nil {
			continue
		}
		base := c.base(was, v, g)
		if base.Outcome == proto.OutcomeUnknown {
			continue
		}
		c.known++
		if base.Outcome == proto.OutcomePass {
			c.passing++
		}
		if v.Outcome == proto.OutcomeUnknown || c.unsettled[r.Device] {
			continue
		}
		if !decided(base) && !decided(v) && v.Observed != base.Outcome {
			if base.Outcome == proto.OutcomePass {
				c.out++
			} else {
				c.gained++
			}
		}
		switch {
		case v.Outcome == base.Outcome, decided(v):
		case base.Outcome == proto.OutcomePass:
			c.lost++
			c.withheld[r.Device] = true
		default:
			c.came++
		}
	}
}

func (c *seenCommit) exempt(device proto.ID) bool {
	return slices.ContainsFunc(c.o.w.exempt[c.o.configIndex(c.e)], func(x fold.Exemption) bool {
		return x.Device == device && x.Covers(c.check.ID) && c.e.EvaluatedAt < x.Until
	})
}

func (c *seenCommit) observing() bool {
	s := c.o.configAt(c.e).Organization.Observe
	return s != nil && c.e.EvaluatedAt < s.Until
}

// mayRelease reports whether an input comes from a decision about this hold: a person's after the hold began, or one by
// the fleet's flips about this tick of the page.
func (c *seenCommit) mayRelease(g *guard) bool {
	r := c.in.release
	if r == nil || !r.fair || g.since > r.at {
		return false
	}
	return r.hold.By != "" || slices.Contains(r.hold.Release, proto.PageTick{Page: uint32(c.in.page), Tick: c.prev.Tick})
}

// fair reports whether the flips of all pages allow a release: every page has its entry of the tick, and together they
// are within the limits.
func (o *oracle) fair(check proto.ID, h *proto.Hold, seen []int, b proto.Breaker) bool {
	if h.By != "" {
		return true
	}
	tick, fleet := uint64(0), proto.Flips{}
	for _, p := range h.Release {
		tick = max(tick, p.Tick)
	}
	for n, s := range o.w.sheets {
		if seen[n] == 0 {
			continue
		}
		e := s.log[seen[n]-1].entry
		if len(e.Results) == 0 || e.Poll.At == 0 {
			continue
		}
		at := slices.IndexFunc(s.log, func(r record) bool { return r.entry.Tick == tick })
		if e.Tick < tick || at < 0 {
			o.w.t.Fatalf("released at tick %d, page %d is at %d", tick, n, e.Tick)
		}
		fleet.Add(o.history[n][at][check].flips) // of that poll, without later ones
	}
	limit := func(n int) float64 { return max(float64(b.Floor), b.Share*float64(n)) }
	if beyond(limit, fleet) {
		o.w.t.Fatalf("released with %+v of %+v, breaker %+v\nrecord %+v\nseen %v%s", fleet, h.Fleet, b, h, seen,
			o.w.pagesText(check))
	}
	return true
}

func (c *seenCommit) fatal(g *guard, what string) {
	c.o.w.t.Helper()
	c.o.w.t.Fatalf("%s: page %d, check %s, %s of tick %d: %d passes lost, %d gained; "+
		"the evidence asks for %d of %d, %d of %d; guard %+v, breaker %+v, unsettled %v\nbefore %+v %+v\nentry  %+v %+v",
		what, c.in.page, c.check.ID, c.in.in.Cause, c.in.in.Tick, c.lost, c.came,
		c.out, c.passing, c.gained, c.known, *g, c.breaker, slices.Collect(maps.Keys(c.unsettled)),
		c.prev, c.prev.State(c.was).Hold, c.e, c.e.State(c.is).Hold)
}
