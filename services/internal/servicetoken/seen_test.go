package servicetoken

import (
	"context"
	"errors"
	"fmt"
	"sync"
	"testing"
	"time"

	"plumbline.dev/bus"
	"plumbline.dev/bus/bustest"
	"plumbline.dev/bus/topology"
	"plumbline.dev/proto"
	"plumbline.dev/services/internal/credential"
)

// seenBy is when TOKEN_USES says that a token was last used, and how often that was written.
func seenBy(t *testing.T, c *bus.Conn, a proto.Account, clientID string) (proto.Millis, uint64) {
	t.Helper()
	key, err := topology.TokenSeenKey(a, clientID)
	if err != nil {
		t.Fatal(err)
	}
	var seen proto.TokenSeen
	revision, err := c.Get(t.Context(), topology.TokenUses, key, &seen)
	if err != nil && !errors.Is(err, bus.ErrNotFound) {
		t.Fatal(err)
	}
	return seen.At, revision
}

func runSeen(t *testing.T, s *Seen) (stop func()) {
	return bustest.Run(t, s.Run)
}

func TestUseIsNotedOnceAMinute(t *testing.T) {
	for _, role := range []topology.Role{topology.Exchange, topology.Gateway} {
		t.Run(string(role), func(t *testing.T) {
			b := bustest.Start(t)
			conn := b.Conn(topology.Exchange) // a gateway cannot read the bucket
			s := NewSeen(b.Conn(role), bustest.Log(t))
			stop := runSeen(t, s)
			a, id, now := proto.NewAccount(), credential.NewClientID(), time.UnixMilli(1_800_000_000_000)
			var using sync.WaitGroup
			for n := range 200 {
				using.Go(func() { s.Note(a, id, now.Add(time.Duration(n)*time.Millisecond)) })
			}
			using.Wait()
			bustest.Eventually(t, "the use is noted", func() bool { at, _ := seenBy(t, conn, a, id); return at != 0 })
			first, revision := seenBy(t, conn, a, id)
			s.Note(a, id, first.Time().Add(seenEvery-time.Millisecond))
			later := first.Time().Add(seenEvery)
			s.Note(a, id, later)
			s.Note(a, id, later)
			// The rest is written at the end.
			stop()
			if at, next := seenBy(t, conn, a, id); at != proto.At(later) || next != revision+1 {
				t.Errorf("seen at %v, revision %d after %d; %v expected in the next one", at.Time(), next, revision, later)
			}
		})
	}
}

func TestNotesThatAreNotDueTakeNoRoom(t *testing.T) {
	b := bustest.Start(t)
	s := NewSeen(b.Conn(topology.Exchange), bustest.Log(t))
	a, now := proto.NewAccount(), time.UnixMilli(1_800_000_000_000)
	for n := range 100 {
		s.Note(a, fmt.Sprintf("%032x.access", n), now)
	}
	s.Note(a, "not a client id", now)
	s.write(t.Context())
	s.Note(a, fmt.Sprintf("%032x.access", 7), now.Add(time.Hour))
	s.write(t.Context())
	if len(s.last) != 1 || len(s.due) != 0 {
		t.Errorf("%d tokens are remembered, %d notes wait", len(s.last), len(s.due))
	}
}

func TestANoteThatWasLostIsMadeAgain(t *testing.T) {
	b := bustest.Start(t)
	conn := b.Conn(topology.Exchange)
	s := NewSeen(conn, bustest.Log(t))
	a, id, now := proto.NewAccount(), credential.NewClientID(), time.UnixMilli(1_800_000_000_000)
	s.Note(a, id, now)
	ended, cancel := context.WithCancel(t.Context())
	cancel()
	s.write(ended)
	s.Note(a, id, now)
	s.write(t.Context())
	if at, _ := seenBy(t, conn, a, id); at != proto.At(now) {
		t.Errorf("seen at %v", at)
	}
}

func TestSeenDue(t *testing.T) {
	at := proto.Millis(1_800_000_000_000)
	for _, c := range []struct {
		last, at proto.Millis
		due      bool
	}{
		{0, at, true}, {at, at, false}, {at, at + 59_999, false}, {at, at + 60_000, true},
		{at, at - 1, false}, {at, at - 60_000, true},
	} {
		if due := seenDue(c.last, c.at); due != c.due {
			t.Errorf("last %d, now %d: %t", c.last, c.at, due)
		}
	}
}

func BenchmarkNote(b *testing.B) {
	s := NewSeen(nil, bustest.Log(b))
	a, id, now := proto.NewAccount(), credential.NewClientID(), time.Now()
	b.ReportAllocs()
	b.RunParallel(func(p *testing.PB) {
		for p.Next() {
			s.Note(a, id, now)
		}
	})
}
