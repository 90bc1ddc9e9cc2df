package proto

import (
	"encoding/binary"
	"math"
	"time"

	"github.com/vmihailenco/msgpack/v5/msgpcode"
)

// The public messages are maps: members have the names of the HTTP API, ids and times are text, outcomes and reasons
// are words. The functions below append msgpack to a slice, since a change has 1,000 devices with the same members.

// appendStr appends a string.
func appendStr[T string | []byte](b []byte, s T) []byte {
	switch n := len(s); {
	case n < 32:
		b = append(b, msgpcode.FixedStrLow|byte(n))
	case n <= math.MaxUint8:
		b = append(b, msgpcode.Str8, byte(n))
	case n <= math.MaxUint16:
		b = binary.BigEndian.AppendUint16(append(b, msgpcode.Str16), uint16(n))
	default:
		b = binary.BigEndian.AppendUint32(append(b, msgpcode.Str32), uint32(n)) //nolint:gosec // a payload has at most 4 MiB
	}
	return append(b, s...)
}

// appendUint appends a number in its shortest form.
func appendUint(b []byte, v uint64) []byte {
	switch {
	case v <= math.MaxInt8:
		return append(b, byte(v))
	case v <= math.MaxUint8:
		return append(b, msgpcode.Uint8, byte(v))
	case v <= math.MaxUint16:
		return binary.BigEndian.AppendUint16(append(b, msgpcode.Uint16), uint16(v))
	case v <= math.MaxUint32:
		return binary.BigEndian.AppendUint32(append(b, msgpcode.Uint32), uint32(v))
	}
	return binary.BigEndian.AppendUint64(append(b, msgpcode.Uint64), v)
}

func appendInt(b []byte, v int64) []byte {
	if v >= 0 {
		return appendUint(b, uint64(v))
	}
	return binary.BigEndian.AppendUint64(append(b, msgpcode.Int64), uint64(v)) //nolint:gosec // its two's complement
}

func appendBool(b []byte, v bool) []byte {
	if v {
		return append(b, msgpcode.True)
	}
	return append(b, msgpcode.False)
}

func appendNil(b []byte) []byte { return append(b, msgpcode.Nil) }

// appendArray appends the head of an array of n elements.
func appendArray(b []byte, n int) []byte {
	if n < 16 {
		return append(b, msgpcode.FixedArrayLow|byte(n))
	}
	return binary.BigEndian.AppendUint32(append(b, msgpcode.Array32), uint32(n)) //nolint:gosec // at most 2 * PageSize
}

// appendID appends the 36 characters of an id. It takes a pointer: a copy would escape to the heap.
func appendID(b []byte, id *ID) []byte { return appendHex36(append(b, msgpcode.Str8, 36), id) }

// maxTime is the last moment with a year of four digits, as RFC 3339 requires.
var maxTime = Millis(time.Date(10_000, 1, 1, 0, 0, 0, 0, time.UTC).UnixMilli() - 1)

// minTime is the first one.
var minTime = Millis(time.Date(0, 1, 1, 0, 0, 0, 0, time.UTC).UnixMilli())

// appendTime appends a time in RFC 3339, or nil for none. A time before minTime or after maxTime becomes that one.
func appendTime(b []byte, m Millis) []byte {
	if m == 0 {
		return appendNil(b)
	}
	text := make([]byte, 0, len(time.RFC3339Nano))
	return appendStr(b, max(min(m, maxTime), minTime).Time().AppendFormat(text, time.RFC3339Nano))
}

// mapWriter appends a map of at most 65,535 members. The zero value is not usable: see beginMap.
type mapWriter struct {
	b       []byte
	head    int // the index of the map's first byte in b
	members int
}

// beginMap begins a map after b.
func beginMap(b []byte) mapWriter { return mapWriter{b: append(b, msgpcode.Map16, 0, 0), head: len(b)} }

// end writes the number of members into the head, and returns what was appended to.
func (w *mapWriter) end() []byte {
	binary.BigEndian.PutUint16(w.b[w.head+1:], uint16(w.members)) //nolint:gosec // the code names the members
	return w.b
}

// submap appends a member that is a map.
func (w *mapWriter) submap(name string, write func(*mapWriter)) {
	w.key(name)
	m := beginMap(w.b)
	write(&m)
	w.b = m.end()
}

// key appends the name of the next member.
func (w *mapWriter) key(name string) { w.b, w.members = appendStr(w.b, name), w.members+1 }

func (w *mapWriter) text(name, v string) { w.key(name); w.b = appendStr(w.b, v) }

// someText leaves out an empty text.
func (w *mapWriter) someText(name, v string) {
	if v != "" {
		w.text(name, v)
	}
}

func (w *mapWriter) account(name string, v Account) { w.text(name, v.String()) }

func (w *mapWriter) id(name string, v *ID) { w.key(name); w.b = appendID(w.b, v) }

// someID leaves out a zero id.
func (w *mapWriter) someID(name string, v *ID) {
	if !v.IsZero() {
		w.id(name, v)
	}
}

func (w *mapWriter) time(name string, v Millis) { w.key(name); w.b = appendTime(w.b, v) }
func (w *mapWriter) uint(name string, v uint64) { w.key(name); w.b = appendUint(w.b, v) }
func (w *mapWriter) int(name string, v int)     { w.key(name); w.b = appendInt(w.b, int64(v)) }
func (w *mapWriter) bool(name string, v bool)   { w.key(name); w.b = appendBool(w.b, v) }
