package gate

import (
	"crypto/x509"
	"net/http"
	"net/netip"
	"net/url"

	"plumbline.dev/proto"
	"plumbline.dev/services/internal/catalog"
	"plumbline.dev/services/internal/policy"
)

// Request is a request as sent by its client.
type Request struct {
	Method string
	// URL is absolute: scheme (http or https), host, path with its escapes, query. The gate normalizes it.
	URL *url.URL
	// Header is in the canonical form of net/http and is only read.
	Header http.Header
	// Body reports whether the client sends a body or may send one. Over HTTP/2 no header need announce it.
	Body bool
	// Peer is the client's address: the TCP peer, or the address reported by a trusted proxy. The zero Addr means
	// unknown.
	Peer netip.Addr
	// Certificate is the client's verified certificate, or nil.
	Certificate *x509.Certificate
}

// Application is an application in its current configuration.
type Application = catalog.Record[proto.Application]

// Answer is the decision about a request.
type Answer struct {
	App      Application // its Value is nil if the request belongs to no application
	Decision policy.Decision
	// Host is the host that identified the application, with the request's port if it has one. It is the Host header
	// for the origin.
	Host     string
	Identity Identity
	Device   proto.ID // behind the request; zero: not known
	// Ray is the request id, 16 hex characters. It is shown on the page, in the log, in ACCESS_LOG and in the Cf-Ray
	// header.
	Ray string
	// Assertion and Email go to the origin of an admitted request, as Cf-Access-Jwt-Assertion and, for people only,
	// as Cf-Access-Authenticated-User-Email. Both are empty for a Bypass policy.
	Assertion, Email string
	// Drop lists the headers with credentials that [Clean] would not recognize.
	Drop []string
	// SetCookies are for the client.
	SetCookies []*http.Cookie
	// Response replaces the origin's response. It is nil if and only if the request is admitted.
	Response *Response
}

// Admitted reports whether the request goes to its origin.
func (a *Answer) Admitted() bool { return a.Response == nil && a.Decision.Admitted() }

// Identity is the author of a request: a service, a person, or, as the zero value, unknown.
type Identity struct {
	// Token and ClientID are those of a service token with verified credentials or a verified application token. If
	// only the secret was wrong, ClientID is set and Token is zero.
	Token    proto.ID
	ClientID string
	// Session is a person's login.
	Session *proto.Session
}

// Response is a complete response to a client.
type Response struct {
	Status int
	Header http.Header
	Body   []byte
}
