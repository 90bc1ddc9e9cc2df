// Package evaluator turns scores, pages and checks into entries of the posture log and their changes.
//
// What an entry says is decided by package fold. What this package adds is that it stays right while
// several evaluators work on the same page, each with views of the inventory and of the configuration that
// may be behind:
//
//   - An entry is committed only if the entry that it was made from is still the newest of the log. Who
//     comes second starts again from the new one. Entries, pages and checks are remembered, so that the
//     usual poll reads nothing: a memory that is out of date is refused here.
//   - "Nothing changed" is not written, so nothing refuses it: it is said only of an entry that was just read.
//   - An entry records the revisions of page and configuration that it was made from, and the next is
//     never made from older ones. But a newer page with the same devices writes nothing, so the record may
//     be behind what somebody has seen. Therefore whoever changed the set of devices or of checks reads,
//     after the commit, whether there is something newer, and goes on from it if so. Whatever is written
//     after that comes with an input of its own.
//   - Whoever gets a message that was handed out before looks for that too: its evaluator may have died
//     between its commit and its look.
//
// Reads of a replicated bucket may be a moment old; what they let slip the next poll puts right.
//
// # Where the last entry is
//
// The log is bounded in bytes, so it may have lost the newest entry of a page that is polled seldom.
// POSTURE_STATE, which is filled from the log, then has it, and the log is expected to hold none. Could the
// state be behind? What it has not copied yet is at the log's end, where the log still has it; an entry
// would have to be evicted within the moment that it is under way. Should that happen to an evaluator that
// remembers the entry, it goes on from what it remembers: of two entries of a page the one with the higher
// sequence is newer. For the same reason "the log holds none" guards a commit only as long as the log cannot
// be filled anew between a read and its commit, which are milliseconds apart.
package evaluator
