// Package fold decides what a page's next entry is. It is pure: the log, the buckets, the clocks and the
// races of several evaluators are its caller's.
//
// # Time
//
// A score's age is reckoned from the time the server stored it to [Basis.Now]. What is expired stays
// expired until a newer score comes or the check is edited: a clock that is set back, or the slower one of
// two evaluators, must not give a device back a pass that no evidence stands behind. A clock that is fast
// expires results early; they are unknown, which nobody lets pass, until the next poll.
package fold
