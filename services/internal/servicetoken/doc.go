// Package servicetoken is what the services that take service credentials share: a view of the service
// tokens of the TOKENS bucket, the check of a secret, and the note of when a token was last used.
package servicetoken
