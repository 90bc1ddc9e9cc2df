// Package trial evaluates a check that is not saved, with the fold that would evaluate it. [Trial] answers for the
// newest entries what an edit would change now; [Past] answers for the log what a check would have decided.
//
// A trial is pure, and a breaker never trips in it: an edit is no poll. Its time is the caller's.
package trial
