package session

import (
	"crypto/rand"
	"crypto/sha256"
	"encoding/base64"
	"sync"
	"time"

	"plumbline.dev/services/internal/clock"
)

// Limits of sessions and links.
const (
	Idle        = 12 * time.Hour     // a session ends after this time without a request
	Lifetime    = 7 * 24 * time.Hour // a session ends after this time
	LinkTime    = 15 * time.Minute   // a link works for this time
	maxSessions = 10_000             // above it, the session unused for longest ends
	maxLinks    = 1_000              // above it, the oldest link ends
	ownSessions = 100                // of one person; above it, theirs unused for longest ends
	ownLinks    = 20                 // of one person; above it, their oldest ends
)

// LinkMinutes is [LinkTime] as people read it.
const LinkMinutes = "15 minutes"

// Store holds sessions and one-time links. It is safe for concurrent use.
type Store struct {
	clock    clock.Clock
	mu       sync.Mutex
	sessions entries
	links    entries
}

// key is the hash of a secret, so that a dump of the memory's maps holds no cookie.
type key [sha256.Size]byte

// NewStore returns a store without sessions.
func NewStore(c clock.Clock) *Store {
	return &Store{clock: c, sessions: newEntries(maxSessions, ownSessions), links: newEntries(maxLinks, ownLinks)}
}

// Begin starts a session and returns the secret of its cookie.
func (s *Store) Begin(p Person) string {
	secret, k := newSecret()
	s.mu.Lock()
	defer s.mu.Unlock()
	s.sessions.insert(k, p, s.clock.Now())
	return secret
}

// Find returns the person of a session. With use, the session counts as used: what the browser loads by itself does not
// keep a session.
func (s *Store) Find(secret string, use bool) (Person, bool) {
	s.mu.Lock()
	defer s.mu.Unlock()
	k, now := keyOf(secret), s.clock.Now()
	e, ok := s.sessions.all[k]
	if !ok {
		return Person{}, false
	}
	if now.Sub(e.used) >= Idle || now.Sub(e.began) >= Lifetime {
		s.sessions.remove(k)
		return Person{}, false
	}
	if use {
		e.used = now
	}
	return e.person, true
}

// End ends a session.
func (s *Store) End(secret string) {
	s.mu.Lock()
	defer s.mu.Unlock()
	s.sessions.remove(keyOf(secret))
}

// Link returns the code of a one-time link that logs a person in.
func (s *Store) Link(p Person) string {
	secret, k := newSecret()
	s.mu.Lock()
	defer s.mu.Unlock()
	s.links.insert(k, p, s.clock.Now())
	return secret
}

// Look returns the person whom a link would log in. It does not use the link up.
func (s *Store) Look(code string) (Person, bool) {
	s.mu.Lock()
	defer s.mu.Unlock()
	e, ok := s.links.all[keyOf(code)]
	if !ok || s.clock.Now().Sub(e.began) >= LinkTime {
		return Person{}, false
	}
	return e.person, true
}

// Redeem uses up a link. It reports false if the link was used, expired or never existed.
func (s *Store) Redeem(code string) (Person, bool) {
	s.mu.Lock()
	defer s.mu.Unlock()
	k := keyOf(code)
	e, ok := s.links.all[k]
	s.links.remove(k)
	if !ok || s.clock.Now().Sub(e.began) >= LinkTime {
		return Person{}, false
	}
	return e.person, true
}

// Len returns the number of sessions, those that expired included.
func (s *Store) Len() int {
	s.mu.Lock()
	defer s.mu.Unlock()
	return len(s.sessions.all)
}

func newSecret() (string, key) {
	b := make([]byte, 32)
	_, _ = rand.Read(b) // it never fails
	secret := base64.RawURLEncoding.EncodeToString(b)
	return secret, keyOf(secret)
}

func keyOf(secret string) key { return sha256.Sum256([]byte(secret)) }
