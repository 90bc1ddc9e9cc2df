package policy

import (
	"time"

	"plumbline.dev/proto"
)

// Decision is what was decided about a request, and why. The zero value refuses.
type Decision struct {
	Reason Reason
	// Policy is the policy that decided, or the one that the reason is about; zero where there is none.
	Policy proto.ID
	// Selector is the selector of the rule that stood in the way, as the policy names it; empty where the
	// reason is not one rule's.
	Selector string
	// Check is the posture check that stood in the way, with the reasons PostureFailed, PostureUnknown and
	// DeviceUnknown; zero with any other.
	Check proto.ID
	// SessionDuration is that of the policy which admits; 0 where it has none.
	SessionDuration time.Duration
}

// Admitted tells whether the request may go on.
func (d Decision) Admitted() bool { return d.Reason.Admits() }

// Decide evaluates an application's policies, given in the order of their precedence. It allocates nothing.
func Decide(policies []*Policy, f *Facts) Decision { return decide(policies, f, false) }

// DecideService evaluates the Service Auth and Bypass policies only, without regard to a login: strict
// service-token mode (api/README.md 8.6), in which a request with service credentials is never asked to log
// in. It allocates nothing unless the facts have a login.
func DecideService(policies []*Policy, f *Facts) Decision {
	if f.LoggedIn {
		nobody := *f
		nobody.LoggedIn = false
		f = &nobody
	}
	return decide(policies, f, true)
}

func decide(policies []*Policy, f *Facts, service bool) Decision {
	refusal := Decision{Reason: NoPolicyHolds}
	switch {
	case len(policies) == 0:
		refusal.Reason = NoPolicies
	case f.LoggedIn:
		refusal.Reason = PersonNotAdmitted
	}
	for _, early := range [...]bool{true, false} {
		for _, p := range policies {
			if p.early() != early || (service && !early && p.broken == nil) {
				continue
			}
			d, decided := p.decide(f)
			if decided {
				return d
			}
			// Of several that did not hold the one whose reason is of most use is named, the first of equals.
			if d.Reason.use() > refusal.Reason.use() {
				refusal = d
			}
		}
	}
	return refusal
}

// decide tells whether the policy decides, or else what it adds to a refusal.
func (p *Policy) decide(f *Facts) (d Decision, decided bool) {
	if p.decision == proto.DecisionAllow && !f.LoggedIn {
		return Decision{Reason: LoginRequired, Policy: p.id}, false
	}
	holds := p.holds(f)
	switch {
	case p.admits() && holds.is == isYes:
		return Decision{Reason: p.admission(), Policy: p.id, SessionDuration: p.session}, true
	case p.admits() && holds.up != nil:
		return p.refusal(holds.up), false
	case p.admits() || holds.is == isNo:
		return Decision{Reason: NoPolicyHolds}, false
	case holds.down != nil:
		return p.refusal(holds.down), true
	}
	return Decision{Reason: Denied, Policy: p.id}, true
}

func (p *Policy) refusal(why *Problem) Decision {
	return Decision{Reason: why.Reason, Policy: p.id, Selector: why.Selector, Check: why.Check}
}

// admission is the reason of a policy that admits.
func (p *Policy) admission() Reason {
	switch p.decision {
	case proto.DecisionBypass:
		return Bypass
	case proto.DecisionNonIdentity:
		return ServiceAuth
	case proto.DecisionAllow:
		return Allow
	}
	return Undecided
}
