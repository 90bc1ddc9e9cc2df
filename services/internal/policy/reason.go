package policy

import "plumbline.dev/proto"

// Reason is why somebody was admitted or refused. The list is closed; the text forms are part of what
// other systems rely on. The zero value refuses.
type Reason uint8

// The reasons.
const (
	Undecided Reason = iota

	// Admitted.
	ServiceAuth
	Bypass
	Allow

	// Refused for the credentials.
	UnknownCredentials
	WrongSecret
	TokenDisabled
	TokenExpired

	// Refused for the application.
	UnknownApplication
	NoPolicies
	NoPolicyHolds
	LoginRequired
	Denied

	// Refused because a rule could not be evaluated.
	UnsupportedSelector
	UnknownSelector
	MalformedRule
	UnknownDecision
	MissingPolicy
	AddressUnknown

	// Refused before anything was decided.
	BadRequest
	Busy
	Unavailable

	reasonCount
)

var reasons = [reasonCount]struct{ code, sentence string }{
	Undecided:           {"undecided", "Nothing was decided about this request, so it is refused."},
	ServiceAuth:         {"service_auth", "A Service Auth policy of the application admits this service token."},
	Bypass:              {"bypass", "A Bypass policy of the application admits this request."},
	Allow:               {"allow", "An Allow policy of the application admits this person."},
	UnknownCredentials:  {"unknown_credentials", "There is no service token with this Client ID and Client Secret. Check both; a secret that was lost cannot be shown again, rotate the token to get a new one."},
	WrongSecret:         {"wrong_secret", "The Client Secret is not that of the service token. Check it; a secret that was lost cannot be shown again, rotate the token to get a new one."},
	TokenDisabled:       {"token_disabled", "The service token is turned off. Turn it on again, or use another."},
	TokenExpired:        {"token_expired", "The service token has expired. Refresh it, or use another."},
	UnknownApplication:  {"unknown_application", "There is no such application here. Check its id and its account."},
	NoPolicies:          {"no_policies", "The application has no policies, so nobody is admitted. Add a Service Auth policy that includes the service token."},
	NoPolicyHolds:       {"no_policy_holds", "No policy of the application admits this request. Include the service token in a Service Auth policy of the application."},
	LoginRequired:       {"login_required", "The application asks for a login."},
	Denied:              {"denied", "A policy of the application denies this request."},
	UnsupportedSelector: {"unsupported_selector", "A policy of the application uses a selector that this build cannot evaluate, which counts as a refusal. Use another selector."},
	UnknownSelector:     {"unknown_selector", "A policy of the application uses a selector that nobody knows, which counts as a refusal. Correct the policy."},
	MalformedRule:       {"malformed_rule", "A rule of a policy of the application cannot be read, which counts as a refusal. Correct the policy."},
	UnknownDecision:     {"unknown_decision", "A policy of the application has a decision that nobody knows, which counts as a refusal. Correct the policy."},
	MissingPolicy:       {"missing_policy", "The application names a policy that is not there, which counts as a refusal. Take it out of the application."},
	AddressUnknown:      {"address_unknown", "A policy of the application asks for the address of the request, which is not known here. Use another selector."},
	BadRequest:          {"bad_request", "The request cannot be read. It needs an account, an application, a Client ID and a Client Secret."},
	Busy:                {"busy", "Too many requests are waiting. Try again in a second."},
	Unavailable:         {"unavailable", "The exchange cannot issue tokens now. Try again in a second."},
}

// Reasons are all of them, in order.
func Reasons() []Reason {
	all := make([]Reason, reasonCount)
	for i := range all {
		all[i] = Reason(i)
	}
	return all
}

// String is the reason's code: in messages, logs, metrics and answers.
func (r Reason) String() string {
	if r >= reasonCount {
		return reasons[Undecided].code
	}
	return reasons[r].code
}

// Sentence tells people what it means and what to do.
func (r Reason) Sentence() string {
	if r >= reasonCount {
		return reasons[Undecided].sentence
	}
	return reasons[r].sentence
}

// Admits tells the reasons of an admission from those of a refusal.
func (r Reason) Admits() bool {
	switch r {
	case ServiceAuth, Bypass, Allow:
		return true
	}
	return false
}

// Refusal is the reason as an answer on the bus.
func (r Reason) Refusal() *proto.Error {
	return &proto.Error{Code: r.String(), Message: r.Sentence()}
}
