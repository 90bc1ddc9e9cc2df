// Package scoring is the wire contract of a scoring API (contract.md 5.5): what is posted to it about a page
// of devices, and what its answer says of each of them. It is pure: no clock, no network.
//
// What an answer may hold, and what is made of it:
//
//   - The answer is one JSON object in UTF-8 (RFC 8259) with one member "result", which is an object. Its
//     other members are skipped. Anything else is a [Failure] of the whole answer, so is an s2s_id of more
//     than [proto.MaxS2SID] bytes given for a device that was asked about.
//   - Each member of "result" is named by a device id, compared as a UUID in either case. Devices that were
//     not asked about are counted and skipped unread. Devices that were asked about and are absent are missing.
//   - A score is a number whose value is an integer from 0 to 100, however it is spelled: 50, 50.0, 5e1, -0.
//     All else, an absent score included, is an invalid score of that device alone.
//   - An s2s_id that is absent, or is not a string, reads as empty: it informs, it decides nothing.
//   - A device that is named twice, or whose object names any member twice at any depth, has an invalid
//     score: which of the two is meant cannot be known.
//
// No error holds any part of an answer.
package scoring
