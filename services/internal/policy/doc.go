// Package policy decides whether a request may reach an application. The package is pure: it takes the known facts
// about a request ([Facts]) and returns a [Decision] with a reason from a closed list.
//
// Policies are evaluated in the order of api/README.md 4.4: first the ones with the decision bypass or non_identity
// (Service Auth) by precedence, then allow and deny by precedence. The first policy to hold decides. If no policy
// holds, the request is denied.
//
// A policy holds if at least one include rule, all require rules and no exclude rule hold. A group is a rule and
// holds in the same way. The truth of a rule may be unknown: this build cannot evaluate its selector, its body is
// malformed, its group is missing or cyclic, or a fact is missing. An unknown rule never admits. An admitting policy
// holds only if it would hold for either value of the rule, and a deny policy denies unless it would fail for either
// value. An unknown rule therefore counts as false in include and require and as true in exclude, and the other way
// round in a deny policy.
//
// An Allow policy requires a login: without one the decision is LoginRequired, even if its rules name a service
// token. A Bypass policy is evaluated before any login, so a rule about a person in it, or in one of its groups,
// cannot be evaluated.
//
// A refusal names the obstacle: removing it would change the outcome. If all of several problems must
// be removed, the refusal names the hardest; if any of them is enough, or if several policies fail, it names the one
// that helps the denied user most. The order is: a login, a failed check, a check without a result, an unknown
// device, a certificate, a service token, a missing external answer, and last the errors in the configuration.
//
// Each selector has one file, which registers it.
package policy
