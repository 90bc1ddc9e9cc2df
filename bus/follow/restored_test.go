package follow_test

import (
	"context"
	"errors"
	"maps"
	"os"
	"path/filepath"
	"slices"
	"sync"
	"testing"
	"time"

	"plumbline.dev/bus"
	"plumbline.dev/bus/bustest"
	"plumbline.dev/bus/bustest/machine"
	"plumbline.dev/bus/embed"
	"plumbline.dev/bus/provision"
	"plumbline.dev/bus/topology"
	"plumbline.dev/proto"
)

func createTopology(t *testing.T, s *embed.Server) {
	t.Helper()
	if err := provision.Topology(t.Context(), connect(t, s, topology.Operator),
		topology.Options{LogMaxBytes: 1 << 30}); err != nil {
		t.Fatal(err)
	}
}

func connect(t *testing.T, s *embed.Server, role topology.Role) *bus.Conn {
	t.Helper()
	c, err := s.Connect(t.Context(), role, bustest.Log(t), bustest.TailsConfirm(time.Second, time.Second))
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(c.Close)
	return c
}

// lastCursor follows until the results are those of the writer, and returns the cursor of the last event.
func lastCursor(
	t *testing.T, c *bus.Conn, f bus.Following, r *bus.Results, w *bustest.LogWriter,
) (cursor string, resets int) {
	t.Helper()
	enough, want := errors.New("enough"), w.Want()
	err := c.Follow(t.Context(), f, func(_ context.Context, e bus.Event) error {
		r.Apply(e)
		if e.Kind == bus.EventReset {
			resets++
		}
		if e.Cursor != "" {
			cursor = e.Cursor
		}
		if cursor != "" && maps.Equal(want, maps.Collect(r.All())) {
			return enough
		}
		return nil
	})
	if !errors.Is(err, enough) {
		t.Fatal(err)
	}
	return cursor, resets
}

// A store that is restored from an older copy goes on with other entries at the same positions. Followers find
// out, whether the log ends before their position or has passed it.
func TestAFollowerOfARestoredLogTakesANewState(t *testing.T) {
	t.Parallel()
	for name, later := range map[string]int{"the log ends before the position": 1,
		"the log has passed the position": 200} {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			store := bustest.NewStore(t)
			server := store.Start()
			createTopology(t, server)
			w := bustest.NewLogWriter(t, connect(t, server, topology.Evaluator))
			w.Commits(20)
			server.Close()
			old, before := store.Copy(), w
			server = store.Start()
			w = w.On(connect(t, server, topology.Evaluator), 2)
			follower := connect(t, server, topology.Follower)
			kept, named := bus.Following{Account: w.Account}, bus.Following{Account: w.Account, Name: string(topology.Follower)}
			var keptResults, namedResults bus.Results
			w.Commits(20)
			kept.Cursor, _ = lastCursor(t, follower, kept, &keptResults, w)
			named.Cursor, _ = lastCursor(t, follower, named, &namedResults, w)
			w.Commits(20)
			kept.Cursor, _ = lastCursor(t, follower, kept, &keptResults, w)
			named.Cursor, _ = lastCursor(t, follower, named, &namedResults, w)
			server.Close()
			store.PutBack(old)

			server = store.Start()
			w = before.On(connect(t, server, topology.Evaluator), 3)
			follower = connect(t, server, topology.Follower)
			w.Commits(later)
			if _, resets := lastCursor(t, follower, kept, &keptResults, w); resets != 1 {
				t.Errorf("a follower with a cursor was reset %d times", resets)
			}
			if _, resets := lastCursor(t, follower, named, &namedResults, w); resets != 1 {
				t.Errorf("a named follower was reset %d times", resets)
			}
		})
	}
}

// A follower that runs on while the server comes back with an older store, or with a new log.
func TestARunningFollowerFindsAnotherLog(t *testing.T) {
	t.Parallel()
	for name, harm := range map[string]func(store, old bustest.Stopped){
		"an older copy": func(store, old bustest.Stopped) { store.PutBack(old) },
		"a new log": func(store, _ bustest.Stopped) {
			store.RemoveStream(topology.PostureLog)
			store.RemoveStream(topology.PostureState)
		},
	} {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			store := bustest.NewStore(t)
			addr, err := machine.FreeAddr()
			if err != nil {
				t.Fatal(err)
			}
			server := store.StartAt(addr)
			createTopology(t, server)
			w := bustest.NewLogWriter(t, connect(t, server, topology.Evaluator))
			w.Commits(20)
			server.Close()
			old, before := store.Copy(), w
			server = store.StartAt(addr)
			w = w.On(connect(t, server, topology.Evaluator), 2)
			w.Commits(20)
			follower := overNetwork(t, server, topology.Follower)
			var mu sync.Mutex
			var results bus.Results
			resets := 0
			stop := bustest.Run(t, func(ctx context.Context) error {
				return follower.Follow(ctx, bus.Following{Account: w.Account}, func(_ context.Context, e bus.Event) error {
					mu.Lock()
					defer mu.Unlock()
					results.Apply(e)
					if e.Kind == bus.EventReset {
						resets++
					}
					return nil
				})
			})
			has := func() bool {
				mu.Lock()
				defer mu.Unlock()
				return maps.Equal(w.Want(), maps.Collect(results.All()))
			}
			bustest.Eventually(t, "the follower has the state", has)
			w.Commits(5)
			bustest.Eventually(t, "the follower has the changes", has)
			server.Close()
			harm(store, old)
			// Streams are made anew one after the other. A follower that connects meanwhile may read a state whose log is
			// then replaced, and is reset once more.
			server = store.Start()
			createTopology(t, server)
			server.Close()
			server = store.StartAt(addr)
			if name == "a new log" {
				w = bustest.NewLogWriter(t, connect(t, server, topology.Evaluator))
				w.Account = before.Account
				for n := range w.Pages {
					w.Pages[n].Account = w.Account
				}
				w.State, w.Last = map[topology.PageRef]map[proto.ID]proto.Outcome{}, map[topology.PageRef]uint64{}
				for _, p := range w.Pages {
					w.State[p] = map[proto.ID]proto.Outcome{}
				}
			} else {
				w = before.On(connect(t, server, topology.Evaluator), 3)
			}
			w.Commits(40)
			bustest.Eventually(t, "the follower has what the other log says", has)
			stop()
			if resets != 2 {
				t.Errorf("the follower was reset %d times", resets)
			}
		})
	}
}

// A new log that has passed the followers' copy of the lost one by the time of provisioning is not its continuation.
func TestACopyOfALostLogIsMadeAnew(t *testing.T) {
	t.Parallel()
	store := bustest.NewStore(t)
	server := store.Start()
	createTopology(t, server)
	w := bustest.NewLogWriter(t, connect(t, server, topology.Evaluator))
	w.Copies = connect(t, server, topology.Follower)
	w.Commits(5)
	server.Close()
	store.RemoveStream(topology.PostureLog)
	store.RemoveStream(topology.PostureState)

	server = store.Start()
	operator, follower := connect(t, server, topology.Operator), connect(t, server, topology.Follower)
	for _, stream := range []string{topology.PostureLog, topology.PostureState} {
		if err := provision.Recreate(t.Context(), operator, topology.Options{LogMaxBytes: 1 << 30}, stream, 1); err != nil {
			t.Fatal(err)
		}
	}
	w = bustest.NewLogWriter(t, connect(t, server, topology.Evaluator))
	w.Commits(40)
	created := func() (all []time.Time) {
		for _, stream := range []string{topology.PostureLog, topology.PostureState} {
			p, err := follower.Position(t.Context(), stream)
			if err != nil {
				t.Fatal(err)
			}
			all = append(all, p.Created)
		}
		return all
	}
	old := created()
	createTopology(t, server)
	anew := created()
	if anew[0].Equal(old[0]) || anew[1].Equal(old[1]) {
		t.Errorf("the copies were made at %v, after provisioning at %v", old, anew)
	}
	w.Copies = follower
	bustest.Eventually(t, "the copies hold the new log", w.Settled)
	createTopology(t, server)
	if again := created(); !slices.Equal(again, anew) {
		t.Errorf("provisioning made copies of %v anew, at %v", anew, again)
	}
}

func overNetwork(t *testing.T, s *embed.Server, role topology.Role) *bus.Conn {
	t.Helper()
	file, err := s.Authority().File(role)
	if err != nil {
		t.Fatal(err)
	}
	path := filepath.Join(t.TempDir(), "creds")
	if err := os.WriteFile(path, file, 0o600); err != nil {
		t.Fatal(err)
	}
	c, err := bus.Connect(t.Context(), bus.Config{URL: "nats://" + s.Addr(), Creds: path, Role: role, Log: bustest.Log(t)})
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(c.Close)
	return c
}
