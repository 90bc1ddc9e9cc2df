package staleness

import (
	"context"
	"errors"
	"fmt"
	"sync"
	"time"
)

const (
	// confirmEvery is the interval between confirmations of a part.
	confirmEvery = time.Second
	// firstConfirm is the first interval, which then grows: most starts take only a moment.
	firstConfirm = 20 * time.Millisecond
	// confirmTimeout bounds one confirmation.
	confirmTimeout = 2 * time.Second
)

// errPending is the error of a slow attempt.
var errPending = errors.New("no answer yet")

// Run confirms the parts until ctx ends, each independently. It returns an error if a part is beyond repair.
func (g *Guard) Run(ctx context.Context) error {
	ctx, stop := context.WithCancelCause(ctx)
	defer stop(nil)
	var parts sync.WaitGroup
	for _, p := range g.parts {
		parts.Go(func() {
			wait := firstConfirm
			for ctx.Err() == nil {
				confirmed, err := g.confirm(ctx, p)
				if err != nil {
					stop(err)
					return
				}
				if wait = min(2*wait, confirmEvery); confirmed {
					wait = confirmEvery
				}
				select {
				case <-ctx.Done():
				case <-g.clock.After(wait):
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

// confirm confirms one part once. Its error is Broken.
func (g *Guard) confirm(ctx context.Context, p *held) (ok bool, _ error) {
	bounded, cancel := context.WithTimeout(ctx, confirmTimeout)
	at, err := p.Confirm(bounded)
	cancel()
	if ctx.Err() != nil {
		return false, nil
	}
	p.mu.Lock()
	p.err = err
	if err == nil && at.After(p.at) {
		p.at = at
	}
	since := p.at
	p.mu.Unlock()
	g.updateOldest()
	var broken Broken
	if errors.As(err, &broken) {
		return false, Broken{fmt.Errorf("%s: %w", p.Name(), broken.Err)}
	}
	g.tell(p, since, err)
	return err == nil, nil
}

// updateOldest updates the oldest confirmation.
func (g *Guard) updateOldest() {
	var oldest time.Time
	for i, p := range g.parts {
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
	g.oldest.Store(&oldest)
}

// warnAfter is how long a part may be unconfirmed before a warning is logged.
const warnAfter = 5 * time.Second

func (g *Guard) tell(p *held, since time.Time, err error) {
	switch {
	case err == nil && p.told:
		p.told = false
		g.log.Info("confirmed again", "part", p.Name())
	case err != nil && !p.told && !since.IsZero() && g.clock.Now().Sub(since) > warnAfter:
		p.told = true
		g.log.Warn("failed to confirm data, continuing with the last known state", "part", p.Name(), "since", since, "for",
			g.limit, "err", err)
	}
}
