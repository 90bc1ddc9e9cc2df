package policy

import (
	"net/netip"

	"plumbline.dev/proto"
)

// Facts are what is known about a request. The zero value is a request of which nothing is known.
//
// What is not known is one of two things. It is a no where the request could have shown it and did not:
// [Facts.ServiceToken], [Facts.LoggedIn], [Facts.Email], [Facts.IDP], [Facts.Certificate],
// [Facts.CommonName]; a claim that the provider left out of its claims is a no as well. It is unknown, so
// that it admits nobody wherever the rule stands, where there is an answer which did not reach us:
// [Facts.IP], [Facts.AMR], [Facts.Claims], [Facts.Posture] and [Facts.External].
//
// Facts are read only while a decision is made. Whoever decides often may use one value again.
type Facts struct {
	// ServiceToken is the id of the service token whose credentials were found right; zero where there are
	// none, which is a no.
	ServiceToken proto.ID
	// IP is where the request came from; the zero Addr where that is not known, which is unknown.
	IP netip.Addr

	// LoggedIn tells that a person's login stands behind the request. Without it Allow policies do not hold,
	// and the facts about a person do not count: a selector that asks for them is a no.
	LoggedIn bool
	// Email is the person's, as the provider gave it; empty is a no.
	Email string
	// IDP is the identity provider of the login; zero is a no.
	IDP proto.ID
	// AMR is how the person proved who she is (RFC 8176), as the provider says. None is unknown: the
	// provider did not say.
	AMR []string
	// Claims are the provider's; nil, or claims that cannot be read, are unknown.
	Claims *Claims

	// Certificate tells that a client certificate was shown and is valid; CommonName is that of its
	// subject. Without a certificate the name does not count.
	Certificate bool
	CommonName  string

	// Posture is the newest outcome of a check for the device behind the request, [proto.OutcomeUnknown]
	// where there is none. Nil: it is not known which device is behind the request. Both are unknown. It may
	// be asked more than once about a check, and must not block.
	Posture func(check proto.ID) proto.Outcome

	// External are the answers to the external evaluations that were asked before; one that is not in it is
	// unknown. [External] names those that a list of policies needs.
	External map[Evaluation]bool
}
