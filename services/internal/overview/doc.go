// Package overview tracks, for every page of every integration, its last poll, the counts of its results and the next
// expiry. It follows POSTURE_STATE by headers alone, so 10,000 pages take a few megabytes and no result is read.
package overview
