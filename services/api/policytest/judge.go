package policytest

import (
	"fmt"

	"plumbline.dev/proto"
	"plumbline.dev/services/api/identity"
	"plumbline.dev/services/internal/policy"
)

// The status of a user in a test.
const (
	approved = "approved"
	blocked  = "blocked"
	errored  = "error"
)

// Reasons for the status error beside those of package policy.
const (
	noIdentity         = "no_identity"         // the user has no last login
	identityUnreadable = "identity_unreadable" // the record of the user cannot be decoded
)

// evaluate returns the decision of the policies about a user with the identity of their last login. outcome returns the
// outcome of a check on the user's devices. It is nil if the user has no known device.
func (t *tested) evaluate(u *proto.User, outcome func(proto.ID) proto.Outcome) proto.PolicyTestUser {
	r := proto.PolicyTestUser{ID: u.ID, Email: u.Email, Name: u.Name, Policy: -1}
	if u.Last.StartedAt == 0 {
		r.Status, r.Reason = errored, noIdentity
		return r
	}
	f := identity.FactsOf(&u.Last, outcome)
	d := policy.Decide(t.compiled, f)
	r.Status, r.Reason, r.Selector, r.Check = statusOf(d.Reason), d.Reason.String(), d.Selector, d.Check
	n, decided := t.index[d.Policy]
	var at policy.Place
	if decided {
		at, _, _ = t.compiled[n].Deciding(f)
	} else if n, at, decided = t.closest(f); !decided {
		return r
	}
	r.Policy = n
	rule, selector := ruleAt(&t.policies[n], at)
	if r.Rule = rule; r.Selector == "" {
		r.Selector = selector
	}
	return r
}

// statusOf returns the status of a user by the reason of the decision. A decision that lacks a fact about the request
// is an error, because a login does not store the fact.
func statusOf(r policy.Reason) string {
	switch r {
	case policy.AddressUnknown, policy.AuthMethodUnknown, policy.ClaimsUnknown, policy.ExternalUnavailable,
		policy.CertificateRequired:
		return errored
	}
	if r.Admits() {
		return approved
	}
	return blocked
}

// closest returns the policy that came closest to admitting a denied user. A policy with an include rule that holds is
// closer than a policy without one. The first policy wins a tie.
func (t *tested) closest(f *policy.Facts) (n int, at policy.Place, found bool) {
	for i, p := range t.compiled {
		if p.Decides() == proto.DecisionDeny {
			continue
		}
		place, _, ok := p.Deciding(f)
		if ok && (!found || at.List == policy.Include && place.List != policy.Include) {
			n, at, found = i, place, true
		}
	}
	return n, at, found
}

// ruleAt returns the place of a rule as text, such as "require[1]", and its selector. A demand that this build cannot
// meet is returned by its name.
func ruleAt(p *proto.Policy, at policy.Place) (rule, selector string) {
	list := map[policy.List][]proto.Rule{policy.Include: p.Include, policy.Require: p.Require,
		policy.Exclude: p.Exclude}[at.List]
	switch beyond := at.Index - len(list); {
	case at.Index < 0:
		return string(at.List), ""
	case beyond < 0:
		return fmt.Sprintf("%s[%d]", at.List, at.Index), list[at.Index].Selector
	case beyond < len(p.Unmet):
		return p.Unmet[beyond], p.Unmet[beyond]
	}
	return string(at.List), "" // the policy as a whole cannot be evaluated
}
