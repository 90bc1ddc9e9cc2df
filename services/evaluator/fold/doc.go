// Package fold decides a page's next entry. It is pure: the log, the buckets, the clocks and the races of several
// evaluators are its caller's concern.
//
// # Time
//
// A score's age is the time between the server's storing it and [Basis.Now]. An expired result stays expired until a
// newer score arrives or the check is edited: a clock set back, or the slower of two evaluators, must not return a pass
// without evidence. A fast clock expires results early; they are unknown until the next poll, and unknown never passes.
package fold
