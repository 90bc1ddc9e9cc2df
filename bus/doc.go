// Package bus is how Plumbline's services, and any other system, use NATS: connect, publish, commit an
// atomic batch, consume a stage of work, watch a bucket, follow results.
//
// What there is on the bus stands in package topology; what the messages are, in module proto.
package bus
