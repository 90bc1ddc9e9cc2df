// Package scoring is the wire format of a scoring API (api/README.md 5.5): the request for a page of devices, and the
// meaning of the response. It is pure: no clock, no network.
//
// The rules for a response:
//
//   - The response is one JSON object in UTF-8 (RFC 8259) with one member "result", an object. Its other members are
//     skipped. Anything else is a [Failure] of the whole response, and so is an s2s_id of more than [proto.MaxS2SID]
//     bytes for a device of the request.
//   - Each member of "result" is named by a device id, compared as a UUID in either case. Devices outside of the
//     request are counted and skipped unread. Devices of the request without a member are missing.
//   - A score is a number with an integer value from 0 to 100, in any spelling: 50, 50.0, 5e1, -0. Everything else, an
//     absent score included, is an invalid score of that device alone.
//   - An s2s_id absent, or of another type than string, reads as empty: it informs, it decides nothing.
//   - A device named twice, or with an object that repeats a member at any depth, has an invalid score, because its
//     meaning is ambiguous.
//
// No error holds any part of a response.
package scoring
