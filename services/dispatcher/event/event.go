// Package event turns messages of the bus into the events that destinations receive.
//
// All functions are pure. The same message always gives the same events with the same ids, so a receiver recognizes
// what it was sent twice.
package event

import (
	"time"

	"plumbline.dev/proto"
)

// Type is the type of an event.
type Type string

// The types.
const (
	// OutcomeChanged: devices of a page changed from one outcome of a check to another.
	OutcomeChanged Type = "posture.outcome.changed"
	// ResultsReset: changes were missed, because the log no longer has them. The receiver should read the results anew.
	ResultsReset         Type = "posture.results.reset"
	CheckHeld            Type = "posture.check.held"     // a breaker holds outcomes of a check, or holds more of them
	CheckReleased        Type = "posture.check.released" // the hold is over
	ServiceTokenExpiring Type = "service_token.expiring"
	ServiceTokenExpired  Type = "service_token.expired" // or turned off, or deleted, because nobody used it
	// TestPing: somebody tests the destination. The event cannot be left out.
	TestPing Type = "test.ping"
	// Batch is a batch of log lines. It is not an event of webhooks.
	Batch Type = "batch"
)

// Types returns the types that a destination may select, in the order of the documentation.
func Types() []Type {
	return []Type{OutcomeChanged, ResultsReset, CheckHeld, CheckReleased, ServiceTokenExpiring, ServiceTokenExpired}
}

// Bounds of an event.
const (
	MaxDevices = 100      // named in one event; the others are counted
	MaxBody    = 20 << 10 // of an event's JSON, in bytes
)

// Event is one event for one destination.
type Event struct {
	ID   string // the same for every attempt, and after a crash
	Type Type
	At   time.Time
	// Body is the event as JSON, of at most [MaxBody] bytes.
	Body []byte
}

// envelope is the form that Standard Webhooks recommends for a body.
type envelope struct {
	Type      Type      `json:"type"`
	Timestamp time.Time `json:"timestamp"`
	Data      any       `json:"data"`
}

// id returns the id of an event. parts identify it within the account.
func id(a proto.Account, parts string) string {
	return "msg_" + proto.DeriveID(a, "event "+parts).String()
}
