package login

import (
	"context"
	"errors"
	"log/slog"
	"strings"
	"sync"
	"time"

	"plumbline.dev/bus"
	"plumbline.dev/bus/topology"
	"plumbline.dev/bus/view"
	"plumbline.dev/proto"
	"plumbline.dev/services/internal/clock"
)

// Sessions holds the logins of every account, kept up to date by a watch. A session ended elsewhere is invalid as
// soon as the change arrives, and a revoked one as soon as the revocation does. It is safe for concurrent use.
type Sessions struct {
	*view.View
	revoked Revoked
	conn    *bus.Conn
	log     *slog.Logger
	clock   clock.Clock

	mu   sync.RWMutex
	held map[string]heldSession // by nonce, which is long enough to be unique
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

// Revoked reports whether a session of an account has been revoked. It must be safe for concurrent use.
type Revoked func(proto.Account, *proto.Session) bool

// NewSessions returns an empty view. [Sessions.Run] fills it.
func NewSessions(conn *bus.Conn, log *slog.Logger, c clock.Clock, revoked Revoked) *Sessions {
	s := &Sessions{conn: conn, log: log, clock: c, revoked: revoked, held: map[string]heldSession{}}
	s.View = view.New(conn, topology.Sessions, []string{topology.AllSessionKeys}, s.apply)
	return s
}

// Run maintains the view until ctx ends. It may be run again afterwards.
func (s *Sessions) Run(ctx context.Context) error {
	watching, cancel := context.WithCancel(ctx)
	var sweeper sync.WaitGroup
	defer sweeper.Wait()
	defer cancel()
	sweeper.Go(func() { s.forget(watching) })
	return s.View.Run(watching)
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

// Session returns a person's login, or false if it does not exist, has ended or was revoked. It must not be modified.
func (s *Sessions) Session(account proto.Account, nonce string) (*proto.Session, bool) {
	h, ok := s.find(nonce)
	return h.Session, ok && h.account == account
}

// find returns a login of any account.
func (s *Sessions) find(nonce string) (heldSession, bool) {
	s.mu.RLock()
	h, ok := s.held[nonce]
	s.mu.RUnlock()
	if !ok || h.ExpiresAt <= proto.At(s.clock.Now()) || s.revoked(h.account, h.Session) {
		return heldSession{}, false
	}
	return h, true
}

// holds reports whether the view has a session, even an expired one.
func (s *Sessions) holds(nonce string) bool {
	s.mu.RLock()
	defer s.mu.RUnlock()
	_, ok := s.held[nonce]
	return ok
}
