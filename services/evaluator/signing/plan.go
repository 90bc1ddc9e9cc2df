package signing

import (
	"slices"
	"time"

	"plumbline.dev/proto"
	"plumbline.dev/proto/entrysign"
)

const (
	// Interval is how long a key signs.
	Interval = 90 * 24 * time.Hour
	// Overlap is how long a key may sign after its successor was created. It is longer than a replica can lag, and than
	// clocks of replicas differ.
	Overlap = time.Hour
	// maxKeys bounds the public keys.
	maxKeys = 4096
)

// state is an immutable snapshot of the bucket. Each update makes a new one.
type state struct {
	members  map[uint64]*member
	complete bool // it contains everything that the bucket contained when the watch began
	later    chan struct{}
}

// member is a record of a key.
type member struct {
	revision uint64
	key      *key  // nil if it cannot be opened, or is deleted
	err      error // the reason
	// foreign is set if the record is sealed to other identities, as opposed to malformed.
	foreign bool
}

// newest returns the number of the newest key that can sign; 0 for none.
func (s *state) newest() (number uint64) {
	for n, m := range s.members {
		if n > number && m.key != nil && m.key.signer != nil {
			number = n
		}
	}
	return number
}

// signer returns the signing key; nil if there is none.
func (s *state) signer() *entrysign.Signer {
	if n := s.newest(); n != 0 && s.complete {
		return s.members[n].key.signer
	}
	return nil
}

// broken returns the reason why this replica must stop: another one signs with a key that this one cannot open, so they
// would replace each other's keys.
func (s *state) broken() error {
	signing := s.newest()
	for n, m := range s.members {
		if m.foreign && n > signing {
			return m.err
		}
	}
	return nil
}

// next returns the number of the next key.
func (s *state) next() uint64 {
	last := uint64(0)
	for n := range s.members {
		last = max(last, n)
	}
	return last + 1
}

// step is the next action. The zero value does nothing.
type step struct{ create, retire uint64 } // numbers of keys

// plan returns the next action. wanted is set if a new key was requested.
func plan(s *state, now time.Time, wanted bool) step {
	signing := s.newest()
	due := signing == 0 || wanted || now.Sub(s.members[signing].key.createdAt.Time()) >= Interval
	if due && len(s.members) < maxKeys {
		return step{create: s.next()}
	}
	for _, n := range s.numbers() {
		k := s.members[n].key
		if n < signing && k != nil && k.signer != nil && now.Sub(s.successor(n)) >= Overlap {
			return step{retire: n}
		}
	}
	return step{}
}

// successor returns the time at which the next usable key after a key was created.
func (s *state) successor(number uint64) time.Time {
	for _, n := range s.numbers() {
		if m := s.members[n]; n > number && m.key != nil {
			return m.key.createdAt.Time()
		}
	}
	return time.Time{}
}

// numbers returns the numbers of all keys, oldest first.
func (s *state) numbers() []uint64 {
	all := make([]uint64, 0, len(s.members))
	for n := range s.members {
		all = append(all, n)
	}
	slices.Sort(all)
	return all
}

// document returns the public keys, newest first.
func (s *state) document() entrysign.JWKS {
	set := entrysign.JWKS{Keys: []entrysign.JWK{}}
	for _, n := range slices.Backward(s.numbers()) {
		k := s.members[n].key
		if k == nil {
			continue
		}
		j := entrysign.NewJWK(k.public)
		j.CreatedAt, j.RetiredAt = seconds(k.createdAt), seconds(k.retired)
		set.Keys = append(set.Keys, j)
	}
	return set
}

func seconds(m proto.Millis) int64 {
	if m == 0 {
		return 0
	}
	return m.Time().Unix()
}
