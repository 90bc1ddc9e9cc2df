// Package keys holds the signing keys of application tokens and rotates them. Only the exchange links it
// (invariant 8 of the design): a process that cannot open a key cannot make a token.
//
// The keys are in the KEYS bucket, numbered in the order in which they were made: of each the certificate in
// clear and the private key sealed to the exchange's own identities, with the key's id inside. The record
// named rotation says which of them signs and which are only accepted still. Every replica of the exchange
// has a [Ring], which follows the bucket and does what is due ([plan]); of replicas that do the same at once
// one wins, by compare-and-set, and the others read what it wrote.
//
// No replica serves public keys without the one that another signs with. What makes it so:
//   - The next key is made ahead and published with the others. It begins to sign once it has been published
//     for [Lead], and, where nobody asked for the rotation, for a day.
//   - A ring is used only while it is certain to hold everything that was written up to a moment less than
//     [Trust] ago, which is shorter than [Lead]: it asks the stream how far it is, and compares. A ring that
//     cannot find that out neither signs nor serves.
//   - A key that signs no more is published for [Accepted], and then deleted.
//
// So whatever a ring serves was complete less than Lead ago, and what others may sign with by now was
// published before that.
package keys
