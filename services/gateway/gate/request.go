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

// Request is a request as its client made it.
type Request struct {
	Method string
	// URL is absolute: scheme (http or https), host, path with its escapes, query. The gate normalizes it.
	URL *url.URL
	// Header is in canonical form, as net/http makes it; it is read only.
	Header http.Header
	// Body tells that the client sends a body, or may: over HTTP/2, one that no header announces.
	Body bool
	// Peer is where the request came from: the TCP peer, or what a trusted proxy says of it. The zero Addr
	// where that is not known.
	Peer netip.Addr
	// Certificate is the verified certificate of the client; nil: none.
	Certificate *x509.Certificate
}

// Application is an application as it is configured now.
type Application = catalog.Record[proto.Application]

// Answer is what was decided about a request.
type Answer struct {
	App      Application // its Value is nil where the request belongs to none
	Decision policy.Decision
	// Host is the host that the application was found by, with the port if the request has one: the Host header of
	// the request to the origin.
	Host     string
	Identity Identity
	Device   proto.ID // behind the request; zero: not known
	// Ray names the request, 16 hex characters: on the page, in the log, in ACCESS_LOG, in the Cf-Ray header.
	Ray string
	// Assertion and Email are for the origin of an admitted request: Cf-Access-Jwt-Assertion, and, of people
	// only, Cf-Access-Authenticated-User-Email. Both are empty where a Bypass policy admits.
	Assertion, Email string
	// Drop are the names of headers that held credentials and that [Clean] would not know.
	Drop []string
	// SetCookies are for the client.
	SetCookies []*http.Cookie
	// Response is what to answer in the origin's place; nil where the request is admitted, and only then.
	Response *Response
}

// Admitted tells whether the request goes to its origin.
func (a *Answer) Admitted() bool { return a.Response == nil && a.Decision.Admitted() }

// Identity is who makes a request: a service, a person, or, as the zero value, nobody known.
type Identity struct {
	// Token and ClientID are those of a service token whose credentials, or whose application token, were
	// found right. A Client ID that is known stands here also where its secret was wrong; Token is then zero.
	Token    proto.ID
	ClientID string
	// Session is a person's login.
	Session *proto.Session
}

// Response is a complete answer to a client.
type Response struct {
	Status int
	Header http.Header
	Body   []byte
}
