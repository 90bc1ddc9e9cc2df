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

const (
	// every is how often each part is confirmed.
	every = time.Second
	// patience bounds one confirmation.
	patience = 2 * time.Second
)

// Part is something that a gateway decides by and that may grow old.
type Part interface {
	// Name is for logs and errors: "inventory".
	Name() string
	// Confirm gives a time at which the part was up to date, or tells why it cannot be said to be: then
	// the last time counts on. An error that is [Broken] ends [Hold.Run].
	Confirm(ctx context.Context) (time.Time, error)
}

// Broken marks an error that no waiting mends: the process has to begin anew.
type Broken struct{ Err error }

// Error is the error's.
func (b Broken) Error() string { return b.Err.Error() }

// Unwrap is the error.
func (b Broken) Unwrap() error { return b.Err }

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

// errPending is an attempt that takes long.
var errPending = errors.New("no answer yet")

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

// Run confirms the parts until ctx ends, each by itself: one that does not answer holds up no other. An error
// means that a part is beyond repair.
func (h *Hold) Run(ctx context.Context) error {
	ctx, stop := context.WithCancelCause(ctx)
	defer stop(nil)
	var parts sync.WaitGroup
	for _, p := range h.parts {
		parts.Go(func() {
			for ctx.Err() == nil {
				if err := h.confirm(ctx, p); err != nil {
					stop(err)
					return
				}
				select {
				case <-ctx.Done():
				case <-h.clock.After(every):
				}
			}
		})
	}
	parts.Wait()
	var broken Broken
	if errors.As(context.Cause(ctx), &broken) {
		return broken
	}
	return nil
}

// confirm asks one part once. Its error is Broken.
func (h *Hold) confirm(ctx context.Context, p *held) error {
	bounded, cancel := context.WithTimeout(ctx, patience)
	at, err := p.Confirm(bounded)
	cancel()
	if ctx.Err() != nil {
		return nil
	}
	p.mu.Lock()
	p.err = err
	if err == nil && at.After(p.at) {
		p.at = at
	}
	since := p.at
	p.mu.Unlock()
	h.reckon()
	var broken Broken
	if errors.As(err, &broken) {
		return Broken{fmt.Errorf("%s: %w", p.Name(), broken.Err)}
	}
	h.tell(p, since, err)
	return nil
}

// reckon works out the oldest confirmation.
func (h *Hold) reckon() {
	var oldest time.Time
	for i, p := range h.parts {
		p.mu.Lock()
		at := p.at
		p.mu.Unlock()
		if at.IsZero() {
			return
		}
		if i == 0 || at.Before(oldest) {
			oldest = at
		}
	}
	h.oldest.Store(&oldest)
}

// quiet is for how long a part may be unconfirmed before the log says so: a moment behind is no news.
const quiet = 5 * time.Second

func (h *Hold) tell(p *held, since time.Time, err error) {
	switch {
	case err == nil && p.told:
		p.told = false
		h.log.Info("confirmed again", "part", p.Name())
	case err != nil && !p.told && !since.IsZero() && h.clock.Now().Sub(since) > quiet:
		p.told = true
		h.log.Warn("cannot confirm what is decided by, going on with what was last known", "part", p.Name(), "since", since, "for", h.limit, "err", err)
	}
}
