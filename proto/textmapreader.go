package proto

import (
	"encoding/json"
	"fmt"
	"time"

	"github.com/vmihailenco/msgpack/v5"
	"github.com/vmihailenco/msgpack/v5/msgpcode"
)

// mapReader reads the map of a public message, of its newest version or an older one: an id is text or 16 bytes, a time
// is text or a number of milliseconds. It skips members that are not known. The first error stays, and every later read
// returns zero.
type mapReader struct {
	dec  *msgpack.Decoder
	left int
	err  error
	buf  [maxWord]byte
}

// maxWord is the longest name of a member, id, time and word in bytes.
const maxWord = 64

// open begins to read a map. The decoder's next value must be one.
func (r *mapReader) open(dec *msgpack.Decoder) {
	*r = mapReader{dec: dec}
	r.left, r.err = dec.DecodeMapLen()
	if r.err == nil && r.left < 0 {
		r.err = fmt.Errorf("nil, a map expected")
	}
}

// next returns the name of the next member, or nil at the end. The name is valid until the next call of r. A name that
// is too long for a known member is empty.
func (r *mapReader) next() []byte {
	if r.err != nil || r.left == 0 {
		return nil
	}
	r.left--
	name, _ := r.short()
	if r.err != nil {
		return nil
	}
	return name
}

func (r *mapReader) keep(err error) {
	if r.err == nil {
		r.err = err
	}
}

// short reads a text into the reader's buffer. It returns false for one longer than the buffer, which it skips, and
// after an error. Nil is an empty text.
func (r *mapReader) short() ([]byte, bool) {
	if r.err != nil {
		return nil, false
	}
	n, err := r.dec.DecodeBytesLen()
	r.keep(err)
	fits := n <= len(r.buf)
	for r.err == nil && n > 0 {
		part := r.buf[:min(n, len(r.buf))]
		r.keep(r.dec.ReadFull(part))
		n -= len(part)
		if fits && r.err == nil {
			return part, true
		}
	}
	return r.buf[:0], fits && r.err == nil
}

// code returns the code of the next value, without reading it.
func (r *mapReader) code() byte {
	if r.err != nil {
		return 0
	}
	code, err := r.dec.PeekCode()
	r.keep(err)
	return code
}

// isNil reads nil, if that is the next value.
func (r *mapReader) isNil() bool {
	if r.code() != msgpcode.Nil || r.err != nil {
		return false
	}
	r.keep(r.dec.DecodeNil())
	return true
}

// isText reports whether the next value is a text.
func (r *mapReader) isText() bool { return msgpcode.IsString(r.code()) }

// nested reads a member that is a map. member reads or skips each of its values.
func (r *mapReader) nested(member func(m *mapReader, name string)) {
	if r.err != nil || r.isNil() {
		return
	}
	var m mapReader
	m.open(r.dec)
	for name := m.next(); name != nil; name = m.next() {
		member(&m, string(name))
	}
	r.keep(m.err)
}

// pick reads a value with read if it is wanted, and skips it otherwise.
func (r *mapReader) pick(wanted bool, read func()) {
	if wanted {
		read()
		return
	}
	r.skip()
}

// json reads JSON, which is text or bytes. Empty JSON is nil.
func (r *mapReader) json(into *json.RawMessage) {
	if r.err != nil || r.isNil() {
		return
	}
	v, err := r.dec.DecodeBytes()
	r.keep(err)
	if len(v) == 0 {
		v = nil
	}
	*into = v
}

// skip skips the value of a member.
func (r *mapReader) skip() {
	if r.err == nil {
		r.keep(r.dec.Skip())
	}
}

func (r *mapReader) text(into *string) {
	if r.err == nil && !r.isNil() {
		v, err := r.dec.DecodeString()
		r.keep(err)
		*into = v
	}
}

func (r *mapReader) id(into *ID) {
	switch code := r.code(); {
	case r.err != nil || r.isNil():
	case msgpcode.IsBin(code):
		r.keep(decode16(r.dec, (*[16]byte)(into)))
	default:
		text, ok := r.short()
		if r.err != nil || ok && len(text) == 0 {
			return // the zero id
		}
		id, valid := ParseIDBytes(text)
		if !ok || !valid {
			r.keep(fmt.Errorf("%q is not an id", text)) // empty if it is too long
			return
		}
		*into = id
	}
}

func (r *mapReader) account(into *Account) {
	text, ok := r.short()
	if r.err != nil {
		return
	}
	a, err := ParseAccount(string(text))
	if !ok {
		err = fmt.Errorf("%q is not an account id", text)
	}
	r.keep(err)
	*into = a
}

func (r *mapReader) time(into *Millis) {
	code := r.code()
	if r.err != nil || r.isNil() {
		return
	}
	if !msgpcode.IsString(code) {
		v, err := r.dec.DecodeInt64()
		r.keep(err)
		*into = Millis(v)
		return
	}
	text, ok := r.short()
	if r.err != nil || ok && len(text) == 0 {
		return // never
	}
	t, err := time.Parse(time.RFC3339Nano, string(text))
	if !ok || err != nil {
		r.keep(fmt.Errorf("%q is not a time in RFC 3339", text))
		return
	}
	*into = Millis(t.UnixMilli())
}

func (r *mapReader) uint(into *uint64) {
	if r.err == nil && !r.isNil() {
		v, err := r.dec.DecodeUint64()
		r.keep(err)
		*into = v
	}
}

// uintMax reads a number of at most max, to fit its field.
func (r *mapReader) uintMax(max uint64) (v uint64) {
	r.uint(&v)
	if v > max {
		r.keep(fmt.Errorf("number %d, at most %d expected", v, max))
		return 0
	}
	return v
}

func (r *mapReader) int(into *int) {
	if r.err == nil && !r.isNil() {
		v, err := r.dec.DecodeInt()
		r.keep(err)
		*into = v
	}
}

func (r *mapReader) bool(into *bool) {
	if r.err == nil && !r.isNil() {
		v, err := r.dec.DecodeBool()
		r.keep(err)
		*into = v
	}
}

// list opens an array of at most max elements and returns their number.
func (r *mapReader) list(max int) int {
	if r.err != nil {
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

// outcome reads an outcome's word. A word of a later version becomes unknown, which never passes.
func (r *mapReader) outcome(into *Outcome) {
	text, ok := r.short()
	if r.err != nil || !ok {
		*into = OutcomeUnknown
		return
	}
	*into = Outcome(wordNumber(outcomeNames[:], text, "outcome", uint8(OutcomeUnknown)))
}

// reason reads a reason's word. A word of a later version becomes [ReasonOther].
func (r *mapReader) reason(into *Reason) {
	text, ok := r.short()
	if r.err != nil || !ok {
		*into = ReasonOther
		return
	}
	*into = Reason(wordNumber(reasonNames[:], text, "reason", uint8(ReasonOther)))
}

// wordNumber returns the number of a word in a list. A number without a word is written "kind(number)", as String does.
func wordNumber(names []string, word []byte, kind string, otherwise uint8) uint8 {
	for n, name := range names {
		if string(word) == name {
			return uint8(n) //nolint:gosec // the lists are short
		}
	}
	var n uint8
	if _, err := fmt.Sscanf(string(word), kind+"(%d)", &n); err == nil && int(n) >= len(names) {
		return n
	}
	return otherwise
}
