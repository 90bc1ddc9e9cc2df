package proto

import (
	"crypto/rand"
	"crypto/sha1"
	"encoding/hex"
	"fmt"
	"strings"
	"time"

	"github.com/vmihailenco/msgpack/v5"
)

// ID is a UUID: of a device, an integration, a check, a service token, an application, a policy.
type ID [16]byte

// NewID makes a random (version 4) id.
func NewID() ID {
	var id ID
	rand.Read(id[:]) // never fails since Go 1.24
	id[6] = id[6]&0x0f | 0x40
	id[8] = id[8]&0x3f | 0x80
	return id
}

// DeriveID makes the version 5 id of name in the namespace of an account: the same device imported twice
// without an id of its own is the same device.
func DeriveID(namespace Account, name string) ID {
	h := sha1.New()
	h.Write(namespace[:])
	h.Write([]byte(name))
	var id ID
	copy(id[:], h.Sum(nil))
	id[6] = id[6]&0x0f | 0x50
	id[8] = id[8]&0x3f | 0x80
	return id
}

// ParseID reads the 36-character form, in either case.
func ParseID(s string) (ID, error) {
	id, ok := parseUUID(s)
	if !ok {
		return ID{}, fmt.Errorf("%q is not a UUID of the form xxxxxxxx-xxxx-xxxx-xxxx-xxxxxxxxxxxx", clip(s))
	}
	return id, nil
}

// ParseIDBytes is ParseID for the hot path: it allocates nothing and says only whether s is an id.
func ParseIDBytes(s []byte) (id ID, ok bool) { return parseUUID(s) }

// parseUUID returns the id by value: a pointer to it would put it on the heap of every caller.
func parseUUID[T string | []byte](s T) (id ID, ok bool) {
	if len(s) != 36 || s[8] != '-' || s[13] != '-' || s[18] != '-' || s[23] != '-' {
		return ID{}, false
	}
	bad := byte(0)
	for n, i := range hexPlaces {
		hi, lo := hexValues[s[i]], hexValues[s[i+1]]
		bad |= hi | lo
		id[n] = hi<<4 | lo
	}
	if bad > 15 {
		return ID{}, false
	}
	return id, true
}

// hexPlaces are the positions of the bytes' digits in the 36-character form.
var hexPlaces = [16]int{0, 2, 4, 6, 9, 11, 14, 16, 19, 21, 24, 26, 28, 30, 32, 34}

// hexValues are the values of the hex digits, in either case, and 255 for every other byte: an id is read for
// every device of every answer.
var hexValues = func() (values [256]byte) {
	for c := range values {
		switch {
		case '0' <= c && c <= '9':
			values[c] = byte(c - '0')
		case 'a' <= c && c <= 'f':
			values[c] = byte(c - 'a' + 10)
		case 'A' <= c && c <= 'F':
			values[c] = byte(c - 'A' + 10)
		default:
			values[c] = 255
		}
	}
	return values
}()

// AppendText appends the lower-case 36-character form.
func (id ID) AppendText(b []byte) ([]byte, error) { return appendHex36(b, &id), nil }

// appendHex36 appends the lower-case 36-character form.
func appendHex36(b []byte, id *ID) []byte {
	const digits = "0123456789abcdef"
	n := len(b)
	b = append(b, "00000000-0000-0000-0000-000000000000"...)
	text := b[n:]
	for i, at := range hexPlaces {
		text[at], text[at+1] = digits[id[i]>>4], digits[id[i]&15]
	}
	return b
}

// String is the lower-case 36-character form.
func (id ID) String() string {
	b, _ := id.AppendText(make([]byte, 0, 36))
	return string(b)
}

// IsZero reports whether the id was never set.
func (id ID) IsZero() bool { return id == ID{} }

// MarshalText writes the 36-character form, as JSON and logs want it.
func (id ID) MarshalText() ([]byte, error) { return id.AppendText(make([]byte, 0, 36)) }

// UnmarshalText is ParseID.
func (id *ID) UnmarshalText(b []byte) error {
	v, err := ParseID(string(b))
	if err == nil {
		*id = v
	}
	return err
}

// EncodeMsgpack writes the 16 bytes.
func (id ID) EncodeMsgpack(enc *msgpack.Encoder) error { return enc.EncodeBytes(id[:]) }

// DecodeMsgpack reads the 16 bytes.
func (id *ID) DecodeMsgpack(dec *msgpack.Decoder) error { return decode16(dec, (*[16]byte)(id)) }

func decode16(dec *msgpack.Decoder, into *[16]byte) error {
	n, err := dec.DecodeBytesLen()
	if err != nil {
		return err
	}
	if n != len(into) {
		return fmt.Errorf("id of %d bytes, %d expected", n, len(into))
	}
	return dec.ReadFull(into[:])
}

// Account names a tenant: 16 bytes, written as 32 lower-case hex characters.
type Account [16]byte

// NewAccount makes a random account id.
func NewAccount() Account {
	var a Account
	rand.Read(a[:])
	return a
}

// ParseAccount reads 32 hex characters, lower case as the contract has them.
func ParseAccount(s string) (Account, error) {
	var a Account
	if len(s) != 32 || strings.ToLower(s) != s {
		return a, fmt.Errorf("%q is not an account id of 32 lower-case hex characters", clip(s))
	}
	if _, err := hex.Decode(a[:], []byte(s)); err != nil {
		return Account{}, fmt.Errorf("%q is not an account id of 32 lower-case hex characters", clip(s))
	}
	return a, nil
}

// String is the 32-character form.
func (a Account) String() string { return hex.EncodeToString(a[:]) }

// IsZero reports whether the account was never set.
func (a Account) IsZero() bool { return a == Account{} }

// MarshalText writes the 32-character form.
func (a Account) MarshalText() ([]byte, error) { return []byte(a.String()), nil }

// UnmarshalText is ParseAccount.
func (a *Account) UnmarshalText(b []byte) error {
	v, err := ParseAccount(string(b))
	if err == nil {
		*a = v
	}
	return err
}

// EncodeMsgpack writes the 16 bytes.
func (a Account) EncodeMsgpack(enc *msgpack.Encoder) error { return enc.EncodeBytes(a[:]) }

// DecodeMsgpack reads the 16 bytes.
func (a *Account) DecodeMsgpack(dec *msgpack.Decoder) error { return decode16(dec, (*[16]byte)(a)) }

// Millis is a moment in milliseconds since 1970 UTC; 0 means never.
type Millis int64

// At is t in milliseconds; the zero time is 0.
func At(t time.Time) Millis {
	if t.IsZero() {
		return 0
	}
	return Millis(t.UnixMilli())
}

// Time is m as a time in UTC; 0 is the zero time.
func (m Millis) Time() time.Time {
	if m == 0 {
		return time.Time{}
	}
	return time.UnixMilli(int64(m)).UTC()
}

// Add moves m by d, to the millisecond.
func (m Millis) Add(d time.Duration) Millis { return m + Millis(d.Milliseconds()) }

// clip shortens a caller's value for an error message.
func clip(s string) string {
	if len(s) > 64 {
		return s[:64] + "…"
	}
	return s
}
