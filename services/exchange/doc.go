// Package exchange is the service that owns the signing keys: it exchanges service credentials for
// application tokens, and publishes the public keys.
//
// A request on access.exchange.service passes four stages, one file each: what was asked (exchange.go),
// whether the credentials are right (package servicetoken), whether a policy of the application admits
// them (packages rulebook and policy), and the token (issue.go). Each refuses with a reason from the closed
// list of package policy. Whatever is decided about a service token that exists is recorded in ACCESS_LOG
// (package accesslog).
//
// Service tokens, applications and policies are followed, not asked for: one that is turned off, deleted or
// changed counts as such for the next request after the change has arrived, cached tokens included.
package exchange
