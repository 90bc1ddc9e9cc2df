package staleness

import (
	"context"
	"time"
)

// Part is data for decisions that may become stale.
type Part interface {
	// Name is for logs and errors, such as "inventory".
	Name() string
	// Confirm returns a time at which the part was current, or an error if it cannot be confirmed. A [Broken] error
	// ends [Guard.Run].
	Confirm(ctx context.Context) (time.Time, error)
}

// Broken marks an error that requires a restart of the process.
type Broken struct{ Err error }

// Error implements error.
func (b Broken) Error() string { return b.Err.Error() }

// Unwrap returns the error.
func (b Broken) Unwrap() error { return b.Err }
