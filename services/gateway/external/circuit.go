package external

import (
	"sync"
	"time"
)

// A circuit opens after so many failures in a row, for so long at first, twice as long each time the trial
// after it fails too, up to a bound.
const (
	failuresToOpen = 5
	openFor        = 5 * time.Second
	openAtMost     = time.Minute
)

// circuit keeps callers away from an endpoint that fails. The zero value is closed. It is safe for
// concurrent use.
type circuit struct {
	mu       sync.Mutex
	failures int           // in a row
	pause    time.Duration // 0: closed
	until    time.Time     // open until then; after that one call is a trial
	trial    bool          // under way
}

// admits tells whether a call may be made now. One that is must be followed by ended or passed.
func (c *circuit) admits(now time.Time) bool {
	c.mu.Lock()
	defer c.mu.Unlock()
	switch {
	case c.pause == 0:
		return true
	case c.trial || now.Before(c.until):
		return false
	}
	c.trial = true
	return true
}

// passed is the end of a call that says nothing about the endpoint.
func (c *circuit) passed() {
	c.mu.Lock()
	defer c.mu.Unlock()
	c.trial = false
}

// ended is the end of a call. opened and closed tell what it changed.
func (c *circuit) ended(now time.Time, well bool) (opened, closed bool) {
	c.mu.Lock()
	defer c.mu.Unlock()
	trial := c.trial
	c.trial = false
	if well {
		closed = c.pause > 0
		c.failures, c.pause = 0, 0
		return false, closed
	}
	c.failures++
	switch {
	case c.pause == 0 && c.failures >= failuresToOpen:
		c.pause = openFor
		opened = true
	case c.pause > 0 && trial:
		c.pause = min(2*c.pause, openAtMost)
	default:
		return false, false
	}
	c.until = now.Add(c.pause)
	return opened, false
}
