package store

import (
	"context"
	"sync"

	"plumbline.dev/proto"
)

// Bounds of the large reads in progress: of the whole inventory, or of much of a log. Further ones wait. One account
// never has all places.
const (
	maxScans        = 4
	maxAccountScans = maxScans - 1
)

// scans bounds large reads, in all and of each account. It is safe for concurrent use.
type scans struct {
	all chan struct{}

	mu sync.Mutex
	of map[proto.Account]*accountScans
}

// accountScans are the places of an account.
type accountScans struct {
	places chan struct{}
	users  int // requests that wait or read; guarded by the mutex of scans
}

func newScans() *scans {
	return &scans{all: make(chan struct{}, maxScans), of: map[proto.Account]*accountScans{}}
}

// enter returns the places of an account. The caller must call leave later.
func (s *scans) enter(a proto.Account) *accountScans {
	s.mu.Lock()
	defer s.mu.Unlock()
	own := s.of[a]
	if own == nil {
		own = &accountScans{places: make(chan struct{}, maxAccountScans)}
		s.of[a] = own
	}
	own.users++
	return own
}

func (s *scans) leave(a proto.Account, own *accountScans) {
	s.mu.Lock()
	defer s.mu.Unlock()
	if own.users--; own.users == 0 {
		delete(s.of, a)
	}
}

// acquire waits for a place of the account, and then for one of all places.
func (s *scans) acquire(ctx context.Context, a proto.Account) (done func(), err error) {
	own := s.enter(a)
	select {
	case own.places <- struct{}{}:
	case <-ctx.Done():
		s.leave(a, own)
		return nil, ctx.Err()
	}
	free := func() {
		<-own.places
		s.leave(a, own)
	}
	select {
	case s.all <- struct{}{}:
		return func() { <-s.all; free() }, nil
	case <-ctx.Done():
		free()
		return nil, ctx.Err()
	}
}

// AcquireScan waits for permission to run a large read for an account; done releases it. A caller must not hold it
// while it waits for its client: the places are few, and a client may read as slowly as it likes.
func (s *Store) AcquireScan(ctx context.Context, a proto.Account) (done func(), err error) {
	return s.scans.acquire(ctx, a)
}
