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
)

// LinkMinutes is [LinkTime] as people read it.
const LinkMinutes = "15 minutes"

// Store holds sessions and one-time links. It is safe for concurrent use.
type Store struct {
	clock    clock.Clock
	mu       sync.Mutex
	sessions map[key]*entry
	links    map[key]*entry
}

// key is the hash of a secret, so that a dump of the memory's maps holds no cookie.
type key [sha256.Size]byte

type entry struct {
	person      Person
	began, used time.Time
}

// NewStore returns a store without sessions.
func NewStore(c clock.Clock) *Store {
	return &Store{clock: c, sessions: map[key]*entry{}, links: map[key]*entry{}}
}

// Begin starts a session and returns the secret of its cookie.
func (s *Store) Begin(p Person) string {
	secret, k := newSecret()
	s.mu.Lock()
	defer s.mu.Unlock()
	s.insert(s.sessions, k, p, maxSessions)
	return secret
}

// Find returns the person of a session. With use, the session counts as used: what the browser loads by itself does not
// keep a session.
func (s *Store) Find(secret string, use bool) (Person, bool) {
	s.mu.Lock()
	defer s.mu.Unlock()
	k, now := keyOf(secret), s.clock.Now()
	e, ok := s.sessions[k]
	if !ok {
		return Person{}, false
	}
	if now.Sub(e.used) >= Idle || now.Sub(e.began) >= Lifetime {
		delete(s.sessions, k)
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
	delete(s.sessions, keyOf(secret))
}

// Link returns the code of a one-time link that logs a person in.
func (s *Store) Link(p Person) string {
	secret, k := newSecret()
	s.mu.Lock()
	defer s.mu.Unlock()
	s.insert(s.links, k, p, maxLinks)
	return secret
}

// Look returns the person whom a link would log in. It does not use the link up.
func (s *Store) Look(code string) (Person, bool) {
	s.mu.Lock()
	defer s.mu.Unlock()
	e, ok := s.links[keyOf(code)]
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
	e, ok := s.links[k]
	delete(s.links, k)
	if !ok || s.clock.Now().Sub(e.began) >= LinkTime {
		return Person{}, false
	}
	return e.person, true
}

// Len returns the number of sessions, those that expired included.
func (s *Store) Len() int {
	s.mu.Lock()
	defer s.mu.Unlock()
	return len(s.sessions)
}

// insert adds an entry. If there are most entries, the one unused for longest ends. The lock is held.
func (s *Store) insert(all map[key]*entry, k key, p Person, most int) {
	if len(all) >= most {
		var oldest key
		var at time.Time
		for k, e := range all {
			if at.IsZero() || e.used.Before(at) {
				oldest, at = k, e.used
			}
		}
		delete(all, oldest)
	}
	now := s.clock.Now()
	all[k] = &entry{person: p, began: now, used: now}
}

func newSecret() (string, key) {
	b := make([]byte, 32)
	_, _ = rand.Read(b) // it never fails
	secret := base64.RawURLEncoding.EncodeToString(b)
	return secret, keyOf(secret)
}

func keyOf(secret string) key { return sha256.Sum256([]byte(secret)) }
