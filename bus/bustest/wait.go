package bustest

import (
	"context"
	"fmt"
	"testing"
	"time"
)

// patience is far more than anything takes on a slow machine with much else to do; it is spent by tests that
// fail alone.
const patience = time.Minute

// startup bounds each step of starting a server or a cluster: provisioning waits for up to a minute itself, several
// times at the worst.
const startup = 5 * time.Minute

// starting is the context of such a step.
func starting(t testing.TB) (context.Context, context.CancelFunc) {
	return context.WithTimeoutCause(t.Context(), startup, fmt.Errorf("the test's bus is not there after %v", startup))
}

// Eventually waits until ok holds, or fails the test after a minute.
func Eventually(t testing.TB, what string, ok func() bool) {
	t.Helper()
	EventuallyWhile(context.Background(), t, what, ok)
}

// EventuallyWhile is Eventually, and fails the test with the cause as soon as ctx ends: what would make ok hold does
// not run any more.
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
