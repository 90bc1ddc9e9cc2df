package registry

import (
	"context"
	"errors"
	"fmt"
	"slices"
	"strings"
	"time"

	"plumbline.dev/bus"
	"plumbline.dev/bus/topology"
	"plumbline.dev/services/internal/pagemarks"
)

// storedEvery is the interval between two comparisons of the index with the keys in the bucket.
const storedEvery = time.Minute

// compareStored compares the index with the keys in the bucket until ctx ends. A page that the store lost while the
// registry runs is noticed without a command for it.
func (s *Service) compareStored(ctx context.Context) error {
	if err := s.index.await(ctx, 0); err != nil {
		return nil // only the end of ctx ends this wait
	}
	for {
		select {
		case <-ctx.Done():
			return nil
		case <-s.clock.After(storedEvery):
		}
		lost, err := s.unstored(ctx)
		if err != nil {
			s.log.Warn("failed to compare the inventory with the store, retrying", "err", err, "in", storedEvery)
			continue
		}
		if len(lost) == 0 {
			s.unstoredPages.Store(nil)
			continue
		}
		err = fmt.Errorf("%w: %s. To go on: %s", errLost, strings.Join(lost, ", "), pagemarks.Remedy)
		if s.unstoredPages.Swap(&err) == nil {
			s.log.Error("the store lost pages of the inventory", "pages", len(lost), "err", err)
		}
	}
}

// unstored returns the keys of pages that the index has and the bucket has not, not even as deleted.
func (s *Service) unstored(ctx context.Context) (lost []string, err error) {
	stream := topology.BucketStream(topology.Devices)
	known := s.index.keys()
	stored, err := s.bus.Subjects(ctx, stream, topology.BucketSubject(topology.Devices, topology.AllPageKeys))
	if err != nil {
		return nil, err
	}
	for _, key := range known {
		subject := topology.BucketSubject(topology.Devices, key)
		if stored[subject] > 0 {
			continue
		}
		switch _, err := s.bus.LeaderLast(ctx, stream, subject); { // the list may lack a key
		case errors.Is(err, bus.ErrNotFound):
			lost = append(lost, key)
		case err != nil:
			return nil, err
		}
	}
	slices.Sort(lost)
	return lost, nil
}

// keys returns the keys of all pages that were read.
func (x *index) keys() []string {
	x.mu.RLock()
	defer x.mu.RUnlock()
	var all []string
	for a, inv := range x.accounts {
		for n := range inv.pages {
			if inv.pages[n].revision != 0 {
				all = append(all, topology.PageKey(a, topology.PageNumber(n)))
			}
		}
	}
	return all
}
