// Package fetcher polls scoring APIs.
//
// A tick is planned into one batch for each page (plan.go). A batch is one call (batch.go, call.go): read the page,
// obtain the credentials for the API (target.go, token.go), post the page's devices, read the response, and publish the
// score of each device, or the reason for its absence, to the evaluators. The fetcher decides no outcome.
//
// Any number of fetchers share the work. Each integration has one durable consumer on its batches, created and removed
// here (consumers.go). Its limit bounds the calls under way across all fetchers.
//
// # Memory
//
// A page in flight takes about 1 MB, and nothing else grows with the fleet. A process has [Config.MaxInFlight] places
// shared by all integrations, and one reserved place for each integration. An integration may take shared places as
// long as it holds no more of them than are free: one of several gets half of them at most, two busy ones settle at a
// third each, and some places remain for the next one. If only one integration is polled, it gets as many places as are
// shared. A free place goes to the integration with the fewest. An API without a response therefore costs the others no
// turn and the process no memory.
//
// A batch waiting for a place is small, and its claim is renewed.
package fetcher
