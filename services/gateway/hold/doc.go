// Package hold says how old is what a gateway decides by, and when that is too old.
//
// A gateway decides by views of the bus: configuration, service tokens, sessions, inventory, results. They
// are kept by watches, and a watch that hears nothing cannot tell silence from being cut off. So about once a
// second the leader of each stream is asked how far the stream is, and what of it concerns the view came
// after the last thing that the view has seen. Where nothing did, the view was up to date when the question
// was put. Any break on the way shows as the same thing, an age that grows: NATS that is gone, a stream
// without a leader, a source that stalls, a watch that died.
//
// While the age is within the operator's bound the gateway goes on with what it last knew; after that it
// refuses everything, until everything is confirmed again.
package hold
