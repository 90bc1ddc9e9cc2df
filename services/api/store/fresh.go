package store

import (
	"context"
	"time"
)

// ViewTimeout bounds how long a request waits for a view to be in sync.
const ViewTimeout = 5 * time.Second

// MaxAttempts bounds how often a change is retried after a lost race.
const MaxAttempts = 8

// Fresh waits until the view of the configuration holds every write that was acknowledged before the call.
func (s *Store) Fresh(ctx context.Context) error {
	return UpToDate(ctx, s.config, s.Catalog)
}

// FreshTokens waits until the view of the tokens includes every write that was acknowledged before the call.
func (s *Store) FreshTokens(ctx context.Context) error {
	return UpToDate(ctx, s.secrets, s.Tokens)
}

// Seen waits until the view of the configuration holds the write of a revision, which the caller made.
func (s *Store) Seen(ctx context.Context, revision uint64) error {
	ctx, cancel := context.WithTimeout(ctx, ViewTimeout)
	defer cancel()
	if err := s.Catalog.AwaitRevision(ctx, revision); err != nil {
		return &unavailableError{message: "the configuration is temporarily unavailable: try again", cause: err}
	}
	return nil
}

type follower interface {
	Revision() uint64
	AwaitRevision(ctx context.Context, revision uint64) error
}

// UpToDate asks the bucket's leader for its position and waits until the view has reached it. Requests call it before
// they write, or after a write that lost a race, so its error tells clients to repeat them.
func UpToDate(ctx context.Context, bucket *LeaderPosition, v follower) error {
	ctx, cancel := context.WithTimeout(ctx, ViewTimeout)
	defer cancel()
	revision, err := bucket.newest(ctx)
	if err == nil {
		err = bucket.reached(ctx, v, revision)
	}
	if err != nil {
		return &unavailableError{"the configuration is temporarily unavailable: try again", err, true}
	}
	return nil
}
