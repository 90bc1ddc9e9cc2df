package frame

import (
	"context"
	"net/http"
	"sync"
	"time"

	"plumbline.dev/services/plumb/client"
)

// State is what every page shows about the account.
type State struct {
	Holds   int             // that wait for a decision
	Observe *client.Observe // the observe switch, if it is on
	Unknown bool            // the API did not say, although the person may know
}

// Limits of the cache of states.
const (
	stateAge  = 5 * time.Second
	stateTime = 2 * time.Second // for the API to answer
	maxStates = 1000
)

// states caches the state of accounts, by person: the API decides who may see it.
type states struct {
	mu  sync.Mutex
	all map[string]*cached
}

type cached struct {
	once  sync.Once
	at    time.Time
	state State
}

// stateOf returns the state of the person's account, at most stateAge old. One request at a time asks for it, for
// others as well: it asks on if its browser leaves.
func (f *Frame) stateOf(r *Request) State {
	if r.API == nil {
		return State{Unknown: true}
	}
	c := f.state.entry(r.Person.Key(), r.Now)
	c.once.Do(func() { c.state = askState(context.WithoutCancel(r.Context()), r.API) })
	return c.state
}

func (s *states) entry(key string, now time.Time) *cached {
	s.mu.Lock()
	defer s.mu.Unlock()
	c := s.all[key]
	if c == nil || now.Sub(c.at) >= stateAge {
		if s.all == nil || len(s.all) >= maxStates {
			s.all = map[string]*cached{}
		}
		c = &cached{at: now}
		s.all[key] = c
	}
	return c
}

// askState asks for the holds and for the observe switch. A person may be permitted to see only one of them.
func askState(ctx context.Context, api *client.Client) State {
	ctx, cancel := context.WithTimeout(ctx, stateTime)
	defer cancel()
	var s State
	var statusErr, observeErr error
	var both sync.WaitGroup
	both.Go(func() {
		var all []client.Status
		all, statusErr = api.Status(ctx)
		for _, i := range all {
			s.Holds += i.Holds
		}
	})
	both.Go(func() {
		var o client.Item[client.Observe]
		if o, observeErr = api.Observe(ctx); observeErr == nil && o.Value.Active {
			s.Observe = &o.Value
		}
	})
	both.Wait()
	for _, err := range []error{statusErr, observeErr} {
		s.Unknown = s.Unknown || err != nil && !client.HasStatus(err, http.StatusForbidden)
	}
	return s
}
