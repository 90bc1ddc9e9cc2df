package follow_test

import (
	"context"
	"errors"
	"slices"
	"testing"
	"time"

	"github.com/nats-io/nats.go"
	"github.com/nats-io/nats.go/jetstream"
	"plumbline.dev/bus"
	"plumbline.dev/bus/bustest"
	"plumbline.dev/bus/topology"
	"plumbline.dev/proto"
)

// Our own roles follow without consumers, with the same events.
func TestFollowWithoutConsumers(t *testing.T) {
	t.Parallel()
	b := bustest.Start(t)
	w, c := b.LogWriter(), b.Conn(topology.API)
	js := b.Conn(topology.Operator).JetStream()
	for range 30 {
		w.Commit()
	}
	var r bus.Results
	kinds, at := followUntil(t, c, bus.Following{Account: w.Account}, &r, w) // while the state fills
	if kinds[bus.EventReset] == 0 || kinds[bus.EventReady] == 0 {
		t.Errorf("first events %v", kinds)
	}
	for range 10 {
		for range 5 {
			w.Commit()
		}
		kinds, at = followUntil(t, c, bus.Following{Account: w.Account, After: at}, &r, w)
		if kinds[bus.EventReset] != 0 || kinds[bus.EventState] != 0 {
			t.Errorf("going on took a new state: %v", kinds)
		}
	}
	for _, name := range []string{topology.PostureLog, topology.PostureState} {
		if s, err := js.Stream(t.Context(), name); err != nil || s.CachedInfo().State.Consumers != 0 {
			t.Errorf("%s has consumers, %v", name, err)
		}
	}
	// The next entry was deleted, and the position is beyond the end.
	log, err := js.Stream(t.Context(), topology.PostureLog)
	if err != nil {
		t.Fatal(err)
	}
	if err := log.Purge(t.Context(), jetstream.WithPurgeSequence(at)); err != nil {
		t.Fatal(err)
	}
	bustest.Eventually(t, "the state is up to date", w.Settled)
	for _, after := range []uint64{1, at + 1000} {
		kinds, _ = followUntil(t, c, bus.Following{Account: w.Account, After: after}, &r, w)
		if kinds[bus.EventReset] != 1 || kinds[bus.EventState] != len(w.Last) {
			t.Errorf("after %d, which the log does not hold: %v", after, kinds)
		}
	}
}

// An unreadable record of the log stops no follower: an unreadable entry leaves its page without results, and an
// unreadable change causes one new state.
func TestFollowPassesWhatCannotBeRead(t *testing.T) {
	t.Parallel()
	for _, role := range []topology.Role{topology.API, topology.Follower} {
		t.Run(string(role), func(t *testing.T) {
			t.Parallel()
			b := bustest.Start(t)
			w, c, broken := b.LogWriter(), b.Conn(role), b.BrokenConn()
			w.Commit()
			var garbage []uint64
			spoil := func(subject, schema string) {
				t.Helper()
				m := messageOf(subject, schema)
				if schema == "" {
					m.Header.Set(bustest.BrokenHeader, "x")
				}
				ack, err := broken.JetStream().PublishMsg(t.Context(), m)
				if err != nil {
					t.Fatal(err)
				}
				garbage = append(garbage, ack.Sequence)
			}
			page := w.Pages[0]
			page.Page = 77
			spoil(topology.Log(page), "entry.99")
			spoil("posture.log.x", "entry.1")
			spoil(topology.Log(page), "")
			ctx, cancel := context.WithTimeout(t.Context(), time.Minute)
			defer cancel()
			enough := errors.New("enough")
			resets, readies, last := 0, 0, uint64(0)
			err := c.Follow(ctx, bus.Following{Account: w.Account}, func(_ context.Context, e bus.Event) error {
				switch e.Kind {
				case bus.EventReset:
					resets++
				case bus.EventState:
					if e.Page == page {
						t.Errorf("an entry that cannot be read: %+v", e)
					}
				case bus.EventReady:
					if readies++; readies == 1 {
						spoil(topology.Change(w.Account, w.Check, 1, 0), "change.99")
						spoil("posture.change."+w.Account.String()+".x", "change.1")
						spoil(topology.Change(w.Account, w.Check, 1, 0), "other.1")
						spoil(topology.Change(w.Account, w.Check, 1, 0), "")
					}
					if readies == 5 {
						for last = w.Last[w.Pages[0]]; slices.Max(garbage) > last; last =
							slices.Max([]uint64{w.Last[w.Pages[0]], w.Last[w.Pages[1]], w.Last[w.Pages[2]]}) {
							w.Commit()
						}
					}
				case bus.EventChange:
					if last != 0 && e.Seq > slices.Max(garbage) {
						return enough
					}
				}
				return nil
			})
			if !errors.Is(err, enough) || resets != 5 {
				t.Errorf("%d new states for 4 changes that cannot be read, %v", resets, err)
			}
			reported := map[string]uint64{}
			for _, r := range c.UnreadableRecords() {
				reported[r.Stream] = r.Ever
			}
			if n := reported[topology.PostureLog]; n < 4 {
				t.Errorf("%d changes were reported", n)
			}
			if n := reported[topology.PostureState]; n < 1 {
				t.Errorf("%d entries were reported", n)
			}
		})
	}
}

// messageOf is a message of a schema without a decoder.
func messageOf(subject, schema string) *nats.Msg {
	m := &nats.Msg{Subject: subject, Header: nats.Header{}, Data: []byte("\xc1garbage")}
	if schema != "" {
		m.Header.Set(proto.HeaderSchema, schema)
	}
	return m
}
