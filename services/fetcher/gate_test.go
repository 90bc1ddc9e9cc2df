package fetcher

import (
	"context"
	"errors"
	"testing"
	"testing/synctest"

	"pgregory.net/rapid"
	"plumbline.dev/proto"
)

// fill lets in as many of an integration as may enter.
func fill(t *testing.T, g *gate, id proto.ID) (leave []func()) {
	t.Helper()
	for {
		g.mu.Lock()
		may := g.may(id)
		g.mu.Unlock()
		if !may {
			return leave
		}
		out, err := g.enter(t.Context(), id)
		if err != nil {
			t.Fatal(err)
		}
		leave = append(leave, out)
	}
}

func TestWhatOneIntegrationGets(t *testing.T) {
	one, other := proto.NewID(), proto.NewID()
	for name, c := range map[string]struct {
		shared, want int
		polled       []proto.ID
	}{
		"alone":                        {64, 64, []proto.ID{one}},
		"alone, with one place":        {1, 2, []proto.ID{one}},
		"alone, without shared places": {0, 1, []proto.ID{one}},
		"one of two":                   {64, 33, []proto.ID{one, other}},
		"not polled any more":          {64, 33, []proto.ID{other}},
		"before anything is known":     {64, 33, nil},
	} {
		t.Run(name, func(t *testing.T) {
			g := newGate(c.shared)
			g.polled(c.polled)
			if n := len(fill(t, g, one)); n != c.want {
				t.Errorf("%d pages of one integration, want %d", n, c.want)
			}
		})
	}
}

// An integration that had every place does not keep others out, and is not held to its share before it leaves.
func TestAnotherIntegrationComes(t *testing.T) {
	g := newGate(8)
	one, other := proto.NewID(), proto.NewID()
	g.polled([]proto.ID{one})
	leave := fill(t, g, one)
	g.polled([]proto.ID{one, other})
	if n := len(fill(t, g, other)); n != 2 {
		t.Errorf("%d pages of the other one at once, want 2", n)
	}
	for _, l := range leave {
		l()
	}
	if n := len(fill(t, g, other)); n == 0 || g.free < 0 {
		t.Errorf("%d more pages of the other one, %d free", n, g.free)
	}
}

// Every integration gets more than its reserved slot, regardless of its predecessors.
func TestSlowOnesLeaveRoom(t *testing.T) {
	g := newGate(64)
	for range 5 {
		before := g.free
		fill(t, g, proto.NewID())
		if g.free < before/2 {
			t.Errorf("a slow integration took %d of %d places", before-g.free, before)
		}
	}
	for range 100 {
		if n := len(fill(t, g, proto.NewID())); n < 1 {
			t.Fatal("an integration has no place of its own")
		}
	}
	if inside, _ := g.load(); inside > 64+105 {
		t.Errorf("%d pages in flight", inside)
	}
}

func TestAFreedPlaceGoesToWhoHoldsLeast(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		g := newGate(8)
		greedy, other, modest := proto.NewID(), proto.NewID(), proto.NewID()
		fill(t, g, greedy) // 5
		leaving := fill(t, g, other)
		for g.free > 0 {
			leaving = append(leaving, fill(t, g, proto.NewID())...)
		}
		if _, err := g.enter(t.Context(), modest); err != nil {
			t.Fatal(err)
		}
		order := make(chan string, 2)
		ctx, cancel := context.WithCancel(t.Context())
		for _, w := range []struct {
			name string
			id   proto.ID
		}{{"greedy", greedy}, {"modest", modest}} {
			go func() {
				if _, err := g.enter(ctx, w.id); err == nil {
					order <- w.name
				}
			}()
			synctest.Wait()
		}
		for len(order) == 0 && len(leaving) > 0 {
			leaving[0]()
			leaving = leaving[1:]
			synctest.Wait()
		}
		if len(order) == 0 {
			t.Fatal("nobody got a place")
		}
		if first := <-order; first != "modest" {
			t.Errorf("the first place went to the %s one", first)
		}
		cancel()
		synctest.Wait()
	})
}

func TestWhoGivesUpIsForgotten(t *testing.T) {
	g := newGate(1)
	id := proto.NewID()
	leave := fill(t, g, id)
	ctx, cancel := context.WithCancel(t.Context())
	cancel()
	if _, err := g.enter(ctx, id); !errors.Is(err, context.Canceled) {
		t.Fatal(err)
	}
	for _, l := range leave {
		l()
	}
	if inside, waiting := g.load(); inside != 0 || waiting != 0 || g.free != 1 || len(g.held) != 0 {
		t.Errorf("%d inside, %d waiting, %d free, %v held", inside, waiting, g.free, g.held)
	}
}

// For any order of arrivals and departures, the bound holds, no slot is lost, and an integration without pages does not
// wait.
func TestGateKeepsItsBounds(t *testing.T) {
	ids := []proto.ID{{1}, {2}, {3}, {4}}
	rapid.Check(t, func(t *rapid.T) {
		shared := rapid.IntRange(0, 8).Draw(t, "shared")
		g := newGate(shared)
		var leave []func()
		for range rapid.IntRange(1, 100).Draw(t, "steps") {
			if id := rapid.SampledFrom(ids).Draw(t, "id"); rapid.Bool().Draw(t, "enter") {
				g.mu.Lock()
				may, first := g.may(id), g.held[id] == 0
				g.mu.Unlock()
				if first && !may {
					t.Fatal("an integration without a page has to wait")
				}
				if may {
					out, err := g.enter(context.Background(), id)
					if err != nil {
						t.Fatal(err)
					}
					leave = append(leave, out)
				}
			} else if n := len(leave); n > 0 {
				i := rapid.IntRange(0, n-1).Draw(t, "who")
				leave[i]()
				leave = append(leave[:i], leave[i+1:]...)
			}
			if g.inside != len(leave) || g.free < 0 || g.inside > shared+len(g.held) {
				t.Fatalf("%d inside of %d, %d free, %d integrations", g.inside, len(leave), g.free, len(g.held))
			}
		}
		for _, l := range leave {
			l()
		}
		if g.free != shared || len(g.held) != 0 || g.inside != 0 {
			t.Fatalf("in the end %d of %d free, %v held, %d inside", g.free, shared, g.held, g.inside)
		}
	})
}
