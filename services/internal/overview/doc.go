// Package overview knows, of every page of every integration, when it was polled, how its results count,
// and when the next of them expires. It follows POSTURE_STATE by headers alone, so a process that holds
// 10,000 pages in view holds a few megabytes and never reads a result.
package overview
