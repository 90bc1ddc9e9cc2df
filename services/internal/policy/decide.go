package policy

import (
	"time"

	"plumbline.dev/proto"
)

// Decision is what was decided about a request, and why. The zero value refuses.
type Decision struct {
	Reason Reason
	// Policy is the policy that decided, or the first that could not be evaluated; zero where there is
	// none.
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

// Decide evaluates an application's policies, given in the order of their precedence.
func Decide(policies []*Policy, f *Facts) Decision { return decide(policies, f, false) }

// DecideService evaluates the Service Auth and Bypass policies only: strict service-token mode
// (contract.md 8.6), in which a request with service credentials is never asked to log in.
func DecideService(policies []*Policy, f *Facts) Decision { return decide(policies, f, true) }

func decide(policies []*Policy, f *Facts, service bool) Decision {
	refusal := Decision{Reason: NoPolicyHolds}
	if len(policies) == 0 {
		refusal.Reason = NoPolicies
	}
	for _, early := range []bool{true, false} {
		for _, p := range policies {
			if p.early() != early || (service && !early && p.broken == nil) {
				continue
			}
			d, decided := p.decide(f)
			if decided {
				return d
			}
			refusal = better(refusal, d)
		}
	}
	return refusal
}

// better keeps the refusal that says most: that a login may help, or else the first rule that could not be
// evaluated.
func better(refusal, next Decision) Decision {
	if refusal.Reason == NoPolicyHolds || (next.Reason == LoginRequired && refusal.Reason != LoginRequired) {
		return next
	}
	return refusal
}

// decide tells whether the policy decides, or else what it adds to a refusal.
func (p *Policy) decide(f *Facts) (Decision, bool) {
	if p.decision == proto.DecisionAllow && !f.LoggedIn {
		return Decision{Reason: LoginRequired, Policy: p.id}, false
	}
	holds := p.holds(f)
	switch {
	case holds.yes && p.admits():
		return Decision{Reason: admission[p.decision], Policy: p.id, SessionDuration: p.session}, true
	case holds.yes:
		return Decision{Reason: Denied, Policy: p.id}, true
	case !holds.known():
		return Decision{Reason: holds.problem.Reason, Policy: p.id, Selector: holds.problem.Selector}, !p.admits()
	}
	return Decision{Reason: NoPolicyHolds}, false
}

var admission = map[proto.Decision]Reason{
	proto.DecisionAllow: Allow, proto.DecisionNonIdentity: ServiceAuth, proto.DecisionBypass: Bypass,
}
