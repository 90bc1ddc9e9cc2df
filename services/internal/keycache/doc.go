// Package keycache caches the public keys and the tokens of the exchange, at a gateway and at the control plane. It
// verifies the tokens in requests, and obtains the tokens for origins.
//
// The keys are requested over the bus at regular intervals. If the exchange is away, the last known keys stay valid;
// the caller of [Cache.Confirmed] decides for how long.
//
// No request waits for a signature while a valid token is cached: the next token is obtained ahead of time, in the
// background.
package keycache
