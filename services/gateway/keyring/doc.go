// Package keyring is what a gateway knows of the exchange's keys: it verifies the tokens that requests bring,
// and obtains those that go to origins.
//
// It holds public keys only. They are asked for over the bus, again and again, and the last known ones stay
// good while the exchange is away; how long a gateway goes on like that is decided by who reads
// [Keyring.Confirmed].
//
// No request waits for a signature while a token is there: the next one is obtained ahead of time, in the
// background.
package keyring
