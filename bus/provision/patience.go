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
// however long ctx lasts. firstQuestion is the timeout of the first request to a cluster that may have no leader yet.
const (
	oneQuestion   = 5 * time.Second
	firstQuestion = 250 * time.Millisecond
)

// awaitJetStream waits for a leader: a newly started server or cluster has none at first. The timeout of its requests
// doubles from firstQuestion to oneQuestion.
func (p *provisioner) awaitJetStream(ctx context.Context) error {
	for timeout := firstQuestion; ; timeout = min(2*timeout, oneQuestion) {
		attempt, cancel := context.WithTimeout(ctx, timeout)
		_, err := p.JetStream().AccountInfo(attempt)
		cancel()
		if err == nil {
			return nil
		}
		select {
		case <-ctx.Done():
			return fmt.Errorf("JetStream is not available: %w", errors.Join(err, context.Cause(ctx)))
		case <-time.After(100 * time.Millisecond):
		}
	}
}
