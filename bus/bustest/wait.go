package bustest

import (
	"testing"
	"time"
)

// patience is far more than anything takes on a slow machine with much else to do; it is spent by tests that
// fail alone.
const patience = time.Minute

// Eventually waits until ok holds, or fails the test after a minute.
func Eventually(t testing.TB, what string, ok func() bool) {
	t.Helper()
	deadline := time.Now().Add(patience)
	for !ok() {
		if time.Now().After(deadline) {
			t.Fatalf("after %v still not: %s", patience, what)
		}
		<-time.After(5 * time.Millisecond)
	}
}
