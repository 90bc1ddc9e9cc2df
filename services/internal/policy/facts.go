package policy

import (
	"net/netip"

	"plumbline.dev/proto"
)

// Facts are the known facts about a request. The zero value is a request without any known fact.
//
// A missing fact is either false or unknown. It is false if the request could have proved it and did not:
// [Facts.ServiceToken], [Facts.LoggedIn], [Facts.Email], [Facts.IDP], [Facts.Certificate] and [Facts.CommonName], and
// a claim missing from the provider's claims. It is unknown, and so never admits, if an answer exists but did not
// reach us: [Facts.IP], [Facts.AMR], [Facts.Claims], [Facts.Posture] and [Facts.External].
//
// Facts are read only during a decision, so callers may reuse a value.
type Facts struct {
	// ServiceToken is the id of the service token with verified credentials; zero (false) without any.
	ServiceToken proto.ID
	// IP is the client's address; the zero Addr is unknown.
	IP netip.Addr

	// LoggedIn reports whether the request belongs to a login. Without it Allow policies do not hold, and every rule
	// about a person is false.
	LoggedIn bool
	// Email is the person's address as given by the identity provider; empty is false.
	Email string
	// IDP is the identity provider of the login; zero is false.
	IDP proto.ID
	// AMR lists the authentication methods (RFC 8176) that the identity provider reported. An empty list is unknown.
	AMR []string
	// Claims are the identity provider's claims. Nil or malformed claims are unknown.
	Claims *Claims

	// Certificate reports whether a valid client certificate was presented; CommonName is its subject's. The name is
	// ignored without a certificate.
	Certificate bool
	CommonName  string

	// Posture returns the newest outcome of a check for the device, [proto.OutcomeUnknown] without one. Nil means
	// that the device is not known. Both are unknown. Posture may be called several times for a check, and must not
	// block.
	Posture func(check proto.ID) proto.Outcome

	// External holds the answers of the external evaluations made beforehand. A missing answer is unknown. [External]
	// lists the evaluations that policies need.
	External map[Evaluation]bool
}
