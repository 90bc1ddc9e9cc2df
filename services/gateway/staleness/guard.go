package staleness

import (
	"context"
	"errors"
	"fmt"
	"log/slog"
	"sync"
	"sync/atomic"
	"time"

	"plumbline.dev/services/internal/clock"
)

// Default is the default limit for deciding on unconfirmed data.
const Default = 5 * time.Minute

// Guard tracks the age of all parts. It is safe for concurrent use.
type Guard struct {
	limit time.Duration
	clock clock.Clock
	log   *slog.Logger
	parts []*held

	// oldest is the oldest of the parts' confirmations; nil until every part has one.
	oldest atomic.Pointer[time.Time]
}

type held struct {
	Part
	mu   sync.Mutex
	at   time.Time // the last time at which it was known to be current
	err  error     // of the newest attempt
	told bool
}

// New returns a guard over parts; limit 0 means [Default]. Nothing is fresh until [Guard.Run] has confirmed it.
func New(limit time.Duration, c clock.Clock, log *slog.Logger, parts ...Part) *Guard {
	if limit <= 0 {
		limit = Default
	}
	g := &Guard{limit: limit, clock: c, log: log}
	for _, p := range parts {
		g.parts = append(g.parts, &held{Part: p})
	}
	return g
}

// Fresh reports whether all data for decisions was current within the limit before now. It costs an atomic load.
func (g *Guard) Fresh(now time.Time) bool {
	oldest := g.oldest.Load()
	return oldest != nil && now.Sub(*oldest) <= g.limit
}

// Age returns the time since all data for decisions was last confirmed; false before the first confirmation.
func (g *Guard) Age(now time.Time) (time.Duration, bool) {
	oldest := g.oldest.Load()
	if oldest == nil {
		return 0, false
	}
	return max(0, now.Sub(*oldest)), true
}

// Err describes each unconfirmed part, with its age and the reason, or nil if the last attempts all succeeded.
func (g *Guard) Err() error {
	var all []error
	for _, p := range g.parts {
		p.mu.Lock()
		at, err := p.at, p.err
		p.mu.Unlock()
		if age := g.clock.Now().Sub(at); err == nil && age > min(warnAfter, g.limit) {
			err = errPending
		}
		switch {
		case at.IsZero():
			all = append(all, fmt.Errorf("%s is not known yet: %w", p.Name(), err))
		case err != nil:
			all = append(all,
				fmt.Errorf("%s is not confirmed for %s: %w", p.Name(), g.clock.Now().Sub(at).Round(time.Second), err))
		}
	}
	return errors.Join(all...)
}

// Ready returns Err if the limit is exceeded or nothing was ever confirmed. It is a readiness check.
func (g *Guard) Ready(context.Context) error {
	if g.Fresh(g.clock.Now()) {
		return nil
	}
	if err := g.Err(); err != nil {
		return err
	}
	return errors.New("the gateway's data is too old")
}
