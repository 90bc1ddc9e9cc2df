// Package servicetoken is shared by the services that accept service credentials: a view of the service tokens in the
// TOKENS bucket, the verification of a secret, and the record of a token's last use.
package servicetoken
