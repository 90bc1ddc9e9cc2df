package keys

import (
	"slices"
	"time"

	"plumbline.dev/proto"
)

const (
	// Lead is how long a key is published before it may sign.
	Lead = time.Minute
	// leadUnasked is how long it is published before it signs because its time has come: verifiers that
	// fetch the keys once a day know it by then.
	leadUnasked = 24 * time.Hour
	// Accepted is how long a key is published after it has signed for the last time (api/README.md 8.1).
	Accepted = 7 * 24 * time.Hour
	// skew bounds by how much the clocks of replicas may differ: a key that was made longer ago than Lead and
	// skew has been published for Lead even where this replica has only just seen it.
	skew = 10 * time.Minute
	// maxPrevious bounds the keys that are accepted still, and with them the document: a verifier of
	// api/README.md 8.2 reads 1 MiB of it.
	maxPrevious = 32

	// DefaultInterval is the number of days between rotations, unless the account sets another one.
	DefaultInterval = 42
	// MinInterval and MaxInterval limit the days between rotations (api/README.md 8.1).
	MinInterval = 21
	MaxInterval = 365

	day = 24 * time.Hour
	// first is the number of the key that an installation begins with.
	first = 1
)

// step is the one thing to be done next. The zero value is nothing.
type step struct {
	create uint64             // the number of a key to be made
	write  *proto.KeyRotation // to take the place of the one that stands
	remove uint64             // the number of a key to be deleted
}

func (s step) none() bool { return s.create == 0 && s.write == nil && s.remove == 0 }

// plan tells what is to be done about the keys, or when to look again if nothing happens before.
func plan(s *state, now time.Time) (todo step, wake time.Time) {
	r := s.rotation
	if s.obscure != nil {
		return step{}, now.Add(confirmEvery) // whoever wrote it may know more than this build
	}
	if r == nil {
		// An installation begins, or comes from a build that had one key and did not rotate.
		if n, ok := s.lowest(); ok {
			return step{write: &proto.KeyRotation{Current: n, Since: proto.At(s.members[n].created), IntervalDays: DefaultInterval}}, now
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
	// A number below the current one that the rotation does not list is never listed again.
	for n := range s.members {
		if n < r.Current && !retiring(r, n) {
			return step{remove: n}, now
		}
	}
	return step{}, wake
}

// rotation is when the next key begins to sign, as things stand.
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

// usable is from when on a key may sign: it has then been published for Lead, as we have seen ourselves, or
// by the clock of who made it and however wrong that may be. One that is not made yet may be soon.
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

// promoted is the rotation after the next key has become the one that signs.
func promoted(s *state, now time.Time) *proto.KeyRotation {
	r := s.rotation
	previous := accepted(r, now)
	if s.members[r.Current] != nil {
		previous = append(previous, proto.RetiringKey{Number: r.Current, Until: proto.At(now.Add(Accepted))})
	}
	return &proto.KeyRotation{Current: r.Current + 1, Since: proto.At(now), IntervalDays: r.IntervalDays, Previous: previous}
}

// accepted are the previous keys whose time is not over.
func accepted(r *proto.KeyRotation, now time.Time) []proto.RetiringKey {
	return slices.DeleteFunc(slices.Clone(r.Previous), func(p proto.RetiringKey) bool { return !now.Before(p.Until.Time()) })
}

func latest(all ...time.Time) time.Time { return slices.MaxFunc(all, time.Time.Compare) }
