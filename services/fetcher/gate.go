package fetcher

import (
	"context"
	"sync"

	"plumbline.dev/proto"
)

// gate bounds the pages in flight and shares the places fairly; the package comment says how.
type gate struct {
	mu      sync.Mutex
	shared  int      // places
	free    int      // of them
	alone   proto.ID // the only polled integration; zero if there are none or several
	held    map[proto.ID]int
	waiting []*waiter // in the order of arrival
	inside  int
}

type waiter struct {
	id       proto.ID
	admitted chan struct{}
}

func newGate(shared int) *gate { return &gate{shared: shared, free: shared, held: map[proto.ID]int{}} }

// enter waits for a place. leave returns it.
func (g *gate) enter(ctx context.Context, id proto.ID) (leave func(), err error) {
	g.mu.Lock()
	w := &waiter{id: id, admitted: make(chan struct{})}
	g.waiting = append(g.waiting, w)
	g.admit()
	g.mu.Unlock()
	select {
	case <-w.admitted:
		return func() { g.leave(id) }, nil
	case <-ctx.Done():
	}
	g.mu.Lock()
	for i, other := range g.waiting {
		if other == w {
			g.waiting = append(g.waiting[:i], g.waiting[i+1:]...)
			g.mu.Unlock()
			return nil, context.Cause(ctx)
		}
	}
	g.mu.Unlock()
	g.leave(id) // admitted in the same moment
	return nil, context.Cause(ctx)
}

func (g *gate) leave(id proto.ID) {
	g.mu.Lock()
	defer g.mu.Unlock()
	g.inside--
	if g.held[id]--; g.held[id] > 0 {
		g.free++
	} else {
		delete(g.held, id)
	}
	g.admit()
}

// admit admits all integrations that may enter, those with the fewest places first. The lock is held.
func (g *gate) admit() {
	for {
		best := -1
		for i, w := range g.waiting {
			if g.may(w.id) && (best < 0 || g.held[w.id] < g.held[g.waiting[best].id]) {
				best = i
			}
		}
		if best < 0 {
			return
		}
		w := g.waiting[best]
		g.waiting = append(g.waiting[:best], g.waiting[best+1:]...)
		if g.held[w.id] > 0 {
			g.free--
		}
		g.held[w.id]++
		g.inside++
		close(w.admitted)
	}
}

// may reports whether an integration may enter: its first place is reserved; of the shared ones it may hold as many as
// it leaves free. A single polled integration leaves nothing free: as many pages may be in flight as there are shared
// places.
func (g *gate) may(id proto.ID) bool {
	held := g.held[id]
	return held == 0 || held-1 < g.free || (id == g.alone && held < g.shared)
}

// polled sets the polled integrations.
func (g *gate) polled(ids []proto.ID) {
	g.mu.Lock()
	defer g.mu.Unlock()
	g.alone = proto.ID{}
	if len(ids) == 1 {
		g.alone = ids[0]
	}
	g.admit()
}

// load is how many pages are in flight and how many wait.
func (g *gate) load() (inside, waiting int) {
	g.mu.Lock()
	defer g.mu.Unlock()
	return g.inside, len(g.waiting)
}
