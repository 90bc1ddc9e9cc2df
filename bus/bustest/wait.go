package bustest

import (
	"context"
	"fmt"
	"testing"
	"time"
)

// patience is far more than any operation takes on a slow, busy machine. Only failing tests wait this long.
const patience = 3 * time.Minute

// startup limits each step of starting a server or cluster. Provisioning itself may wait for a minute several times.
const startup = 5 * time.Minute

// starting returns a context for one step of starting a server.
func starting(t testing.TB) (context.Context, context.CancelFunc) {
	return context.WithTimeoutCause(t.Context(), startup, fmt.Errorf("the test's bus did not start within %v", startup))
}

// Eventually waits until ok returns true. It fails the test after three minutes.
func Eventually(t testing.TB, what string, ok func() bool) {
	t.Helper()
	EventuallyWhile(context.Background(), t, what, ok)
}

// EventuallyWhile is like [Eventually], but fails the test as soon as ctx ends, with its cause: the process expected
// to make ok true has ended.
func EventuallyWhile(ctx context.Context, t testing.TB, what string, ok func() bool) {
	t.Helper()
	deadline := time.Now().Add(patience)
	for !ok() {
		if ctx.Err() != nil {
			t.Fatalf("%v, and not yet: %s", context.Cause(ctx), what)
		}
		if time.Now().After(deadline) {
			t.Fatalf("after %v still not: %s", patience, what)
		}
		<-time.After(5 * time.Millisecond)
	}
}
