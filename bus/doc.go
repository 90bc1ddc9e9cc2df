// Package bus connects Plumbline's services, and any other system, to NATS: connect, publish, commit an atomic batch,
// watch a bucket, follow results. Package stage processes the messages of a consumer.
//
// Package topology defines the streams, subjects and permissions of the bus; module proto defines the messages.
package bus
