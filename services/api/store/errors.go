package store

import (
	"fmt"

	"plumbline.dev/bus/topology"
)

// unavailableError reports that the bus cannot serve a request now. A later attempt may succeed.
type unavailableError struct {
	message string // for the client
	cause   error  // for the log; may be nil
	// unwritten is set if the request has written nothing, so that any client may repeat it.
	unwritten bool
}

func (e *unavailableError) Error() string {
	if e.cause == nil {
		return e.message
	}
	return e.message + ": " + e.cause.Error()
}

func (e *unavailableError) Unwrap() error { return e.cause }

// Unavailable returns the message for the client.
func (e *unavailableError) Unavailable() string { return e.message }

// Unwritten reports whether the request has written nothing.
func (e *unavailableError) Unwritten() bool { return e.unwritten }

// limitError reports a write of more changes than one batch holds.
type limitError struct{ changes int }

func (e *limitError) Error() string {
	return fmt.Sprintf("the request would write %d messages, the limit is %d: split it up", e.changes, topology.MaxBatch)
}

// Invalid returns the message for the client.
func (e *limitError) Invalid() string { return e.Error() }
