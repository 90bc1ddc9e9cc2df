package dispatcher

import (
	"context"
	"errors"
	"sync"
	"time"

	"plumbline.dev/bus"
	"plumbline.dev/bus/topology"
	"plumbline.dev/proto"
	"plumbline.dev/services/internal/catalog"
)

// Times of the manager.
const (
	lookEvery   = 2 * time.Second  // between looks while nothing changes
	againAfter  = 2 * time.Second  // before a courier that failed starts again
	orphanAfter = 10 * time.Minute // before the state of a deleted destination is deleted
)

// manager starts and ends couriers.
type manager struct {
	*Service
	running map[ref]*running
	seen    sightings
	again   map[ref]time.Time
	orphans map[ref]time.Time
}

// running is a started courier.
type running struct {
	*courier
	cancel context.CancelFunc
	done   chan struct{}
	err    error
}

func (s *Service) manage(ctx context.Context) error {
	if err := s.catalog.Await(ctx); err != nil {
		return nil
	}
	if err := s.states.Await(ctx); err != nil {
		return nil
	}
	m := &manager{Service: s, running: map[ref]*running{}, seen: sightings{}, again: map[ref]time.Time{},
		orphans: map[ref]time.Time{}}
	defer m.stop()
	for ctx.Err() == nil {
		config, states := s.catalog.Changed(), s.states.Changed()
		m.look(ctx)
		select {
		case <-ctx.Done():
		case <-config:
		case <-states:
		case <-s.ended:
		case <-time.After(min(lookEvery, s.cfg.lease/3)):
		}
	}
	return nil
}

// look starts couriers that are missing and ends those that are not wanted.
func (m *manager) look(ctx context.Context) {
	now := time.Now()
	wanted := map[ref]bool{}
	for _, rec := range m.catalog.AllDestinations() {
		k := ref{rec.Account, rec.Value.ID}
		wanted[k] = true
		m.one(ctx, k, rec, now)
	}
	for k, r := range m.running {
		if !wanted[k] {
			r.cancel()
			m.collect(k, r, now)
		}
	}
	m.clean(ctx, wanted, now)
	m.couriers.Store(m.list())
}

// one starts or ends the courier of a destination.
func (m *manager) one(ctx context.Context, k ref, rec catalog.Record[proto.Destination], now time.Time) {
	state := m.states.Find(k.account, k.id)
	m.seen.note(k, &state, now)
	if r := m.running[k]; r != nil {
		if rec.Revision != r.rec.Revision {
			delete(m.again, k)
			r.cancel()
		}
		if !m.collect(k, r, now) {
			return
		}
	}
	if rec.Value.Paused || state.IsDisabled(rec.Revision) || now.Before(m.again[k]) ||
		!m.seen.vacant(k, &state, m.id, m.cfg.lease, now) {
		return
	}
	seen := m.seen[k]
	own, cancel := context.WithCancel(ctx)
	r := &running{courier: newCourier(m.Service, rec), cancel: cancel, done: make(chan struct{})}
	m.running[k] = r
	go func() {
		r.err = r.run(own, func(s *proto.Delivery) bool {
			return s.Owner.IsZero() || s.Owner == m.id || s.Owner == seen.owner && s.Beat == seen.beat
		})
		cancel()
		close(r.done)
		select {
		case m.ended <- struct{}{}:
		default:
		}
	}()
}

// collect removes a courier that has ended, and reports whether it has.
func (m *manager) collect(k ref, r *running, now time.Time) bool {
	select {
	case <-r.done:
	default:
		return false
	}
	delete(m.running, k)
	switch {
	case r.err == nil, errors.Is(r.err, errDisabled):
	case errors.Is(r.err, errLost):
		r.log.Info("a destination is delivered by another dispatcher")
		m.again[k] = now.Add(againAfter)
	default:
		r.log.Warn("deliveries were interrupted, starting again", "err", r.err)
		m.again[k] = now.Add(againAfter)
	}
	return true
}

// clean deletes the states of deleted destinations. It waits, because a view of the configuration may lag behind.
func (m *manager) clean(ctx context.Context, wanted map[ref]bool, now time.Time) {
	for r, revision := range m.states.Revisions() {
		k := ref{r.Account, r.ID}
		if wanted[k] || m.running[k] != nil {
			delete(m.orphans, k)
			continue
		}
		if since, ok := m.orphans[k]; !ok {
			m.orphans[k] = now
		} else if now.Sub(since) >= orphanAfter {
			delete(m.orphans, k)
			key := topology.DeliveryKey(k.account, k.id)
			if err := m.bus.Delete(ctx, topology.Deliveries, key, revision); err != nil && !errors.Is(err, bus.ErrConflict) {
				m.log.Warn("cannot delete the state of a deleted destination, retrying", "destination", k.id, "err", err)
			}
		}
	}
}

// stop ends all couriers and waits for them.
func (m *manager) stop() {
	var all sync.WaitGroup
	for _, r := range m.running {
		r.cancel()
		all.Go(func() { <-r.done })
	}
	all.Wait()
	m.couriers.Store(nil)
}

func (m *manager) list() *[]*courier {
	all := make([]*courier, 0, len(m.running))
	for _, r := range m.running {
		all = append(all, r.courier)
	}
	return &all
}
