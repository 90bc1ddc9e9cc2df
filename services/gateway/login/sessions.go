package login

import (
	"context"
	"errors"
	"fmt"
	"log/slog"
	"strings"
	"sync"
	"time"

	"plumbline.dev/bus"
	"plumbline.dev/bus/topology"
	"plumbline.dev/proto"
	"plumbline.dev/services/internal/clock"
)

// Sessions holds the logins of every account, kept up to date by a watch. A session ended elsewhere is invalid as
// soon as the change arrives. It is safe for concurrent use.
type Sessions struct {
	conn  *bus.Conn
	log   *slog.Logger
	clock clock.Clock

	mu       sync.RWMutex
	held     map[string]heldSession // by nonce, which is long enough to be unique
	revision uint64
	caught   bool
	changed  chan struct{}
}

// heldSession is a session with the account and revision of its record.
type heldSession struct {
	*proto.Session
	account  proto.Account
	revision uint64
}

// provider returns the session's identity provider; zero without a session.
func (h heldSession) provider() proto.ID {
	if h.Session == nil {
		return proto.ID{}
	}
	return h.IDP
}

// sweep is the interval for removing expired sessions. The server sends no event when their records expire.
const sweep = 10 * time.Minute

// NewSessions returns an empty view. [Sessions.Run] fills it.
func NewSessions(conn *bus.Conn, log *slog.Logger, c clock.Clock) *Sessions {
	return &Sessions{conn: conn, log: log, clock: c, held: map[string]heldSession{}, changed: make(chan struct{})}
}

// Run maintains the view until ctx ends. It may be run again afterwards.
func (s *Sessions) Run(ctx context.Context) error {
	if err := s.conn.AwaitTopology(ctx, topology.BucketStream(topology.Sessions)); err != nil {
		if ctx.Err() != nil {
			return nil
		}
		return err
	}
	watching, cancel := context.WithCancel(ctx)
	var sweeper sync.WaitGroup
	defer sweeper.Wait()
	defer cancel()
	sweeper.Go(func() { s.forget(watching) })
	err := s.conn.Watch(watching, topology.Sessions, []string{topology.AllSessionKeys}, s.apply, func() {
		s.mu.Lock()
		defer s.mu.Unlock()
		s.caught = true
		s.announce()
	})
	if ctx.Err() != nil {
		return nil
	}
	return err
}

func (s *Sessions) forget(ctx context.Context) {
	for {
		select {
		case <-s.clock.After(sweep):
		case <-ctx.Done():
			return
		}
		now := proto.At(s.clock.Now())
		s.mu.Lock()
		for nonce, h := range s.held {
			if h.ExpiresAt <= now {
				delete(s.held, nonce)
			}
		}
		s.mu.Unlock()
	}
}

func (s *Sessions) apply(u bus.Update) error {
	s.mu.Lock()
	defer s.mu.Unlock()
	defer s.announce()
	s.revision = max(s.revision, u.Revision)
	_, nonce, _ := strings.Cut(strings.TrimPrefix(u.Key, topology.AccountOf(u.Key).String()+"."), ".")
	delete(s.held, nonce)
	if u.Deleted {
		return nil
	}
	v := new(proto.Session)
	err := u.Decode(v)
	if err == nil && (v.Nonce != nonce || !isNonce(nonce)) {
		err = errors.New("the session does not match its key")
	}
	if err != nil {
		// One unreadable record must not affect the others; its session is invalid.
		s.conn.Unreadable(topology.BucketStream(topology.Sessions), redacted(u.Key), u.Revision, err)
		return nil
	}
	s.held[nonce] = heldSession{Session: v, account: topology.AccountOf(u.Key), revision: u.Revision}
	return nil
}

// redacted returns a key without its nonce, which is half of a credential.
func redacted(key string) string { return key[:strings.LastIndexByte(key, '.')+1] + "…" }

// announce wakes all waiters. The lock must be held.
func (s *Sessions) announce() {
	close(s.changed)
	s.changed = make(chan struct{})
}

// Session returns a person's login; false if it does not exist or has ended. It must not be modified.
func (s *Sessions) Session(account proto.Account, nonce string) (*proto.Session, bool) {
	h, ok := s.find(nonce)
	return h.Session, ok && h.account == account
}

// find returns a login of any account.
func (s *Sessions) find(nonce string) (heldSession, bool) {
	s.mu.RLock()
	h, ok := s.held[nonce]
	s.mu.RUnlock()
	if !ok || h.ExpiresAt <= proto.At(s.clock.Now()) {
		return heldSession{}, false
	}
	return h, true
}

// Revision returns the newest revision of a session seen by the view. It never decreases.
func (s *Sessions) Revision() uint64 {
	s.mu.RLock()
	defer s.mu.RUnlock()
	return s.revision
}

// Await waits until the view contains everything that the bucket contained when Run began.
func (s *Sessions) Await(ctx context.Context) error {
	return s.await(ctx, func() bool { return s.caught })
}

// AwaitRevision waits until the view has seen a revision of a session.
func (s *Sessions) AwaitRevision(ctx context.Context, revision uint64) error {
	return s.await(ctx, func() bool { return s.revision >= revision })
}

// await waits until ok returns true. It calls ok under the lock.
func (s *Sessions) await(ctx context.Context, ok func() bool) error {
	for {
		s.mu.RLock()
		done, changed := ok(), s.changed
		s.mu.RUnlock()
		if done {
			return nil
		}
		select {
		case <-changed:
		case <-ctx.Done():
			return fmt.Errorf("the view of SESSIONS lags behind: %w", context.Cause(ctx))
		}
	}
}
