// Package trial serves trials: the outcomes that an unsaved check would have, either for the newest entry of every page
// or for the entries of the posture log since a time. Package evaluator/trial decides the outcomes; this package finds
// the entries and bounds the work.
//
// # Bounds
//
// A trial reads pages by sequence, without a consumer, and forgets each one once it is evaluated. A trial of the newest
// entries holds at most 4 MiB of entries under way and as many flipping devices as the request asks for, whatever the
// size of the fleet. A trial of the log also holds 20 bytes for each device, and 16 for each device in its grace. At
// most [newestAtOnce] trials of the newest entries run at once; further ones wait. At most [pastAtOnce] trials of the
// log run at once; further ones are denied.
package trial
