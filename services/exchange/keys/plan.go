package keys

import (
	"slices"
	"time"

	"plumbline.dev/proto"
)

const (
	// Lead is how long a key is published before it may sign.
	Lead = time.Minute
	// leadUnasked is how long a key is published before a scheduled rotation to it. Verifiers that fetch the keys
	// daily know it by then.
	leadUnasked = 24 * time.Hour
	// Accepted is how long a key is published after its last signature (api/README.md 8.1).
	Accepted = 7 * 24 * time.Hour
	// skew bounds the difference between replicas' clocks: a key created more than Lead and skew ago has been
	// published for Lead, even if this replica has only just seen it.
	skew = 10 * time.Minute
	// maxPrevious bounds the accepted previous keys, and so the document: a verifier of api/README.md 8.2 reads at most
	// 1 MiB.
	maxPrevious = 32

	// DefaultInterval is the default number of days for which a key signs (api/README.md 8.1).
	DefaultInterval = 42
	// MinInterval is the smallest number of days between rotations (api/README.md 8.1).
	MinInterval = 21
	// MaxInterval is the largest number of days between rotations.
	MaxInterval = 365

	day = 24 * time.Hour
	// first is the number of an installation's first key.
	first = 1
)

// step is the next action. The zero value does nothing.
type step struct {
	create uint64             // number of the key to create
	write  *proto.KeyRotation // new record of the rotation
	remove uint64             // number of the key to delete
}

func (s step) none() bool { return s.create == 0 && s.write == nil && s.remove == 0 }

// plan returns the next action, or the time for another look if nothing happens before.
func plan(s *state, now time.Time) (todo step, wake time.Time) {
	r := s.rotation
	if s.obscure != nil {
		return step{}, now.Add(confirmEvery) // a newer build may have written it
	}
	if r == nil {
		// A new installation, or one from a build with a single key.
		if n, ok := s.lowest(); ok {
			return step{write: &proto.KeyRotation{Current: n, Since: proto.At(s.members[n].created),
				IntervalDays: DefaultInterval}}, now
		}
		return step{create: first}, now
	}
	if s.upcoming() == nil {
		return step{create: r.Current + 1}, now
	}
	wake = rotation(s, now)
	if s.upcoming().unreadable {
		wake = now.Add(confirmEvery)
	}
	if !now.Before(wake) {
		return step{write: promoted(s, now)}, now
	}
	if still := accepted(r, now); len(still) < len(r.Previous) {
		write := *r
		write.Previous = still
		return step{write: &write}, now
	}
	for _, p := range r.Previous {
		if p.Until.Time().Before(wake) {
			wake = p.Until.Time()
		}
	}
	// A number below the current one and not in the record is never used again.
	for n := range s.members {
		if n < r.Current && !retiring(r, n) {
			return step{remove: n}, now
		}
	}
	return step{}, wake
}

// rotation returns the time at which the next key will sign.
func rotation(s *state, now time.Time) time.Time {
	r, next := s.rotation, s.upcoming()
	from := usable(next, now)
	if r.Wanted || s.members[r.Current] == nil {
		return from
	}
	due := r.Since.Time().Add(time.Duration(r.IntervalDays) * day)
	if next == nil {
		return latest(from, due)
	}
	return latest(from, due, next.created.Add(leadUnasked))
}

// usable returns the time from which a key may sign: it has then been published for Lead, either observed here or by
// its creator's clock with the largest skew. A key not created yet may be created soon.
func usable(m *member, now time.Time) time.Time {
	if m == nil {
		return now.Add(Lead)
	}
	seen, told := m.arrived.Add(Lead), m.created.Add(Lead+skew)
	if told.Before(seen) {
		return told
	}
	return seen
}

// promoted returns the rotation record after the next key starts to sign.
func promoted(s *state, now time.Time) *proto.KeyRotation {
	r := s.rotation
	previous := accepted(r, now)
	if s.members[r.Current] != nil {
		previous = append(previous, proto.RetiringKey{Number: r.Current, Until: proto.At(now.Add(Accepted))})
	}
	return &proto.KeyRotation{Current: r.Current + 1, Since: proto.At(now), IntervalDays: r.IntervalDays,
		Previous: previous}
}

// accepted returns the previous keys that have not expired.
func accepted(r *proto.KeyRotation, now time.Time) []proto.RetiringKey {
	return slices.DeleteFunc(slices.Clone(r.Previous), func(p proto.RetiringKey) bool {
		return !now.Before(p.Until.Time())
	})
}

func latest(all ...time.Time) time.Time { return slices.MaxFunc(all, time.Time.Compare) }
