// Package storecheck checks the streams of a store for consistency with each other. It detects a stream restored from
// an older copy, rolled back or lost, and a damaged block, by values that no longer agree. The server itself does not
// report these: it cuts off a damaged block, or skips unreadable messages.
//
// Derivable data is rebuilt:
//
//   - POSTURE_STATE from POSTURE_LOG. Entries found only in POSTURE_STATE are written to the log again, with their
//     changes.
//
// - The changes of the log's newest entry, if they were cut off.
// - POSTURE_TICKS, with increasing sequences: a poll for an older tick is ignored.
// - Deletions in CONFIG and TOKENS recorded in AUDIT.
//
// Other data is reported as lost:
//
//   - Pages of devices: the registry's cursor has a checksum of each page, and DEVICE_COMMANDS shows how far the
//     cursor must have come.
//   - Records of CONFIG and TOKENS: AUDIT has the keys written by each change, and the replaced revisions.
//   - The end of DEVICES, CONFIG or TOKENS: entries and consumers refer to later revisions.
//
// KEYS, ENTRY_KEYS, SESSIONS and TOKEN_USES are not compared: no other stream refers to their records. A lost signing
// key is replaced and a lost session requires a new login. Older copies of them are not detected: sessions ended since
// are valid again until they expire.
//
// A store written before these values were recorded has nothing to compare, and is accepted as it is.
package storecheck
