// Package storecheck compares what the streams of a store say of each other: a stream that was restored from an
// older copy, rolled back or lost, and a block that was damaged, show in values that no longer agree. The server
// itself reports none of it: it cuts a damaged block off, or skips what it cannot read.
//
// What can be derived is rebuilt:
//
//   - POSTURE_STATE from POSTURE_LOG, and entries that only POSTURE_STATE still has are written to the log again,
//     with the changes that lead to them.
//   - The changes of the log's newest entry, if they were cut off.
//   - POSTURE_TICKS, with increasing sequences: a poll of an older tick is ignored.
//   - Deletions in CONFIG and TOKENS that AUDIT names.
//
// What cannot be derived is reported as lost:
//
//   - Pages of devices: the registry's cursor names the sum of each page, and DEVICE_COMMANDS how far the cursor must
//     have come.
//   - Records of CONFIG and TOKENS: AUDIT names the keys that each change wrote, and the revisions that it replaced.
//   - The end of DEVICES, CONFIG or TOKENS: entries and consumers name revisions beyond it.
//
// A store that was written before these were noted has nothing to compare, and is taken as it is.
package storecheck
