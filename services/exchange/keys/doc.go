// Package keys stores the signing keys of application tokens and rotates them. Only the exchange links it (invariant 8
// of the design): a process that cannot decrypt a key cannot issue a token.
//
// The KEYS bucket holds the keys, numbered in order of creation: for each the certificate in clear, and the private key
// with its id, encrypted to the exchange's own identities. The record named rotation says which key signs and which are
// still accepted. Every replica of the exchange has a [KeySet], which follows the bucket and performs due steps
// ([plan]). Replicas compete by compare-and-set; the losers read the winner's result.
//
// No replica serves public keys without the key that another one signs with:
//   - The next key is created ahead and published with the others. It signs once it has been published for [Lead] and,
//     unless a rotation was requested, for a day.
//   - A key set is used only if it was confirmed within [Trust], which is shorter than [Lead], to hold everything
//     written so far: it asks the stream for its position and compares. An unconfirmed key set neither signs nor
//     serves.
//   - A retired key is published for [Accepted] and then deleted.
//
// Any keys served by a key set were therefore complete less than Lead ago, and every key in use elsewhere was published
// before that.
package keys
