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

// Sessions is the logins of every account, kept up to date by a watch: one that was ended elsewhere counts as
// such for the next question after the change has arrived. It is safe for concurrent use.
type Sessions struct {
	conn  *bus.Conn
	log   *slog.Logger
	clock clock.Clock

	mu       sync.RWMutex
	held     map[string]held // by nonce, which is unique by its length
	revision uint64
	caught   bool
	changed  chan struct{}
}

// held is a session and where its record stands.
type held struct {
	*proto.Session
	account  proto.Account
	revision uint64
}

// provider is the identity provider of the session; of none, no provider.
func (h held) provider() proto.ID {
	if h.Session == nil {
		return proto.ID{}
	}
	return h.IDP
}

// sweep is how often sessions that have expired are forgotten: the server tells nobody when their records do.
const sweep = 10 * time.Minute

// NewSessions makes a view; it is empty until [Sessions.Run] has caught up.
func NewSessions(conn *bus.Conn, log *slog.Logger, c clock.Clock) *Sessions {
	return &Sessions{conn: conn, log: log, clock: c, held: map[string]held{}, changed: make(chan struct{})}
}

// Run keeps the view until ctx ends. It may be run again after it ended.
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
		err = errors.New("it is not the session that its key names")
	}
	if err != nil {
		// One record that cannot be read must not take the others away; its session does not count.
		s.conn.Unreadable(topology.BucketStream(topology.Sessions), redacted(u.Key), u.Revision, err)
		return nil
	}
	s.held[nonce] = held{Session: v, account: topology.AccountOf(u.Key), revision: u.Revision}
	return nil
}

// redacted is a key without its nonce, which is half of a login.
func redacted(key string) string { return key[:strings.LastIndexByte(key, '.')+1] + "…" }

// announce wakes who waits for a change; the lock is held.
func (s *Sessions) announce() {
	close(s.changed)
	s.changed = make(chan struct{})
}

// Session gives a person's login, false where there is none, or none any more. It must not be modified.
func (s *Sessions) Session(account proto.Account, nonce string) (*proto.Session, bool) {
	h, ok := s.find(nonce)
	return h.Session, ok && h.account == account
}

// find gives a login of whatever account.
func (s *Sessions) find(nonce string) (held, bool) {
	s.mu.RLock()
	h, ok := s.held[nonce]
	s.mu.RUnlock()
	if !ok || h.ExpiresAt <= proto.At(s.clock.Now()) {
		return held{}, false
	}
	return h, true
}

// Revision is the newest revision of SESSIONS that the view has seen. It never decreases; what is no session
// does not count.
func (s *Sessions) Revision() uint64 {
	s.mu.RLock()
	defer s.mu.RUnlock()
	return s.revision
}

// Await waits until the view holds what the bucket held when Run began.
func (s *Sessions) Await(ctx context.Context) error {
	return s.await(ctx, func() bool { return s.caught })
}

// AwaitRevision waits until the view has seen a revision of a session.
func (s *Sessions) AwaitRevision(ctx context.Context, revision uint64) error {
	return s.await(ctx, func() bool { return s.revision >= revision })
}

// await waits until ok, which is asked under the lock.
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
			return fmt.Errorf("the view of SESSIONS is not as far yet: %w", context.Cause(ctx))
		}
	}
}
