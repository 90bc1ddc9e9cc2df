package policy

import (
	"time"

	"plumbline.dev/proto"
)

// Decision is the outcome for a request and its reason. The zero value denies.
type Decision struct {
	Reason Reason
	// Policy is the deciding policy, or the one the reason refers to; zero if there is none.
	Policy proto.ID
	// Selector is the selector of the rule that blocked the request, as written in the policy. It is empty if the
	// reason is not about a single rule.
	Selector string
	// Check is the posture check that blocked the request. It is set for PostureFailed, PostureUnknown and
	// DeviceUnknown only.
	Check proto.ID
	// SessionDuration is the session duration of the admitting policy, or 0 if the policy sets none.
	SessionDuration time.Duration
}

// Admitted reports whether the request is allowed.
func (d Decision) Admitted() bool { return d.Reason.Admits() }

// Decide evaluates an application's policies, which must be sorted by precedence. It does not allocate.
func Decide(policies []*Policy, f *Facts) Decision { return decide(policies, f, false) }

// DecideService evaluates only the Service Auth and Bypass policies and ignores any login. It implements strict
// service-token mode (api/README.md 8.6), where a request with service credentials is never redirected to a login. It
// allocates only if the facts include a login.
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
			// If several policies do not hold, the refusal names the most useful reason; the first one wins a tie.
			if d.Reason.use() > refusal.Reason.use() {
				refusal = d
			}
		}
	}
	return refusal
}

// decide reports whether the policy decides the request. Otherwise d is its contribution to a refusal.
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

// admission returns the reason for admitting by this policy.
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
