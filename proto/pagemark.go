package proto

import (
	"hash/crc32"

	"github.com/vmihailenco/msgpack/v5"
)

// PageMark tells whether a stored page is the one that the registry wrote. The zero mark is that of a page that was
// never written, or was deleted.
type PageMark struct {
	Sum     uint32 // of the stored bytes, never 0
	Devices int    // enrolled and revoked
}

var castagnoli = crc32.MakeTable(crc32.Castagnoli)

// MarkPage returns the mark of a page, given its stored bytes and the number of its devices.
func MarkPage(stored []byte, devices int) PageMark {
	return PageMark{Sum: max(crc32.Checksum(stored, castagnoli), 1), Devices: devices}
}

// EncodeMsgpack writes [sum, devices].
func (m *PageMark) EncodeMsgpack(enc *msgpack.Encoder) error { return encodeTo(enc, m) }

// encode implements fielded.
func (m *PageMark) encode(w *writer) {
	w.array(2)
	w.uint(uint64(m.Sum))
	w.int(int64(m.Devices))
}

// size implements fielded.
func (*PageMark) size() int { return 16 }

// DecodeMsgpack reads what EncodeMsgpack writes.
func (m *PageMark) DecodeMsgpack(dec *msgpack.Decoder) error {
	r := readArray(dec, 2)
	m.Sum, m.Devices = uint32(r.uintMax(1<<32-1)), r.count()
	return r.close()
}
