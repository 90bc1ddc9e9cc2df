package dispatcher

import (
	"time"

	"plumbline.dev/proto"
)

// sighting is the newest beat of a destination's owner, and when it was first seen.
type sighting struct {
	owner proto.ID
	beat  uint64
	since time.Time
}

// sightings are the beats of all owners, as this dispatcher sees them. Only differences of its own clock count: the
// clocks of two machines may differ by more than a lease.
type sightings map[ref]sighting

// note records the newest beat.
func (all sightings) note(k ref, s *proto.Delivery, now time.Time) {
	if old, ok := all[k]; !ok || old.owner != s.Owner || old.beat != s.Beat {
		all[k] = sighting{s.Owner, s.Beat, now}
	}
}

// vacant reports whether a dispatcher may take a destination over: nobody owns it, the dispatcher itself does, or its
// owner's beat has stood still for the lease.
func (all sightings) vacant(k ref, s *proto.Delivery, self proto.ID, lease time.Duration, now time.Time) bool {
	if s.Owner.IsZero() || s.Owner == self {
		return true
	}
	seen, ok := all[k]
	return ok && seen.owner == s.Owner && seen.beat == s.Beat && now.Sub(seen.since) >= lease
}
