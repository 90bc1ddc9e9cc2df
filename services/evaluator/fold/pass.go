package fold

import (
	"slices"

	"plumbline.dev/proto"
)

// pass is one walk over the devices of a page.
type pass struct {
	before *proto.Entry
	in     *proto.Input
	on     Basis
	poll   bool // the input's scores, or its failure, count
	// settling is set while decisions by a person or the clock are applied before a poll. No score expires then, because
	// the poll may bring a new one.
	settling bool
	// observing is the account's observe switch. exemptions are those of devices on the page, byDevice their indexes.
	observing  proto.EntryObserve
	exemptions []exemption
	byDevice   map[proto.ID][]int
	// over are ended exemptions of devices that are not on the page now, such as revoked ones. An ended exemption does not
	// come back with its device.
	over   []proto.ExemptionRef
	counts [][proto.OutcomeNone]int // number of outcomes in the previous entry by check; nil: not yet counted
	// needless contains the indexes of exemptions of devices passing by the evidence.
	needless []int

	next    *proto.Entry
	changes changes
	differs bool // something other than the poll differs from the previous entry
	came    int
}

func (p *pass) run() Step {
	p.begin()
	old := rows[proto.Result]{all: p.before.Results, id: func(r *proto.Result) *proto.ID { return &r.Device }}
	seen := rows[proto.Observation]{id: func(o *proto.Observation) *proto.ID { return &o.Device }}
	if p.poll && p.in.Poll.Error == proto.ReasonNone {
		seen.all = p.in.Observations
	}
	stayed := make([]bool, len(p.before.Results))
	n := len(p.next.Checks)
	verdicts := make([]proto.Verdict, n*len(p.on.Page.Devices))
	for i, id := range p.on.Page.Devices {
		var was *proto.Result
		oldAt := old.find(id)
		if oldAt >= 0 {
			was, stayed[oldAt] = &old.all[oldAt], true
		}
		var o *proto.Observation
		if at := seen.find(id); at >= 0 {
			o = &seen.all[at]
		}
		p.next.Results[i].Verdicts = verdicts[i*n : (i+1)*n : (i+1)*n]
		p.device(place{result: i, old: oldAt}, id, was, o)
	}
	left := p.lost(stayed)
	for c := range p.changes.columns {
		p.resolve(c, stayed)
	}
	p.endExemptions()
	p.keepStates()
	return p.end(left || p.came > 0)
}

// lost adds the removed results, and reports whether devices left.
func (p *pass) lost(stayed []bool) (left bool) {
	went := slices.ContainsFunc(p.changes.columns, func(c column) bool { return c.gone })
	for i := range p.before.Results {
		why := proto.ReasonCheckRemoved
		switch {
		case !stayed[i]:
			why, left = proto.ReasonRemoved, true
		case !went:
			continue
		}
		for c := range p.changes.columns {
			if !stayed[i] || p.changes.columns[c].gone {
				p.changes.gone(c, &p.before.Results[i], why)
			}
		}
	}
	return left
}

func (p *pass) begin() {
	p.changes.open(columns(p.before.Checks, p.on.Config.Checks))
	for i := range p.changes.columns {
		p.open(&p.changes.columns[i])
	}
	p.next = &proto.Entry{
		Cause: p.in.Cause, Tick: p.before.Tick, Poll: p.before.Poll,
		PageRevision: p.on.Page.Revision, ConfigRevision: p.on.Config.Revision, EvaluatedAt: p.on.Now,
	}
	if p.poll {
		p.next.Tick, p.next.Poll = p.in.Tick, p.in.Poll
		p.next.Poll.At = p.on.StoredAt
	} else if p.in.Cause == proto.CausePoll {
		p.next.Cause = proto.CausePage
	}
	p.next.Checks = make([]proto.CheckRef, 0, len(p.changes.columns))
	for i := range p.changes.columns {
		c := &p.changes.columns[i]
		if c.gone || c.edited {
			p.differs = true
		}
		if !c.gone {
			p.next.Checks = append(p.next.Checks, c.CheckRef)
		}
	}
	if len(p.on.Page.Devices) > 0 {
		p.next.Results = make([]proto.Result, len(p.on.Page.Devices))
	}
}

// device sets the result of one device; old and o are nil if it had none or the input does not mention it.
func (p *pass) device(at place, id proto.ID, old *proto.Result, o *proto.Observation) {
	res := &p.next.Results[at.result]
	verdicts := res.Verdicts
	if old != nil {
		*res = *old
		res.Verdicts = verdicts
	} else {
		res.Device, res.Score = id, proto.NoScore
		p.came++
	}
	fresh := false
	switch {
	case p.poll && p.in.Poll.Error != proto.ReasonNone:
		res.Problem = p.in.Poll.Error
	case o != nil:
		fresh = p.observe(res, o)
	}
	var exempt []*proto.Exemption
	if len(p.exemptions) > 0 {
		exempt = p.exemptionsOf(res, old, at, fresh)
	}
	for i := range verdicts {
		c := &p.changes.columns[i]
		v, expires := c.judge(res, old, fresh, p.on.Now)
		if expires != 0 {
			p.due(expires)
		}
		if !c.plain || len(exempt) > 0 {
			v = p.decide(c, at, res, old, v, exempt)
		}
		verdicts[i] = v
		from := proto.OutcomeNone
		if old != nil && c.was >= 0 {
			same := old.Verdicts[c.was] == v
			if same && c.withheld == nil {
				continue
			}
			from = old.Verdicts[c.was].Outcome
			if c.guarded && flips(c.heldVerdict(at, old), v) {
				c.flips = append(c.flips, at)
				continue // resolve decides
			}
			if c.guarded && c.wasExcused(at, old) && v.Outcome == proto.OutcomePass && v.Reason == proto.ReasonScore {
				c.excused = append(c.excused, at)
				continue
			}
			if same {
				continue
			}
		}
		p.differs = true
		if from != v.Outcome {
			p.changes.add(i, v.Outcome, proto.Changed(res, from, v))
		}
	}
}

// observe records the response for a device. A response without a usable score changes nothing: the last score stays
// until it expires.
func (p *pass) observe(res *proto.Result, o *proto.Observation) (fresh bool) {
	switch {
	case o.Problem != proto.ReasonNone:
		res.Problem = o.Problem
	case o.Score == proto.NoScore:
		res.Problem = proto.ReasonMissing
	case o.Score < 0 || o.Score > 100:
		res.Problem = proto.ReasonInvalidScore
	default:
		res.Score, res.Problem, res.S2SID, res.ObservedAt = o.Score, proto.ReasonNone, o.S2SID, p.on.StoredAt
		return true
	}
	return false
}

func (p *pass) end(members bool) Step {
	// A different next expiry is written even alone: otherwise its sweep would never end.
	if !p.poll && !p.differs && !members && !p.before.Closed && p.next.NextExpiry == p.before.NextExpiry &&
		p.sameStates() {
		if p.in.Cause == proto.CausePoll {
			return Step{Reason: Late}
		}
		return Step{Reason: Unchanged}
	}
	return Step{Reason: Written, Entry: p.next, Changes: p.changes.list(), Members: members}
}
