package hold

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

// Default is for how long a gateway goes on with what it last knew, unless the operator says otherwise.
const Default = 5 * time.Minute

// Hold knows the age of all parts. It is safe for concurrent use.
type Hold struct {
	limit time.Duration
	clock clock.Clock
	log   *slog.Logger
	parts []*held

	// oldest is when the part that was confirmed longest ago was; nil while one never was.
	oldest atomic.Pointer[time.Time]
}

type held struct {
	Part
	mu   sync.Mutex
	at   time.Time // when it was last up to date, as far as is known
	err  error     // of the newest attempt
	told bool
}

// New makes a hold over parts; limit 0 means [Default]. Nothing is fresh until [Hold.Run] has confirmed it.
func New(limit time.Duration, c clock.Clock, log *slog.Logger, parts ...Part) *Hold {
	if limit <= 0 {
		limit = Default
	}
	h := &Hold{limit: limit, clock: c, log: log}
	for _, p := range parts {
		h.parts = append(h.parts, &held{Part: p})
	}
	return h
}

// Fresh tells whether everything that the gateway decides by was up to date within the limit before now. It
// costs an atomic load.
func (h *Hold) Fresh(now time.Time) bool {
	oldest := h.oldest.Load()
	return oldest != nil && now.Sub(*oldest) <= h.limit
}

// Age is for how long nobody knows whether what the gateway decides by is up to date; false before
// everything was for the first time.
func (h *Hold) Age(now time.Time) (time.Duration, bool) {
	oldest := h.oldest.Load()
	if oldest == nil {
		return 0, false
	}
	return max(0, now.Sub(*oldest)), true
}

// Err tells what is not confirmed, since when, and why; nil while everything was at the last attempt.
func (h *Hold) Err() error {
	var all []error
	for _, p := range h.parts {
		p.mu.Lock()
		at, err := p.at, p.err
		p.mu.Unlock()
		if age := h.clock.Now().Sub(at); err == nil && age > min(quiet, h.limit) {
			err = errPending
		}
		switch {
		case at.IsZero():
			all = append(all, fmt.Errorf("%s is not known yet: %w", p.Name(), err))
		case err != nil:
			all = append(all, fmt.Errorf("%s is not confirmed for %s: %w", p.Name(), h.clock.Now().Sub(at).Round(time.Second), err))
		}
	}
	return errors.Join(all...)
}

// Ready is Err where it has lasted beyond the limit, or nothing was ever confirmed: for a readiness check.
func (h *Hold) Ready(context.Context) error {
	if h.Fresh(h.clock.Now()) {
		return nil
	}
	if err := h.Err(); err != nil {
		return err
	}
	return errors.New("what the gateway decides by is too old")
}
