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

// Seen records the last use of service tokens in TOKEN_USES. It writes at most one record a minute for each token, and
// never delays a request, so the recorded time is accurate to about a minute. It is safe for concurrent use.
type Seen struct {
	conn *bus.Conn
	log  *slog.Logger

	mu   sync.RWMutex
	last map[user]*atomic.Int64 // the proto.Millis of its newest record
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
	// seenEvery is the interval between two records of a token.
	seenEvery = time.Minute
	// seenWritten is the interval between writes.
	seenWritten = time.Second
	// seenBatch is the number of records written together.
	seenBatch = 256
	// seenFlush is how long records may be written after the end.
	seenFlush = 2 * time.Second
)

// NewSeen returns a Seen. It writes while [Seen.Run] runs.
func NewSeen(conn *bus.Conn, log *slog.Logger) *Seen {
	return &Seen{conn: conn, log: log, last: map[user]*atomic.Int64{}}
}

// Note records the use of a service token. It does not block. The Client ID must come from the token's record rather
// than from a request, because Seen keeps an entry for each.
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

// seenDue reports whether a use is to be recorded after the last record, also if the clock was set back.
func seenDue(last, at proto.Millis) bool {
	since := at.Time().Sub(last.Time())
	return last == 0 || since >= seenEvery || since <= -seenEvery
}

// Run writes records until ctx ends, and then the remaining ones. A record that cannot be written is dropped: the
// token's next use makes another.
func (s *Seen) Run(ctx context.Context) error {
	tick := time.NewTicker(seenWritten)
	defer tick.Stop()
	for {
		select {
		case <-tick.C:
			s.write(ctx)
		case <-ctx.Done():
			last, cancel := context.WithTimeout(context.WithoutCancel(ctx), seenFlush)
			defer cancel()
			s.write(last)
			return nil
		}
	}
}

// write writes the due records. Records of several replicas are not ordered: the last one written wins, and is at
// most a few seconds from the newest.
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
		part := rest[:min(len(rest), seenBatch)]
		rest = rest[len(part):]
		out, from := make([]bus.Outgoing, 0, len(part)), make([]use, 0, len(part))
		for _, u := range part {
			if key, err := topology.TokenSeenKey(u.account, u.clientID); err == nil {
				out = append(out, bus.Outgoing{Subject: topology.BucketSubject(topology.TokenUses, key),
					Body: &proto.TokenSeen{At: u.at}})
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
		s.log.Warn("failed to record the use of service tokens, retrying at their next use", "tokens", len(lost), "err", why)
	}
	s.forget(lost, due[len(due)-1].at)
}

// forget drops the tokens for which the next use is due anyway.
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
