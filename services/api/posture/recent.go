package posture

import (
	"context"
	"sync"
	"time"

	"plumbline.dev/proto"
)

// Bounds of the lines of recent changes: how old they may be, because names may have changed since, and their number.
const (
	recentAge = 10 * time.Second
	maxRecent = 5000
)

// recentLines keeps the lines of changes that were read lately. Everybody who follows an account's log asks for the
// same ones within seconds, and each line takes the entry of a page to make. It is safe for concurrent use.
type recentLines struct {
	making  chan struct{} // full while lines are made
	mu      sync.Mutex
	changes map[recentKey]recentChange
	lines   int
}

type recentKey struct {
	account proto.Account
	seq     uint64 // of the change
}

// recentChange has a line for each device of a change; nil for a device without a result. Lines are never changed.
type recentChange struct {
	lines []*postureLine
	at    time.Time
}

func newRecentLines() *recentLines { return &recentLines{making: make(chan struct{}, 1)} }

// begin waits until nobody else makes lines. The caller calls done afterwards.
func (r *recentLines) begin(ctx context.Context) (done func(), err error) {
	select {
	case r.making <- struct{}{}:
		return func() { <-r.making }, nil
	case <-ctx.Done():
		return nil, context.Cause(ctx)
	}
}

// get returns the lines of a change.
func (r *recentLines) get(k recentKey, now time.Time) ([]*postureLine, bool) {
	r.mu.Lock()
	defer r.mu.Unlock()
	c, found := r.changes[k]
	return c.lines, found && now.Sub(c.at) < recentAge
}

// add keeps the lines of a change. If there are too many, it forgets the outdated ones, or else all.
func (r *recentLines) add(k recentKey, lines []*postureLine, now time.Time) {
	r.mu.Lock()
	defer r.mu.Unlock()
	r.forget(k)
	if r.lines+len(lines) > maxRecent {
		for old, c := range r.changes {
			if now.Sub(c.at) >= recentAge {
				r.forget(old)
			}
		}
	}
	if r.changes == nil || r.lines+len(lines) > maxRecent {
		r.changes, r.lines = map[recentKey]recentChange{}, 0
	}
	r.changes[k] = recentChange{lines, now}
	r.lines += len(lines)
}

func (r *recentLines) forget(k recentKey) {
	r.lines -= len(r.changes[k].lines)
	delete(r.changes, k)
}
