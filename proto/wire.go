package proto

import (
	"bytes"
	"fmt"
	"sync"

	"github.com/vmihailenco/msgpack/v5"
	"github.com/vmihailenco/msgpack/v5/msgpcode"
)

// Marshal encodes a message. The result is the caller's own.
func Marshal(m Message) ([]byte, error) {
	if a, ok := m.(appender); ok {
		return a.append(nil), nil
	}
	buf := buffers.Get().(*bytes.Buffer)
	defer buffers.Put(buf)
	buf.Reset()
	enc := msgpack.GetEncoder()
	defer msgpack.PutEncoder(enc)
	enc.Reset(buf)
	enc.SetOmitEmpty(true)
	enc.UseCompactInts(true)
	if err := enc.Encode(m); err != nil {
		return nil, fmt.Errorf("encode %s: %w", m.Schema(), err)
	}
	return bytes.Clone(buf.Bytes()), nil
}

// appender is a message that writes itself, without an encoder. append allocates a slice of the right size for nil.
type appender interface{ append(b []byte) []byte }

// buffers are reused by Marshal: growing a new one to an entry's size costs four times its bytes.
var buffers = sync.Pool{New: func() any { return new(bytes.Buffer) }}

// Unmarshal decodes data into m and overwrites it. Bytes after the message are an error: a message is the whole of its
// payload.
func Unmarshal(data []byte, m Message) error {
	r := bytes.NewReader(data)
	dec := msgpack.GetDecoder()
	defer msgpack.PutDecoder(dec)
	dec.Reset(r)
	if err := dec.Decode(m); err != nil {
		return fmt.Errorf("decode %s: %w", m.Schema(), err)
	}
	if r.Len() > 0 {
		return fmt.Errorf("decode %s: %d bytes after the message", m.Schema(), r.Len())
	}
	return nil
}

// writer writes fields one after the other and keeps the first error, so a message's encoding reads as the list of its
// fields.
type writer struct {
	enc *msgpack.Encoder
	err error
}

func (w *writer) put(err error) {
	if w.err == nil {
		w.err = err
	}
}

func (w *writer) array(n int)   { w.put(w.enc.EncodeArrayLen(n)) }
func (w *writer) uint(v uint64) { w.put(w.enc.EncodeUint(v)) }
func (w *writer) int(v int64)   { w.put(w.enc.EncodeInt(v)) }
func (w *writer) str(v string)  { w.put(w.enc.EncodeString(v)) }
func (w *writer) bool(v bool)   { w.put(w.enc.EncodeBool(v)) }

// id takes a pointer: a copy would escape to the heap, once for each device.
func (w *writer) id(v *ID)        { w.put(w.enc.EncodeBytes(v[:])) }
func (w *writer) at(v Millis)     { w.int(int64(v)) }
func (w *writer) reason(v Reason) { w.uint(uint64(v)) }
func (w *writer) out(v Outcome)   { w.uint(uint64(v)) }

// reader is the counterpart of writer. Fields past the array's end read as zero: an older writer did not know them. The
// first error stays, and every later read returns zero.
type reader struct {
	dec  *msgpack.Decoder
	left int
	err  error
}

// readArray opens an array of at least min fields.
func readArray(dec *msgpack.Decoder, min int) reader {
	n, err := dec.DecodeArrayLen()
	if err == nil && n < min {
		err = fmt.Errorf("array of %d fields, at least %d expected", n, min)
	}
	return reader{dec: dec, left: n, err: err}
}

func (r *reader) next() bool {
	if r.err != nil || r.left == 0 {
		return false
	}
	r.left--
	return true
}

func (r *reader) keep(err error) {
	if r.err == nil {
		r.err = err
	}
}

func (r *reader) uint() (v uint64) {
	if r.next() {
		var err error
		v, err = r.dec.DecodeUint64()
		r.keep(err)
	}
	return v
}

// uintMax reads a number of at most max, to fit its field.
func (r *reader) uintMax(max uint64) uint64 {
	v := r.uint()
	if v > max {
		r.keep(fmt.Errorf("number %d, at most %d expected", v, max))
		return 0
	}
	return v
}

func (r *reader) int() (v int64) {
	if r.next() {
		var err error
		v, err = r.dec.DecodeInt64()
		r.keep(err)
	}
	return v
}

// optionalInt reads a number or nil.
func (r *reader) optionalInt() (v int64, known bool) {
	if !r.next() {
		return 0, false
	}
	code, err := r.dec.PeekCode()
	if err == nil && code == msgpcode.Nil {
		err = r.dec.DecodeNil()
	} else if err == nil {
		v, err = r.dec.DecodeInt64()
		known = err == nil
	}
	r.keep(err)
	return v, known
}

func (r *reader) str() (v string) {
	if r.next() {
		var err error
		v, err = r.dec.DecodeString()
		r.keep(err)
	}
	return v
}

func (r *reader) bool() (v bool) {
	if r.next() {
		var err error
		v, err = r.dec.DecodeBool()
		r.keep(err)
	}
	return v
}

func (r *reader) id(into *ID) {
	if r.next() {
		r.keep(decode16(r.dec, (*[16]byte)(into)))
	}
}

func (r *reader) at() Millis     { return Millis(r.int()) }
func (r *reader) reason() Reason { return Reason(r.uintMax(255)) }
func (r *reader) out() Outcome   { return Outcome(r.uintMax(255)) }
func (r *reader) count() int     { return int(r.uintMax(1 << 31)) }

// list opens the nested array in the next field, of at most max elements, and returns its length. It returns 0 if the
// field is absent.
func (r *reader) list(max int) int {
	if !r.next() {
		return 0
	}
	n, err := r.dec.DecodeArrayLen()
	if err == nil && n > max {
		err = fmt.Errorf("array of %d elements, at most %d expected", n, max)
	}
	r.keep(err)
	if r.err != nil || n < 0 {
		return 0
	}
	return n
}

// close skips fields unknown to this reader.
func (r *reader) close() error {
	for r.err == nil && r.left > 0 {
		r.left--
		r.keep(r.dec.Skip())
	}
	return r.err
}
