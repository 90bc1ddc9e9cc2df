package keyring

import (
	"sync"
	"sync/atomic"
	"time"

	"golang.org/x/sync/singleflight"
	"plumbline.dev/proto"
)

// serviceKey is what a token is kept for: any change of the service token or the application wants another.
// Without a service token it is anybody's, made for a policy and a certificate's common name.
type serviceKey struct {
	token         proto.ID
	tokenRevision uint64
	app           proto.ID
	appRevision   uint64
	policy        proto.ID
	commonName    string
}

// obtained is a token of a service.
type obtained struct {
	token string
	// renew is when the next one is asked for, until when this one is handed out.
	renew, until time.Time
	tried        atomic.Int64 // when the next one was last asked for, in Unix nanoseconds
}

// services are the tokens of services.
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

// keep keeps a token that has some life left. The exchange hands one token out until a tenth of its life, or
// five minutes, is left: before that there is no other to be had.
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
		token: answer.Token, renew: expires.Add(-min(left/10, 5*time.Minute)), until: expires.Add(-min(left/20, 30*time.Second)),
	}
}

// makeRoom drops the tokens that are over, and where that is not enough, some others.
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
