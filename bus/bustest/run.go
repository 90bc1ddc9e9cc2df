package bustest

import (
	"context"
	"sync"
	"testing"
)

// Run runs a service, or a part of one, until stop is called or the test ends. The context of run then ends, and Run
// waits for its return. An error fails the test. It is safe to call stop several times.
func Run(t testing.TB, run func(context.Context) error) (stop func()) {
	t.Helper()
	ctx, cancel := context.WithCancel(context.Background())
	ended := make(chan error, 1)
	go func() { ended <- run(ctx) }()
	stop = sync.OnceFunc(func() {
		cancel()
		if err := <-ended; err != nil {
			t.Errorf("it ended with an error: %v", err)
		}
	})
	t.Cleanup(stop)
	return stop
}
