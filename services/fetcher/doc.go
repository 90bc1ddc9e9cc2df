// Package fetcher asks scoring APIs about devices.
//
// A tick is planned into one batch for each page (plan.go). A batch is one call (batch.go, call.go): read
// the page, obtain what the API wants to see (target.go, token.go), post the page's devices, read the answer,
// and publish what it says of each device, or why it says nothing, to the evaluators. It decides no outcome.
//
// Any number of fetchers share the work. Each integration has one durable consumer on its batches, made and
// removed here (consumers.go), whose limit bounds the calls under way over all of them.
//
// # Memory
//
// A page takes about 1 MB while it is in flight, and nothing else grows with the fleet. A process has
// [Config.MaxInFlight] places that all integrations share, and one more for each integration that nobody
// else can take. An integration may take shared places as long as it holds no more of them than are free:
// one of several gets half of them at most, two that are always busy come to a third each, and something is
// left for the next. The only integration that is polled gets as many places as are shared. A place that becomes
// free goes to whoever holds least. So an API that never answers costs the others
// neither their turn nor the process its memory.
//
// A batch that waits for a place is small, and its claim is renewed meanwhile.
package fetcher
