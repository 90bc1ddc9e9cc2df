package servicetoken

import (
	"context"
	"log/slog"
	"sync"
	"sync/atomic"
	"time"

	"plumbline.dev/bus"
	"plumbline.dev/bus/topology"
	"plumbline.dev/proto"
)

// Seen keeps, in TOKENS, when service tokens were last found right. Of a token it writes at most one note a
// minute, whatever its use, and none in the way of a request: what editors and people read from it is good to
// about a minute. It is safe for concurrent use.
type Seen struct {
	conn *bus.Conn
	log  *slog.Logger

	mu   sync.RWMutex
	last map[user]*atomic.Int64 // the proto.Millis of its newest note
	due  []use
}

type user struct {
	account  proto.Account
	clientID string
}

type use struct {
	user
	at proto.Millis
}

const (
	// seenEvery is how often a token's use is noted.
	seenEvery = time.Minute
	// seenWritten is how often notes are written.
	seenWritten = time.Second
	// seenAtOnce is how many are written together.
	seenAtOnce = 256
	// seenLastWords is how long notes may be written after the end.
	seenLastWords = 2 * time.Second
)

// NewSeen makes a keeper of notes; they are written while [Seen.Run] runs.
func NewSeen(conn *bus.Conn, log *slog.Logger) *Seen {
	return &Seen{conn: conn, log: log, last: map[user]*atomic.Int64{}}
}

// Note takes note that the credentials of a service token were found right, and returns at once. The Client ID
// must be the record's, not what a request brought: a note is kept for whatever it is given.
func (s *Seen) Note(account proto.Account, clientID string, now time.Time) {
	u, at := user{account, clientID}, proto.At(now)
	s.mu.RLock()
	last := s.last[u]
	s.mu.RUnlock()
	if last == nil {
		last = s.first(u)
	}
	before := last.Load()
	if !seenDue(proto.Millis(before), at) || !last.CompareAndSwap(before, int64(at)) {
		return
	}
	s.mu.Lock()
	s.due = append(s.due, use{u, at})
	s.mu.Unlock()
}

func (s *Seen) first(u user) *atomic.Int64 {
	s.mu.Lock()
	defer s.mu.Unlock()
	if s.last[u] == nil {
		s.last[u] = new(atomic.Int64)
	}
	return s.last[u]
}

// seenDue tells whether a use is to be noted after the last note: also where the clock was set back.
func seenDue(last, at proto.Millis) bool {
	since := at.Time().Sub(last.Time())
	return last == 0 || since >= seenEvery || since <= -seenEvery
}

// Run writes notes until ctx ends, then those that are left. A note that cannot be written is forgotten: the
// token's next use makes another.
func (s *Seen) Run(ctx context.Context) error {
	tick := time.NewTicker(seenWritten)
	defer tick.Stop()
	for {
		select {
		case <-tick.C:
			s.write(ctx)
		case <-ctx.Done():
			last, cancel := context.WithTimeout(context.WithoutCancel(ctx), seenLastWords)
			defer cancel()
			s.write(last)
			return nil
		}
	}
}

// write writes what is due. Notes of several replicas are not ordered among each other: the last one written
// stands, and is a few seconds from the newest at worst.
func (s *Seen) write(ctx context.Context) {
	s.mu.Lock()
	due := s.due
	s.due = nil
	s.mu.Unlock()
	if len(due) == 0 {
		return
	}
	var lost []user
	var why error
	for rest := due; len(rest) > 0; {
		part := rest[:min(len(rest), seenAtOnce)]
		rest = rest[len(part):]
		out, from := make([]bus.Outgoing, 0, len(part)), make([]use, 0, len(part))
		for _, u := range part {
			if key, err := topology.TokenSeenKey(u.account, u.clientID); err == nil {
				out = append(out, bus.Outgoing{Subject: topology.BucketSubject(topology.Tokens, key), Body: &proto.TokenSeen{At: u.at}})
				from = append(from, u)
			}
		}
		for i, err := range s.conn.PublishAll(ctx, out) {
			if err != nil {
				lost, why = append(lost, from[i].user), err
			}
		}
	}
	if len(lost) > 0 {
		s.log.Warn("the use of service tokens was not noted; it will be with their next use", "tokens", len(lost), "err", why)
	}
	s.forget(lost, due[len(due)-1].at)
}

// forget lets go of tokens whose next use is to be noted whenever it comes.
func (s *Seen) forget(lost []user, now proto.Millis) {
	s.mu.Lock()
	defer s.mu.Unlock()
	for _, u := range lost {
		delete(s.last, u)
	}
	for u, last := range s.last {
		if seenDue(proto.Millis(last.Load()), now) {
			delete(s.last, u)
		}
	}
}
