package machine

import (
	"sync"
	"time"
)

// beat is the sleep interval of a watch's goroutine.
const beat = 5 * time.Millisecond

// Watch is a stopwatch excluding the time during which the process was not scheduled. It allows testing a limit such
// as "within a second" on a busy machine: its goroutine sleeps for a few milliseconds at a time and measures how late
// it wakes up. A Watch is safe for concurrent use.
type Watch struct {
	begin time.Time
	end   chan struct{}

	mu   sync.Mutex
	at   time.Time // the newest beat
	late time.Duration
}

// Start starts a watch. It runs until [Watch.Stop] is called.
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

// Elapsed returns the elapsed time.
func (w *Watch) Elapsed() time.Duration {
	w.mu.Lock()
	defer w.mu.Unlock()
	now := time.Now()
	return now.Sub(w.begin) - w.late - max(0, now.Sub(w.at)-beat)
}

// Stop stops the watch. It must be called once.
func (w *Watch) Stop() { close(w.end) }

// Took returns the duration of f, measured by a [Watch].
func Took(f func()) (took time.Duration) {
	w := Start()
	defer w.Stop() // f may end the test
	f()
	return w.Elapsed()
}
