// Package signing stores the keys that sign entries, and rotates them. Only the evaluator links it (invariant 8 of the
// design): a process that cannot decrypt a key cannot sign an entry.
//
// The ENTRY_KEYS bucket holds the keys, numbered in order of creation, each encrypted to the evaluators' identities.
// Every replica of the evaluator has a [KeySet], which follows the bucket. The newest key signs. A new key is created
// at first start and every [Interval]; replicas compete by compare-and-set. A replica that has not seen the new key yet
// signs with the one before, which is just as good: verifiers ask for keys they do not know.
//
// A key whose successor is older than [Overlap] is retired: its private half is deleted, and its public half stays,
// encrypted as before. Only evaluators know the recipient, so nobody else can add a public key, whatever they may write
// to the bucket. Public halves are kept for ever, as the newest entry of a page is.
package signing
