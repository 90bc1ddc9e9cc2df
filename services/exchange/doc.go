// Package exchange is the service that owns the signing keys: it exchanges service credentials and finished
// logins for tokens, signs statements for gateways, publishes the public keys, and looks after service tokens.
//
// A request on access.exchange.service passes four stages, one file each: what was asked (exchange.go),
// whether the credentials are right (package servicetoken), whether a policy of the application admits
// them (packages rulebook and policy), and the token (issue.go). Each refuses with a reason from the closed
// list of package policy. What is known about a request beside its credentials, its device and certificate,
// counts only where a gateway vouches for it.
//
// A request on access.exchange.user (user.go) is a gateway's word that a person has logged in and that an Allow
// policy admits her; that there is such a policy in the application is made sure of here. Statements
// (statement.go) admit nobody to anything. Both are answered to gateways only.
//
// What is decided about a fetcher's service token that exists is recorded in ACCESS_LOG (package accesslog). A
// gateway's requests are recorded by the gateway, which knows host, device and ray: each is there once.
//
// Service tokens, applications and policies are followed, not asked for: one that is turned off, deleted or
// changed counts as such for the next request after the change has arrived, cached tokens included.
//
// Keys are kept and rotated by package keys. The caretaker (caretaker.go, retire.go; what it decides: duties.go) tells of
// service tokens that expire and retires those that nobody uses.
package exchange
