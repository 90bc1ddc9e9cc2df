// Package evaluator turns scores, pages and checks into entries of the posture log and their changes.
//
// Package fold decides the content of an entry. This package keeps it right while several evaluators work on the same
// page, each with views of the inventory and the configuration that may lag:
//
//   - An entry is committed only if its predecessor is still the newest of the log. The loser of a race starts again
//     from the new one. Entries, pages and checks are cached, so the usual poll reads nothing; an outdated cache fails
//     this check.
//   - "Nothing changed" is not written, so no check can fail: it is decided only from an entry just read.
//   - An entry records its revisions of page and configuration, and the next entry never uses older ones. But a newer
//     page with the same devices writes nothing, so the record may lag. An evaluator that changed the set of devices or
//     checks therefore reads again after the commit, and continues from anything newer. Later writes come with inputs
//     of their own.
//   - The handler of a redelivered message reads again too: the first handler may have died between its commit and its
//     second read.
//
// Reads of a replicated bucket may be a moment old; the next poll corrects the result.
//
// # The last entry
//
// The log is bounded in bytes, so it may have lost the newest entry of a page with rare polls. POSTURE_STATE, filled
// from the log, then has it, and the log is expected to hold none. The state cannot lag here: entries it has not copied
// yet are at the end of the log, and eviction would have to reach them within that moment. If an evaluator with the
// entry in its cache meets this case, it continues from the cache: of two entries of a page the one with the higher
// sequence is newer. For the same reason the expectation "none" protects a commit only if the log cannot be refilled
// within the milliseconds between a read and its commit.
package evaluator
