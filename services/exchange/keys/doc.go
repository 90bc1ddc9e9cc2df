// Package keys holds the signing keys of application tokens. Only the exchange links it (invariant 8 of the
// design): a process that cannot open a key cannot make a token.
//
// A key pair is made once, whoever starts first, and kept in the KEYS bucket: the certificate in clear, the
// private key sealed to the exchange's own identities with the key's id inside.
package keys
