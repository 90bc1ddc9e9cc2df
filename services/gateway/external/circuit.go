package external

import (
	"sync"
	"time"
)

// A circuit opens after failuresToOpen consecutive failures, first for openFor. Each failed trial doubles the time,
// up to openAtMost.
const (
	failuresToOpen = 5
	openFor        = 5 * time.Second
	openAtMost     = time.Minute
)

// circuit stops calls to a failing endpoint. The zero value is closed. It is safe for concurrent use.
type circuit struct {
	mu       sync.Mutex
	failures int           // consecutive
	pause    time.Duration // 0: closed
	until    time.Time     // open until then; afterwards one call is a trial
	trial    bool          // in progress
}

// admits reports whether a call may be made now. If so, ended or passed must follow.
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

// passed ends a call without a result about the endpoint.
func (c *circuit) passed() {
	c.mu.Lock()
	defer c.mu.Unlock()
	c.trial = false
}

// ended ends a call. opened and closed report a change of the circuit.
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
