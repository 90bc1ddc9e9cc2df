package keycache

import (
	"sync"
	"sync/atomic"
	"time"

	"golang.org/x/sync/singleflight"
	"plumbline.dev/proto"
)

// serviceKey is the key of a cached token: after any change of the service token or the application a new one is
// needed. Without a service token it is an anonymous token, for a policy and a certificate's common name.
type serviceKey struct {
	token         proto.ID
	tokenRevision uint64
	app           proto.ID
	appRevision   uint64
	policy        proto.ID
	commonName    string
}

// obtained is a cached token.
type obtained struct {
	token string
	// renew is when the next token is requested; until is when this one is no longer used.
	renew, until time.Time
	tried        atomic.Int64 // time of the last request for the next one, in Unix nanoseconds
}

// services caches the tokens of services.
type services struct {
	max     int
	mu      sync.RWMutex
	kept    map[serviceKey]*obtained
	flights singleflight.Group
}

func (s *services) init(max int) {
	if max <= 0 {
		max = 16384
	}
	s.max, s.kept = max, map[serviceKey]*obtained{}
}

func (s *services) find(key serviceKey) *obtained {
	s.mu.RLock()
	defer s.mu.RUnlock()
	return s.kept[key]
}

// keep caches a token unless it has expired. The exchange returns the same token until a tenth of its life, or five
// minutes, is left; requesting another one earlier is useless.
func (s *services) keep(key serviceKey, answer *proto.TokenAnswer, now time.Time) {
	expires := answer.ExpiresAt.Time()
	left := expires.Sub(now)
	if left <= 0 {
		return
	}
	s.mu.Lock()
	defer s.mu.Unlock()
	if _, there := s.kept[key]; !there && len(s.kept) >= s.max {
		s.makeRoom(now)
	}
	s.kept[key] = &obtained{
		token: answer.Token, renew: expires.Add(-min(left/10, 5*time.Minute)),
		until: expires.Add(-min(left/20, 30*time.Second)),
	}
}

// makeRoom drops expired tokens and, if that is not enough, some others.
func (s *services) makeRoom(now time.Time) {
	for key, o := range s.kept {
		if !now.Before(o.until) {
			delete(s.kept, key)
		}
	}
	for key := range s.kept {
		if len(s.kept) <= s.max-max(s.max/8, 1) {
			return
		}
		delete(s.kept, key)
	}
}
