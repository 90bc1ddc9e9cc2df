package hold

import (
	"context"
	"time"
)

// Part is something that a gateway decides by and that may grow old.
type Part interface {
	// Name is for logs and errors: "inventory".
	Name() string
	// Confirm gives a time at which the part was up to date, or tells why it cannot be said to be: then
	// the last time counts on. An error that is [Broken] ends [Hold.Run].
	Confirm(ctx context.Context) (time.Time, error)
}

// Broken marks an error that no waiting mends: the process has to begin anew.
type Broken struct{ Err error }

// Error is the error's.
func (b Broken) Error() string { return b.Err.Error() }

// Unwrap is the error.
func (b Broken) Unwrap() error { return b.Err }
