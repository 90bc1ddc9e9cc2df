package provision

import (
	"context"
	"errors"
	"fmt"
	"time"

	"plumbline.dev/bus/servererr"
)

// A newly started cluster has no leader for a moment, and does not yet know all its servers and their disks.
const (
	settled = time.Minute
	// settledAgain is for an operation after another one that waited for settled.
	settledAgain = 2 * time.Second

	oneAttempt  = 10 * time.Second
	nextAttempt = 250 * time.Millisecond
)

// patiently retries do until it succeeds, fails permanently, or patience, the time for a cluster to settle, is over.
// The operation must be idempotent.
func patiently(ctx context.Context, patience time.Duration, do func(context.Context) error) error {
	for end := time.Now().Add(patience); ; {
		attempt, cancel := context.WithTimeout(ctx, oneAttempt)
		err := do(attempt)
		cancel()
		if err == nil || !servererr.IsUnsettled(err) || time.Now().After(end) {
			return err
		}
		select {
		case <-time.After(nextAttempt):
		case <-ctx.Done():
			return err
		}
	}
}

// oneQuestion is the timeout of one request. A request sent before the cluster had a leader is never answered,
// however long ctx lasts. nextQuestion is the time between the requests of awaitJetStream.
const (
	oneQuestion  = 5 * time.Second
	nextQuestion = 250 * time.Millisecond
)

// awaitJetStream waits for a leader: a newly started server or cluster has none at first. It sends the next request
// while earlier ones are unanswered. So a leader is noticed soon after its election, and a slow one as well.
func (p *provisioner) awaitJetStream(ctx context.Context) error {
	asking, stop := context.WithCancel(ctx)
	defer stop()
	answers := make(chan error)
	next := time.NewTicker(nextQuestion)
	defer next.Stop()
	var last error
	for {
		go func() {
			attempt, cancel := context.WithTimeout(asking, oneQuestion)
			defer cancel()
			_, err := p.JetStream().AccountInfo(attempt)
			select {
			case answers <- err:
			case <-asking.Done():
			}
		}()
		for waiting := true; waiting; {
			select {
			case err := <-answers:
				if err == nil {
					return nil
				}
				last = err
			case <-next.C:
				waiting = false
			case <-ctx.Done():
				return fmt.Errorf("JetStream is not available: %w", errors.Join(last, context.Cause(ctx)))
			}
		}
	}
}
