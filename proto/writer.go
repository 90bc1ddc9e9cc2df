package proto

import (
	"encoding/binary"
	"math"

	"github.com/vmihailenco/msgpack/v5"
	"github.com/vmihailenco/msgpack/v5/msgpcode"
)

// writer appends fields one after the other and keeps the first error, so a message's encoding reads as the list of its
// fields. Each field takes the shortest form that msgpack has for it.
type writer struct {
	b   []byte
	err error
}

// encodeTo writes a message as a part of another one.
func encodeTo(enc *msgpack.Encoder, m fielded) error {
	w := writer{b: make([]byte, 0, m.size())}
	if m.encode(&w); w.err != nil {
		return w.err
	}
	return enc.Encode(msgpack.RawMessage(w.b))
}

func (w *writer) fail(err error) {
	if w.err == nil {
		w.err = err
	}
}

func (w *writer) array(n int)     { w.b = appendList(w.b, n) }
func (w *writer) int(v int64)     { w.b = appendShort(w.b, v) }
func (w *writer) id(v *ID)        { w.b = appendBinary(w.b, v) }
func (w *writer) uint(v uint64)   { w.b = appendUint(w.b, v) }
func (w *writer) str(v string)    { w.b = appendStr(w.b, v) }
func (w *writer) bool(v bool)     { w.b = appendBool(w.b, v) }
func (w *writer) none()           { w.b = appendNil(w.b) }
func (w *writer) at(v Millis)     { w.int(int64(v)) }
func (w *writer) reason(v Reason) { w.uint(uint64(v)) }

// The functions below are for the fields of devices: a writer's buffer is on the heap, where each of 10,000 fields
// would cost a write barrier while garbage is collected.

// appendList appends the head of an array in its shortest form.
func appendList(b []byte, n int) []byte {
	if n > 15 && n <= math.MaxUint16 {
		return binary.BigEndian.AppendUint16(append(b, msgpcode.Array16), uint16(n))
	}
	return appendArray(b, n)
}

// appendShort appends a number in its shortest form, also if it is negative.
func appendShort(b []byte, v int64) []byte {
	switch {
	case v >= 0:
		return appendUint(b, uint64(v))
	case v >= -32:
		return append(b, byte(v))
	case v >= math.MinInt8:
		return append(b, msgpcode.Int8, byte(v))
	case v >= math.MinInt16:
		return binary.BigEndian.AppendUint16(append(b, msgpcode.Int16), uint16(v))
	case v >= math.MinInt32:
		return binary.BigEndian.AppendUint32(append(b, msgpcode.Int32), uint32(v))
	}
	return appendInt(b, v)
}

// appendBinary appends the 16 bytes of an id.
func appendBinary(b []byte, id *ID) []byte {
	return append(append(b, msgpcode.Bin8, byte(len(id))), id[:]...)
}
