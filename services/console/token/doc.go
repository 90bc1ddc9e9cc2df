// Package token has the screens of credentials: service tokens with their uses, API tokens, and the signing keys. A
// secret is shown once, in the response to the request that made it.
package token
