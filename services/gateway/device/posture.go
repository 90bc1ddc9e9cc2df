package device

import (
	"slices"

	"plumbline.dev/bus/topology"
	"plumbline.dev/proto"
)

// Posture is the newest result of one check for one device. The zero value is unknown, which never passes.
type Posture struct {
	Outcome proto.Outcome
	Reason  proto.Reason
	// LookedAt is the time of the newest successful poll of the scoring API for the device; 0: none.
	LookedAt proto.Millis
	// ObservedAt is the time of the score behind the outcome, by the server's clock; 0: none.
	ObservedAt proto.Millis
	Score      int // proto.NoScore without one
}

// Posture returns the result of a check for a device from the newest entry of the device's page. The outcome is
// unknown, with a reason, in these cases: the device is not enrolled ([proto.ReasonRemoved]), the check or its
// integration is not configured ([proto.ReasonCheckRemoved]), this build does not evaluate such checks
// ([proto.ReasonUnsupported]), or the entry does not cover the device or the check yet ([proto.ReasonNeverPolled]).
//
// The evaluator expires results. Because it may be down, Posture also applies the check's expiration to the age of
// the score, by this machine's clock. A fast clock denies early; a slow clock relies on the evaluator. A pass by an
// exemption or in observe mode does not depend on a score while the excuse lasts; see [Devices.lapsed] for the ends of
// excuses.
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
	e := d.state.page(topology.PageRef{Account: account, Integration: rule.Value.Integration,
		Page: topology.PageNumber(at.page())})
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
	v := e.verdicts[e.cell(row, column)]
	p.Outcome, p.Reason, p.Score = v.outcome(), proto.Reason(v.reason), int(e.scores[row])
	p.ObservedAt = e.observedAt(row)
	if p.Score == proto.NoScore {
		p.ObservedAt = 0
	}
	p.LookedAt = p.ObservedAt
	if e.answered && p.Reason != proto.ReasonNeverPolled {
		p.LookedAt = e.polledAt
	}
	if p.Outcome == proto.OutcomePass && p.Reason.Enforced() {
		switch {
		case d.lapsed(excused{account, device, rule.Value, e, row, column, p.Reason}):
			if p.Outcome = v.unexcused(); p.Outcome != proto.OutcomeUnknown {
				p.Reason = proto.ReasonScore
			}
		case p.Reason == proto.ReasonExempt || p.Reason == proto.ReasonObserveOnly:
			return p
		}
	}
	if p.Outcome == proto.OutcomeUnknown {
		return p
	}
	if life := rule.Value.Expiration; life > 0 && !d.clock.Now().Before(p.ObservedAt.Time().Add(life)) {
		p.Outcome, p.Reason = proto.OutcomeUnknown, proto.ReasonExpired
	}
	return p
}
