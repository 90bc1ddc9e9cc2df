package keys

import (
	"maps"
	"slices"
	"time"

	"plumbline.dev/proto"
)

// state is an immutable snapshot of the KEYS bucket as seen by a replica. Each update makes a new one.
type state struct {
	members  map[uint64]*member
	rotation *proto.KeyRotation // nil: none
	// obscure is the reason why the newest rotation record cannot be read. Nothing is rotated until then, and rotation
	// is the last readable record, or derived from the keys.
	obscure error
	// rotationRevision is the revision that a write of rotation must expect, 0 if it never existed.
	rotationRevision uint64
	revision         uint64 // the newest seen
	complete         bool   // it contains everything that the bucket contained when the watch began

	set    *Snapshot // the result; nil without a signing key
	broken error     // the reason why this replica must stop
	later  chan struct{}
}

// member is one of the keys.
type member struct {
	number   uint64
	revision uint64
	created  time.Time // by its creator's clock
	arrived  time.Time // when it was first seen here, by our clock
	public   *Key      // its public half; nil if the record has none
	key      *Key      // nil if it cannot be decrypted
	err      error     // the reason
	// unreadable is set if the record is malformed, as opposed to encrypted to another identity.
	unreadable bool
}

func newState() *state {
	return &state{members: map[uint64]*member{}, later: make(chan struct{})}
}

// next returns a copy for modification, at a revision.
func (s *state) next(revision uint64) *state {
	n := *s
	n.members, n.revision, n.later = maps.Clone(s.members), max(s.revision, revision), make(chan struct{})
	return &n
}

// with returns the state with a key added.
func (s *state) with(m *member) *state {
	n := s.next(m.revision)
	n.members[m.number] = m
	return n
}

// without returns the state with a key deleted.
func (s *state) without(number, revision uint64) *state {
	n := s.next(revision)
	delete(n.members, number)
	return n
}

// rotated returns the state with a new rotation record.
func (s *state) rotated(r *proto.KeyRotation, revision uint64) *state {
	n := s.next(revision)
	n.rotation, n.rotationRevision, n.obscure = r, revision, nil
	return n
}

// obscured returns the state with an unreadable rotation record.
func (s *state) obscured(why error, revision uint64) *state {
	n := s.next(revision)
	n.rotationRevision, n.obscure = revision, why
	return n
}

// suggested derives a rotation if its record is unreadable. Verifiers may not know the newest key yet, so the one
// before it signs, if there is one. Every key is accepted.
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
			r.Previous = append(r.Previous,
				proto.RetiringKey{Number: n, Until: proto.At(s.members[r.Current].created.Add(Accepted))})
		}
	}
	return r
}

// signer returns the signing key: the current one or, if its record is malformed, the newest one known to verifiers.
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

// better reports whether key a should replace the current key rather than b. A key that has signed before is known to
// every verifier.
func better(a, b, current uint64) bool {
	if (a < current) != (b < current) {
		return a < current
	}
	return a > b
}

// upcoming returns the key after the current one, or nil if it does not exist yet.
func (s *state) upcoming() *member { return s.members[s.rotation.Current+1] }

// published returns the numbers of the published keys: the signing key first, then upcoming keys, then previous ones.
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

// retiring reports whether a key no longer signs and is still accepted.
func retiring(r *proto.KeyRotation, number uint64) bool {
	return slices.ContainsFunc(r.Previous, func(p proto.RetiringKey) bool { return p.Number == number })
}

// settle derives the result of a complete state. A replica that cannot decrypt the current and the next key must
// stop, because it would disagree with the others.
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
	set := &Snapshot{signing: signer.key, Published: len(all), Since: s.rotation.Since.Time()}
	if set.certs, s.broken = document(all); s.broken == nil {
		s.set = set
	}
	return s
}

// lowest returns the number of the oldest key.
func (s *state) lowest() (number uint64, ok bool) {
	for n := range s.members {
		if !ok || n < number {
			number, ok = n, true
		}
	}
	return number, ok
}
