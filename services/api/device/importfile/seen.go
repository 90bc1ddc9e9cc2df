package importfile

import (
	"encoding/binary"
	"hash/maphash"

	"plumbline.dev/proto"
)

// Seen is a set of device ids: 16 to 32 bytes for each, at most [maxSeen] ids. It compares ids by a seeded 64-bit
// hash. It is not safe for concurrent use.
type Seen struct {
	seed  maphash.Seed
	slots []uint64 // open addressing; 0 is an empty slot
	n     int
}

// maxSeen bounds a set to 512 MiB.
const maxSeen = 32 << 20

// NewSeen returns an empty set.
func NewSeen() *Seen { return &Seen{seed: maphash.MakeSeed()} }

// Add adds an id and reports whether it was present. A full set adds nothing more; see [Seen.Full].
func (s *Seen) Add(id proto.ID) bool {
	if 2*s.n >= len(s.slots) {
		s.grow()
	}
	h := maphash.Bytes(s.seed, id[:]) | 1
	at := s.find(h)
	if s.slots[at] == h {
		return true
	}
	if !s.Full() {
		s.slots[at] = h
		s.n++
	}
	return false
}

// Full reports whether the set is full.
func (s *Seen) Full() bool { return s.n >= maxSeen }

// find returns the slot of a hash, or the empty slot for it.
func (s *Seen) find(h uint64) int {
	mask := len(s.slots) - 1
	for at := int(h>>1) & mask; ; at = (at + 1) & mask {
		if s.slots[at] == h || s.slots[at] == 0 {
			return at
		}
	}
}

func (s *Seen) grow() {
	old := s.slots
	if len(old) >= 2*maxSeen {
		return
	}
	s.slots = make([]uint64, max(2*len(old), 1024))
	for _, h := range old {
		if h != 0 {
			s.slots[s.find(h)] = h
		}
	}
}

// placeholderIDs are default ids left in place by makers of boards. Unrelated machines share them.
var placeholderIDs = idsOf(
	"03000200-0400-0500-0006-000700080009", "00020003-0004-0005-0006-000700080009", "00020003-0004-0005-0607-08090a0b0c0d",
	"12345678-1234-5678-90ab-cddeefaabbcc", "12345678-1234-1234-1234-123456789abc", "12345678-1234-1234-1234-123456789012",
	"01234567-89ab-cdef-0123-456789abcdef", "00112233-4455-6677-8899-aabbccddeeff", "ffeeddcc-bbaa-9988-7766-554433221100",
	"4c4c4544-0000-2010-8020-80c04f202020", "44454c4c-0000-1020-8020-80c04f202020", "deadbeef-dead-beef-dead-beefdeadbeef",
	"00000000-0000-0000-0000-ac1f6bffffff", "fefefefe-fefe-fefe-fefe-fefefefefefe", "d0ff5075-ffff-ffff-ffff-ffffffffffff",
)

func idsOf(texts ...string) map[proto.ID]bool {
	ids := map[proto.ID]bool{}
	for _, text := range texts {
		id, err := proto.ParseID(text)
		if err != nil {
			panic(err)
		}
		ids[id] = true
	}
	return ids
}

// PlaceholderID reports whether many machines share an id: a known default of a board, or a repeated byte or pair of
// bytes (FFFFFFFF-..., 00000000-...).
func PlaceholderID(id proto.ID) bool {
	if placeholderIDs[id] {
		return true
	}
	pair := binary.BigEndian.Uint16(id[:2])
	for n := 2; n < len(id); n += 2 {
		if binary.BigEndian.Uint16(id[n:]) != pair {
			return false
		}
	}
	return true
}
