package fleet

import (
	"testing"
	"time"
)

// SetMaxWait sets how long requests that accept outdated results wait for new ones, until the end of the test. It is
// called before the API starts.
func SetMaxWait(t testing.TB, d time.Duration) {
	before := maxWait
	maxWait = d
	t.Cleanup(func() { maxWait = before })
}
