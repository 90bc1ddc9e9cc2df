package policy

import "plumbline.dev/proto"

// Reason is why a request was allowed or denied. The list is closed, and other systems rely on the codes. The zero
// value denies.
type Reason uint8

// The reasons.
const (
	Undecided Reason = iota

	// Allowed.
	ServiceAuth
	Bypass
	Allow
	Preflight

	// Denied because of the service credentials.
	UnknownCredentials
	WrongSecret
	TokenDisabled
	TokenExpired
	MalformedCredentials
	BothHeaders

	// Denied because of the application token or its session.
	BadToken
	AppTokenExpired
	TokenRevoked
	SessionEnded

	// Denied by the application.
	UnknownApplication
	UnknownHost
	BadPath
	NoPolicies
	NoPolicyHolds
	PersonNotAdmitted
	Denied

	// Denied because something is missing or fails that the user may be able to fix.
	LoginRequired
	CredentialsRequired
	CertificateRequired
	PostureFailed
	PostureUnknown
	DeviceUnknown

	// Denied because a rule needs a fact that is missing.
	AddressUnknown
	AuthMethodUnknown
	ClaimsUnknown
	ExternalUnavailable

	// Denied because a rule cannot be evaluated as configured.
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

	// Denied at a login.
	LoginFailed
	LoginStateInvalid
	LoginReplayed
	LoginWithoutEmail
	NoProvider
	ProviderUnavailable
	ProviderNotAllowed

	// Denied before any decision.
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
	Undecided: {
		code:     "undecided",
		sentence: "No decision was made about this request, so it is denied.",
	},

	ServiceAuth: {
		code:     "service_auth",
		sentence: "A Service Auth policy of the application admits this request.",
	},
	Bypass: {
		code:     "bypass",
		sentence: "A Bypass policy of the application admits this request.",
	},
	Allow: {
		code:     "allow",
		sentence: "An Allow policy of the application admits this person.",
	},
	Preflight: {
		code:     "preflight",
		sentence: "The application lets preflight requests go on to its origin (options_preflight_bypass).",
	},

	UnknownCredentials: {
		code: "unknown_credentials",
		sentence: "There is no service token with this Client ID and Client Secret. Check both; a lost secret " +
			"cannot be shown again, rotate the token to get a new one.",
	},
	WrongSecret: {
		code: "wrong_secret",
		sentence: "The Client Secret does not belong to the service token. Check it; a lost secret cannot be shown " +
			"again, rotate the token to get a new one.",
	},
	TokenDisabled: {
		code:     "token_disabled",
		sentence: "The service token is turned off. Turn it on again, or use another.",
	},
	TokenExpired: {
		code:     "token_expired",
		sentence: "The service token has expired. Refresh it, or use another.",
	},
	MalformedCredentials: {
		code: "malformed_credentials",
		sentence: "The service credentials are incomplete, given twice, or malformed. Send the Client ID and the " +
			"Client Secret once each.",
	},
	BothHeaders: {
		code: "both_headers",
		sentence: "There are service credentials in the application's own header and in Cf-Access-Client-Id or " +
			"Cf-Access-Client-Secret. Send them in one form only.",
	},

	BadToken: {
		code: "bad_token",
		sentence: "The application token was not made for this application, or it cannot be verified. Ask for a " +
			"new one.",
	},
	AppTokenExpired: {
		code:     "app_token_expired",
		sentence: "The application token has expired. Ask for a new one, or log in again.",
	},
	TokenRevoked: {
		code:     "token_revoked",
		sentence: "The tokens of this application were revoked. Ask for a new one, or log in again.",
	},
	SessionEnded: {
		code:     "session_ended",
		sentence: "The session has expired or was logged out. Log in again.",
	},

	UnknownApplication: {
		code:     "unknown_application",
		sentence: "The application does not exist. Check its id and its account.",
	},
	UnknownHost: {
		code: "unknown_host",
		sentence: "No application is served under this address. Check the host name and the path, or add them to " +
			"the application's destinations.",
	},
	BadPath: {
		code: "bad_path",
		sentence: "The path of this request is ambiguous, so its application cannot be determined. Send it without " +
			"empty or dot segments and encoded slashes.",
	},
	NoPolicies: {
		code:     "no_policies",
		sentence: "The application has no policies, so every request is denied. Add a policy to it.",
	},
	NoPolicyHolds: {
		code: "no_policy_holds",
		sentence: "No policy of the application admits this request. Include the service token in a Service Auth " +
			"policy of the application.",
	},
	PersonNotAdmitted: {
		code: "person_not_admitted",
		sentence: "You are logged in, but no policy of the application admits you. Ask its owner to include you, " +
			"or log out and log in as another user.",
	},
	Denied: {
		code:     "denied",
		sentence: "A policy of the application denies this request. If this is a mistake, ask its owner.",
	},

	LoginRequired: {
		code:     "login_required",
		sentence: "The application requires a login. Log in and try again.",
	},
	CredentialsRequired: {
		code: "credentials_required",
		sentence: "The application requires a service token. Send the Client ID and the Client Secret of a token " +
			"included in a policy.",
	},
	CertificateRequired: {
		code:     "certificate_required",
		sentence: "The application requires a client certificate. Install an accepted one and try again.",
	},
	PostureFailed: {
		code: "posture_failed",
		sentence: "The device fails a posture check required by the application. Fix the problem, then try again: " +
			"access returns as soon as the device passes its next check.",
	},
	PostureUnknown: {
		code: "posture_unknown",
		sentence: "The device has no recent result of a posture check required by the application. Wait for its " +
			"next check, and make sure that the scoring service knows the device.",
	},
	DeviceUnknown: {
		code: "device_unknown",
		sentence: "The application requires a posture check, but the device behind this request is not known. Use " +
			"an enrolled device: with its client certificate, or over the overlay network.",
	},

	AddressUnknown: {
		code: "address_unknown",
		sentence: "A policy of the application needs the client address, but it is not known here. Use another " +
			"selector.",
	},
	AuthMethodUnknown: {
		code: "auth_method_unknown",
		sentence: "A policy of the application requires a login method, but the identity provider did not report " +
			"one. Have it send the amr claim, or use another selector.",
	},
	ClaimsUnknown: {
		code: "claims_unknown",
		sentence: "A policy of the application needs a claim of the identity provider, but its claims are missing " +
			"or cannot be read. Log in again, or use another selector.",
	},
	ExternalUnavailable: {
		code: "external_unavailable",
		sentence: "A policy of the application depends on an external service, but the service gave no valid " +
			"answer. Try again in a minute; if that does not help, check the service.",
	},

	UnsupportedSelector: {
		code: "unsupported_selector",
		sentence: "A policy of the application uses a selector that this build cannot evaluate, so the request is " +
			"denied. Use another selector.",
	},
	UnknownSelector: {
		code: "unknown_selector",
		sentence: "A policy of the application uses an unknown selector, so the request is denied. Correct the " +
			"policy.",
	},
	MalformedRule: {
		code:     "malformed_rule",
		sentence: "A policy of the application has a malformed rule, so the request is denied. Correct the policy.",
	},
	IdentityInBypass: {
		code: "identity_in_bypass",
		sentence: "A Bypass policy of the application has a rule about a person. Bypass policies are evaluated " +
			"before any login, so the request is denied. Use an Allow policy, or another selector.",
	},
	UnsupportedDemand: {
		code: "unsupported_demand",
		sentence: "A policy of the application makes a demand that this build cannot meet, such as an approval, so " +
			"the request is denied. Remove the demand from the policy.",
	},
	MissingGroup: {
		code: "missing_group",
		sentence: "A policy of the application names a group that does not exist, so the request is denied. " +
			"Correct the policy, or add the group.",
	},
	GroupCycle: {
		code: "group_cycle",
		sentence: "A policy of the application names a group that contains itself, so the request is denied. " +
			"Correct the group.",
	},
	TooManyRules: {
		code: "too_many_rules",
		sentence: "A policy of the application has too many rules or too deeply nested groups, so the request is " +
			"denied. Split the policy or the group.",
	},
	UnknownDecision: {
		code: "unknown_decision",
		sentence: "A policy of the application has an unknown decision, so the request is denied. Correct the " +
			"policy.",
	},
	MissingPolicy: {
		code: "missing_policy",
		sentence: "The application names a policy that does not exist, so the request is denied. Remove it from " +
			"the application.",
	},

	LoginFailed: {
		code:     "login_failed",
		sentence: "The identity provider did not confirm the login. Try again from the application's own address.",
	},
	LoginStateInvalid: {
		code: "login_state_invalid",
		sentence: "This login was not started here, or it was started too long ago. Start again from the " +
			"application's own address.",
	},
	LoginReplayed: {
		code:     "login_replayed",
		sentence: "This login was already used. Start again from the application's own address.",
	},
	LoginWithoutEmail: {
		code: "login_without_email",
		sentence: "The identity provider did not send a verified e-mail address. Have it send the claim named in " +
			"the provider's settings.",
	},
	NoProvider: {
		code: "no_provider",
		sentence: "There is no identity provider to log in with. Add one to the account, or to the application's " +
			"allowed_idps.",
	},
	ProviderUnavailable: {
		code:     "provider_unavailable",
		sentence: "The identity provider cannot be reached or gave an invalid answer. Try again in a minute.",
	},
	ProviderNotAllowed: {
		code:     "provider_not_allowed",
		sentence: "The application does not accept logins through this identity provider. Choose another.",
	},

	BadRequest: {
		code:     "bad_request",
		sentence: "The request is incomplete or malformed. Correct it.",
	},
	UntrustedProxy: {
		code: "untrusted_proxy",
		sentence: "This proxy may not ask about the requests of others. Add its address to the gateway's " +
			"configuration first.",
	},
	CrossOrigin: {
		code: "cross_origin",
		sentence: "The application does not allow this preflight request. Allow its origin, method and headers in " +
			"cors_headers.",
	},
	Busy: {
		code:     "busy",
		sentence: "Too many requests are waiting. Try again in a second.",
	},
	Unavailable: {
		code:     "unavailable",
		sentence: "Tokens cannot be issued now. Try again in a second.",
	},
	Stale: {
		code: "stale",
		sentence: "The gateway's data is too old for a decision. Try again in a minute; if that does not help, " +
			"check the connection to NATS.",
	},
	NotServed: {
		code: "not_served",
		sentence: "The application is not served by this gateway: it has no origin, or its origin must not be " +
			"called. Give it an x_origin_url: https, or http to a private address.",
	},
	OriginUnreachable: {
		code: "origin_unreachable",
		sentence: "The application's origin cannot be reached. Try again in a minute; if that does not help, check " +
			"the origin.",
	},
	OriginTimeout: {
		code: "origin_timeout",
		sentence: "The application's origin did not answer in time. Try again in a minute; if that does not help, " +
			"check the origin.",
	},
}

// Reasons returns all reasons in order.
func Reasons() []Reason {
	all := make([]Reason, reasonCount)
	for i := range all {
		all[i] = Reason(i)
	}
	return all
}

// String returns the reason's code, for messages, logs, metrics and answers.
func (r Reason) String() string {
	if r >= reasonCount {
		return reasons[Undecided].code
	}
	return reasons[r].code
}

// Sentence returns an explanation for people, with advice.
func (r Reason) Sentence() string {
	if r >= reasonCount {
		return reasons[Undecided].sentence
	}
	return reasons[r].sentence
}

// Admits reports whether the reason allows the request.
func (r Reason) Admits() bool {
	switch r {
	case ServiceAuth, Bypass, Allow, Preflight:
		return true
	}
	return false
}

// Refusal returns the reason as an error for a reply on the bus.
func (r Reason) Refusal() *proto.Error {
	return &proto.Error{Code: r.String(), Message: r.Sentence()}
}
