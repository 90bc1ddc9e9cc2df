package machine

import (
	"sync"
	"time"
)

// beat is how long a watch's goroutine sleeps at a time.
const beat = 5 * time.Millisecond

// Watch is a stopwatch that leaves out the time for which the machine had the process wait, so that a promise
// as "within a second" can be tested beside whatever else runs: its goroutine sleeps for a few milliseconds at
// a time, and tells by how much it woke too late. Its methods may be called by several goroutines.
type Watch struct {
	begin time.Time
	end   chan struct{}

	mu   sync.Mutex
	at   time.Time // the newest beat
	late time.Duration
}

// Start begins a watch; it runs until Stop.
func Start() *Watch {
	now := time.Now()
	w := &Watch{begin: now, at: now, end: make(chan struct{})}
	go func() {
		for {
			select {
			case <-w.end:
				return
			case <-time.After(beat):
				w.mu.Lock()
				now := time.Now()
				w.late += max(0, now.Sub(w.at)-beat)
				w.at = now
				w.mu.Unlock()
			}
		}
	}()
	return w
}

// Elapsed is how long it has run.
func (w *Watch) Elapsed() time.Duration {
	w.mu.Lock()
	defer w.mu.Unlock()
	now := time.Now()
	return now.Sub(w.begin) - w.late - max(0, now.Sub(w.at)-beat)
}

// Stop ends the watch, once.
func (w *Watch) Stop() { close(w.end) }

// Took is how long f took, by a watch.
func Took(f func()) (took time.Duration) {
	w := Start()
	defer w.Stop() // f may end the test
	f()
	return w.Elapsed()
}
