package device

import (
	"slices"

	"plumbline.dev/bus/topology"
	"plumbline.dev/proto"
)

// Posture is what the newest result of one check says of one device. The zero value says nothing, which
// nobody lets pass.
type Posture struct {
	Outcome proto.Outcome
	Reason  proto.Reason
	// LookedAt is when the scoring API was last asked about the device and answered, 0: never. A poll that
	// failed looked at nothing.
	LookedAt proto.Millis
	// ObservedAt is when the score came that the outcome stands on, by the server's clock; 0: there is none.
	ObservedAt proto.Millis
	Score      int // proto.NoScore where there is none
}

// Posture tells what a check says of a device by the newest entry of the page that the device is in. The
// outcome is unknown, with a reason, where the device is not enrolled ([proto.ReasonRemoved]), where the check
// or its integration is not configured ([proto.ReasonCheckRemoved]), where this build does not evaluate such
// checks ([proto.ReasonUnsupported]), and where the page's entry does not speak of the device or the check yet
// ([proto.ReasonNeverPolled]).
//
// That a result expires is the evaluator's to say. But an evaluator may be dead, so the check's expiration is
// applied to the score's age here as well, by this machine's clock: one that is fast refuses early, one that
// is slow trusts the evaluator.
func (d *Devices) Posture(account proto.Account, device, check proto.ID) Posture {
	p := Posture{Score: proto.NoScore}
	at, enrolled := d.inventory.find(account, device)
	if !enrolled {
		p.Reason = proto.ReasonRemoved
		return p
	}
	rule, ok := d.config.Check(account, check)
	if ok && rule.Value.Type != proto.TypeCustomS2S {
		p.Reason = proto.ReasonUnsupported
		return p
	}
	if ok {
		_, ok = d.config.Integration(account, rule.Value.Integration)
	}
	if !ok {
		p.Reason = proto.ReasonCheckRemoved
		return p
	}
	e := d.state.page(topology.PageRef{Account: account, Integration: rule.Value.Integration, Page: topology.PageNumber(at.page())})
	switch {
	case e == nil:
		p.Reason = proto.ReasonNeverPolled
		return p
	case e.closed:
		p.Reason = proto.ReasonCheckRemoved
		return p
	}
	row, column := e.row(device, at.slot()), slices.Index(e.checks, check)
	if row < 0 || column < 0 {
		p.Reason = proto.ReasonNeverPolled
		return p
	}
	v := e.verdicts[row*len(e.checks)+column]
	p.Outcome, p.Reason, p.Score = proto.Outcome(v.outcome), proto.Reason(v.reason), int(e.scores[row])
	p.ObservedAt = e.observedAt(row)
	if p.Score == proto.NoScore {
		p.ObservedAt = 0
	}
	p.LookedAt = p.ObservedAt
	if e.answered && p.Reason != proto.ReasonNeverPolled {
		p.LookedAt = e.polledAt
	}
	if p.Outcome != proto.OutcomePass && p.Outcome != proto.OutcomeFail {
		p.Outcome = proto.OutcomeUnknown
		return p
	}
	if life := rule.Value.Expiration; life > 0 && !d.clock.Now().Before(p.ObservedAt.Time().Add(life)) {
		p.Outcome, p.Reason = proto.OutcomeUnknown, proto.ReasonExpired
	}
	return p
}
