// Package dispatcher delivers events to destinations: systems that do not follow the bus.
//
// A destination is read from CONFIG. Its events are made of messages of the followers' copy of the log, and of the
// notices about service tokens (source.go, package event). Each destination has a courier (courier.go), which reads the
// streams by sequence and stores its positions in DELIVERIES. It sends one message at a time, so that the order of each
// stream is kept, and sends a message again until the receiver accepts it (package retry). A receiver that does not
// answer therefore delays only its own messages. A courier that ends without storing its position, as in a crash, sends
// the newest messages twice, with the same ids.
//
// Any number of dispatchers share the destinations. A courier owns its destination: its dispatcher writes a beat to
// DELIVERIES, and another dispatcher takes over a destination with a beat that stands still (owner.go).
//
// If the log no longer has the messages after a position, the courier sends posture.results.reset, and continues with
// what the log has.
//
// # Memory
//
// A courier holds a batch of messages of each stream, up to 4 MB, and one body of at most 20 KB.
package dispatcher
