package keys

import (
	"maps"
	"slices"
	"time"

	"plumbline.dev/proto"
)

// state is how the KEYS bucket stands, as far as a replica has seen. It does not change: each update makes
// another.
type state struct {
	members  map[uint64]*member
	rotation *proto.KeyRotation // nil: there is none
	// obscure is why the newest record of the rotation cannot be read: nothing is rotated until it can. rotation is
	// then the last one that could be, or what the keys suggest.
	obscure error
	// rotationRevision is what a write of rotation must expect, 0 where it was never there.
	rotationRevision uint64
	revision         uint64 // the newest seen
	complete         bool   // it holds what the bucket held when the view began

	set    *Set  // what it makes; nil while there is no key to sign with
	broken error // why this replica must not go on
	later  chan struct{}
}

// member is one of the keys.
type member struct {
	number   uint64
	revision uint64
	created  time.Time // by the clock of who made it
	arrived  time.Time // when it was first seen here, by our own
	public   *Key      // its public half; nil where the record holds none
	key      *Key      // nil where it cannot be opened
	err      error     // why not
	// unreadable is set if the record is not that of a key, in contrast to one that is sealed to another identity.
	unreadable bool
}

func newState() *state {
	return &state{members: map[uint64]*member{}, later: make(chan struct{})}
}

// next is a copy to be changed, which stands at a revision.
func (s *state) next(revision uint64) *state {
	n := *s
	n.members, n.revision, n.later = maps.Clone(s.members), max(s.revision, revision), make(chan struct{})
	return &n
}

// with is the state with a key.
func (s *state) with(m *member) *state {
	n := s.next(m.revision)
	n.members[m.number] = m
	return n
}

// without is the state with a key deleted.
func (s *state) without(number, revision uint64) *state {
	n := s.next(revision)
	delete(n.members, number)
	return n
}

// rotated is the state with another record of the rotation.
func (s *state) rotated(r *proto.KeyRotation, revision uint64) *state {
	n := s.next(revision)
	n.rotation, n.rotationRevision, n.obscure = r, revision, nil
	return n
}

// obscured is the state with a record of the rotation that cannot be read.
func (s *state) obscured(why error, revision uint64) *state {
	n := s.next(revision)
	n.rotationRevision, n.obscure = revision, why
	return n
}

// suggested is a rotation for keys whose record of it cannot be read. The newest key may be too young for verifiers
// to know it, so the one before it signs, if there is one; every key is accepted.
func (s *state) suggested() *proto.KeyRotation {
	var usable []uint64
	for n, m := range s.members {
		if m.key != nil {
			usable = append(usable, n)
		}
	}
	if len(usable) == 0 {
		return nil
	}
	slices.Sort(usable)
	r := &proto.KeyRotation{Current: usable[max(len(usable)-2, 0)], IntervalDays: DefaultInterval}
	r.Since = proto.At(s.members[r.Current].created)
	for n := range s.members {
		if n < r.Current {
			r.Previous = append(r.Previous, proto.RetiringKey{Number: n, Until: proto.At(s.members[r.Current].created.Add(Accepted))})
		}
	}
	return r
}

// signer is the key that signs: the current one, or the newest one that verifiers know, if its record is not that of
// a key.
func (s *state) signer() *member {
	m := s.members[s.rotation.Current]
	if m == nil || !m.unreadable {
		return m
	}
	var best *member
	for n, other := range s.members {
		accepted := retiring(s.rotation, n) || n == s.rotation.Current+1
		if accepted && other.key != nil && (best == nil || better(n, best.number, s.rotation.Current)) {
			best = other
		}
	}
	return best
}

// better reports whether key a rather than key b signs in place of the current one: one that has signed before is
// known to every verifier.
func better(a, b, current uint64) bool {
	if (a < current) != (b < current) {
		return a < current
	}
	return a > b
}

// upcoming is the key that signs after the current one, nil where it is not made yet.
func (s *state) upcoming() *member { return s.members[s.rotation.Current+1] }

// published are the numbers of the keys that verifiers are to know: the one that signs first, then those to
// come, then those that signed before.
func (s *state) published() []uint64 {
	var all []uint64
	for n := range s.members {
		if n >= s.rotation.Current || retiring(s.rotation, n) {
			all = append(all, n)
		}
	}
	slices.SortFunc(all, func(a, b uint64) int {
		switch current := s.rotation.Current; {
		case a == b:
			return 0
		case a == current, b != current && a > b:
			return -1
		}
		return 1
	})
	return all
}

// retiring tells whether a key signs no more and is still accepted.
func retiring(r *proto.KeyRotation, number uint64) bool {
	return slices.ContainsFunc(r.Previous, func(p proto.RetiringKey) bool { return p.Number == number })
}

// settle works out what the state is good for, once it is complete. A replica that cannot open the keys that
// sign now and next must not run: it would be one that others do not agree with.
func (s *state) settle() *state {
	if !s.complete {
		return s
	}
	s.set, s.broken = nil, nil
	if s.rotation == nil && s.obscure != nil {
		s.rotation = s.suggested()
	}
	needed := []uint64{}
	if s.rotation != nil {
		needed = append(needed, s.rotation.Current, s.rotation.Current+1)
	} else if n, ok := s.lowest(); ok {
		needed = append(needed, n)
	}
	for _, n := range needed {
		if m := s.members[n]; m != nil && m.err != nil && !m.unreadable {
			s.broken = m.err
			return s
		}
	}
	if s.rotation == nil {
		return s
	}
	signer := s.signer()
	if signer == nil {
		return s
	}
	var all []*Key
	for _, n := range s.published() {
		if m := s.members[n]; m.public != nil {
			all = append(all, m.public)
		}
	}
	set := &Set{signing: signer.key, Published: len(all), Since: s.rotation.Since.Time()}
	if set.certs, s.broken = document(all); s.broken == nil {
		s.set = set
	}
	return s
}

// lowest is the number of the oldest key.
func (s *state) lowest() (number uint64, ok bool) {
	for n := range s.members {
		if !ok || n < number {
			number, ok = n, true
		}
	}
	return number, ok
}
