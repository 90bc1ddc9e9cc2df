// Package trial answers what a check that nobody has saved would decide: about the newest entry of every page, or, from a
// time on, about the entries of the posture log. The decisions are those of evaluator/trial; this package finds the
// entries and bounds the work.
//
// # Bounds
//
// A trial reads pages by sequence, without a consumer, and forgets each one once it is evaluated. A trial of the newest
// entries holds at most 4 MiB of entries under way and as many flipping devices as the request asks for, whatever the size
// of the fleet. A trial of the log holds 20 bytes for each device besides, and 16 for each device in its grace. No more than
// [newestAtOnce] trials of the newest entries run at once, others wait; [pastAtOnce] of the log, others are denied.
package trial
