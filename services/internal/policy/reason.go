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
	Preflight

	// Refused for the service credentials.
	UnknownCredentials
	WrongSecret
	TokenDisabled
	TokenExpired
	MalformedCredentials
	BothHeaders

	// Refused for the application token, or the session it belongs to.
	BadToken
	AppTokenExpired
	TokenRevoked
	SessionEnded

	// Refused for the application.
	UnknownApplication
	UnknownHost
	BadPath
	NoPolicies
	NoPolicyHolds
	PersonNotAdmitted
	Denied

	// Refused for what is missing or fails, and may be put right by who asks.
	LoginRequired
	CredentialsRequired
	CertificateRequired
	PostureFailed
	PostureUnknown
	DeviceUnknown

	// Refused because a rule could not be evaluated for want of a fact.
	AddressUnknown
	AuthMethodUnknown
	ClaimsUnknown
	ExternalUnavailable

	// Refused because a rule could not be evaluated as it is configured.
	UnsupportedSelector
	UnknownSelector
	MalformedRule
	IdentityInBypass
	UnsupportedDemand
	MissingGroup
	GroupCycle
	TooManyRules
	UnknownDecision
	MissingPolicy

	// Refused at a login.
	LoginFailed
	LoginStateInvalid
	LoginReplayed
	LoginWithoutEmail
	NoProvider
	ProviderUnavailable
	ProviderNotAllowed

	// Refused before anything was decided.
	BadRequest
	UntrustedProxy
	CrossOrigin
	Busy
	Unavailable
	Stale
	NotServed
	OriginUnreachable
	OriginTimeout

	reasonCount
)

var reasons = [reasonCount]struct{ code, sentence string }{
	Undecided: {"undecided", "Nothing was decided about this request, so it is refused."},

	ServiceAuth: {"service_auth", "A Service Auth policy of the application admits this request."},
	Bypass:      {"bypass", "A Bypass policy of the application admits this request."},
	Allow:       {"allow", "An Allow policy of the application admits this person."},
	Preflight:   {"preflight", "The application lets preflight requests go on to its origin (options_preflight_bypass)."},

	UnknownCredentials:   {"unknown_credentials", "There is no service token with this Client ID and Client Secret. Check both; a secret that was lost cannot be shown again, rotate the token to get a new one."},
	WrongSecret:          {"wrong_secret", "The Client Secret is not that of the service token. Check it; a secret that was lost cannot be shown again, rotate the token to get a new one."},
	TokenDisabled:        {"token_disabled", "The service token is turned off. Turn it on again, or use another."},
	TokenExpired:         {"token_expired", "The service token has expired. Refresh it, or use another."},
	MalformedCredentials: {"malformed_credentials", "The service credentials are incomplete, given twice, or not of the form that is expected. Send the Client ID and the Client Secret once each."},
	BothHeaders:          {"both_headers", "There are service credentials in the application's own header and in Cf-Access-Client-Id or Cf-Access-Client-Secret. Send them in one form only."},

	BadToken:        {"bad_token", "The application token was not made for this application, or it cannot be verified. Ask for a new one."},
	AppTokenExpired: {"app_token_expired", "The application token has expired. Ask for a new one, or log in again."},
	TokenRevoked:    {"token_revoked", "The tokens of this application were revoked. Ask for a new one, or log in again."},
	SessionEnded:    {"session_ended", "The session has ended, by a logout or because its time was over. Log in again."},

	UnknownApplication: {"unknown_application", "There is no such application here. Check its id and its account."},
	UnknownHost:        {"unknown_host", "No application is served under this address. Check the host name and the path, or add them to the application's destinations."},
	BadPath:            {"bad_path", "The path of this request can be read in more than one way, so it is not known which application it belongs to. Send it without empty or dot segments and encoded slashes."},
	NoPolicies:         {"no_policies", "The application has no policies, so nobody is admitted. Add a policy to it."},
	NoPolicyHolds:      {"no_policy_holds", "No policy of the application admits this request. Include the service token in a Service Auth policy of the application."},
	PersonNotAdmitted:  {"person_not_admitted", "You are logged in, but no policy of the application admits you. Ask its owner to include you, or log out and log in as somebody else."},
	Denied:             {"denied", "A policy of the application denies this request. Ask its owner if that is not meant."},

	LoginRequired:       {"login_required", "The application asks for a login. Log in and try again."},
	CredentialsRequired: {"credentials_required", "The application asks for a service token. Send the Client ID and the Client Secret of one that a policy includes."},
	CertificateRequired: {"certificate_required", "The application asks for a client certificate. Install one that it accepts and try again."},
	PostureFailed:       {"posture_failed", "The device fails a posture check that the application asks for. Fix the problem, then try again: access returns as soon as the device passes its next check."},
	PostureUnknown:      {"posture_unknown", "The device has no result of a posture check that the application asks for, or an old one only. Wait for its next check, and see to it that the device is known to the service that scores it."},
	DeviceUnknown:       {"device_unknown", "The application asks for a posture check, and it is not known which device this request comes from. Use an enrolled device: with its client certificate, or over the overlay network."},

	AddressUnknown:      {"address_unknown", "A policy of the application asks for the address of the request, which is not known here. Use another selector."},
	AuthMethodUnknown:   {"auth_method_unknown", "A policy of the application asks how you logged in, and the identity provider did not say. Have it send the amr claim, or use another selector."},
	ClaimsUnknown:       {"claims_unknown", "A policy of the application asks for a claim of the identity provider, and its claims are not there or cannot be read. Log in again, or use another selector."},
	ExternalUnavailable: {"external_unavailable", "A policy of the application asks an external service, which did not give a valid answer. Try again in a minute; if that does not help, look after the service."},

	UnsupportedSelector: {"unsupported_selector", "A policy of the application uses a selector that this build cannot evaluate, which counts as a refusal. Use another selector."},
	UnknownSelector:     {"unknown_selector", "A policy of the application uses a selector that nobody knows, which counts as a refusal. Correct the policy."},
	MalformedRule:       {"malformed_rule", "A rule of a policy of the application cannot be read, which counts as a refusal. Correct the policy."},
	IdentityInBypass:    {"identity_in_bypass", "A Bypass policy of the application asks who somebody is, which is never known there and counts as a refusal. Use an Allow policy, or another selector."},
	UnsupportedDemand:   {"unsupported_demand", "A policy of the application demands more than its rules, such as an approval, which this build cannot do and which counts as a refusal. Take the demand out of the policy."},
	MissingGroup:        {"missing_group", "A policy of the application names a group that is not there, which counts as a refusal. Correct the policy, or add the group."},
	GroupCycle:          {"group_cycle", "A policy of the application names a group that contains itself, which counts as a refusal. Correct the group."},
	TooManyRules:        {"too_many_rules", "A policy of the application has too many rules, or groups too deep inside one another, which counts as a refusal. Split the policy or the group."},
	UnknownDecision:     {"unknown_decision", "A policy of the application has a decision that nobody knows, which counts as a refusal. Correct the policy."},
	MissingPolicy:       {"missing_policy", "The application names a policy that is not there, which counts as a refusal. Take it out of the application."},

	LoginFailed:         {"login_failed", "The identity provider did not confirm the login. Try again from the application's own address."},
	LoginStateInvalid:   {"login_state_invalid", "This login was not begun here, or it was begun too long ago. Start again from the application's own address."},
	LoginReplayed:       {"login_replayed", "This login was used already. Start again from the application's own address."},
	LoginWithoutEmail:   {"login_without_email", "The identity provider did not say which verified e-mail address is yours. Have it send the claim that the provider's settings name."},
	NoProvider:          {"no_provider", "There is no identity provider to log in at. Add one to the account, or to the application's allowed_idps."},
	ProviderUnavailable: {"provider_unavailable", "The identity provider cannot be reached or did not answer as it should. Try again in a minute."},
	ProviderNotAllowed:  {"provider_not_allowed", "The application does not accept logins through this identity provider. Choose another."},

	BadRequest:        {"bad_request", "The request cannot be read. Correct what it leaves out or gets wrong."},
	UntrustedProxy:    {"untrusted_proxy", "This proxy may not ask here for others. Name its address to the gateway first."},
	CrossOrigin:       {"cross_origin", "The application does not allow this preflight request. Allow its origin, method and headers in cors_headers."},
	Busy:              {"busy", "Too many requests are waiting. Try again in a second."},
	Unavailable:       {"unavailable", "Tokens cannot be issued now. Try again in a second."},
	Stale:             {"stale", "What is known here is too old to decide by. Try again in a minute; if that does not help, look after the connection to NATS."},
	NotServed:         {"not_served", "The application is not served by this gateway, as it has no origin, or one that may not be called. Give it an x_origin_url: https, or http to a private address."},
	OriginUnreachable: {"origin_unreachable", "The application's origin cannot be reached. Try again in a minute; if that does not help, look after the origin."},
	OriginTimeout:     {"origin_timeout", "The application's origin did not answer in time. Try again in a minute; if that does not help, look after the origin."},
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
	case ServiceAuth, Bypass, Allow, Preflight:
		return true
	}
	return false
}

// Refusal is the reason as an answer on the bus.
func (r Reason) Refusal() *proto.Error {
	return &proto.Error{Code: r.String(), Message: r.Sentence()}
}
