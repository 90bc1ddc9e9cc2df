// Package exchange is the service that owns the signing keys. It exchanges service credentials and completed logins
// for tokens, signs statements for gateways, publishes the public keys, and maintains service tokens.
//
// A request on access.exchange.service passes four stages: parsing (exchange.go), authentication (package
// servicetoken), the policies of the application (packages policycache and policy), and the token (issue.go). Each
// stage may deny with a reason from the closed list of package policy. The device and the certificate of a request are
// accepted from gateways only.
//
// A request on access.exchange.user (user.go) asserts that a person has logged in and that an Allow policy admits
// them. The exchange checks that the application has such a policy. Statements (statement.go) grant no access. Both
// are accepted from gateways only.
//
// Decisions about a fetcher's service token are recorded in ACCESS_LOG (package accesslog). A gateway records its own
// requests, because it knows host, device and request id, so each request is recorded once.
//
// Service tokens, applications and policies are watched. Any change applies to the next request after its arrival,
// including requests with cached tokens.
//
// Package keys stores and rotates the keys. The janitor (janitor.go, retire.go; its decisions: duties.go)
// announces the expiry of service tokens and retires unused ones.
package exchange
