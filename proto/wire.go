package proto

import (
	"bytes"
	"fmt"

	"github.com/vmihailenco/msgpack/v5"
	"github.com/vmihailenco/msgpack/v5/msgpcode"
)

// Marshal encodes a message. The result is the caller's own.
func Marshal(m Message) ([]byte, error) {
	switch m := m.(type) {
	case appender:
		return m.append(nil), nil
	case fielded:
		w := writer{b: make([]byte, 0, m.size())}
		if m.encode(&w); w.err != nil {
			return nil, fmt.Errorf("encode %s: %w", m.(Message).Schema(), w.err)
		}
		return w.b, nil
	}
	var buf bytes.Buffer
	enc := msgpack.GetEncoder()
	defer msgpack.PutEncoder(enc)
	enc.Reset(&buf)
	enc.SetOmitEmpty(true)
	enc.UseCompactInts(true)
	if err := enc.Encode(m); err != nil {
		return nil, fmt.Errorf("encode %s: %w", m.Schema(), err)
	}
	return buf.Bytes(), nil
}

// appender is a message that writes itself, without an encoder. append allocates a slice of the right size for nil.
type appender interface{ append(b []byte) []byte }

// fielded is a message that is an array of fields. It writes itself, without an encoder: an encoder's calls for each
// field of each device cost three times as much processor time.
type fielded interface {
	size() int // about the number of bytes that encode appends
	encode(w *writer)
}

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
