package v4

import (
	"bytes"
	"encoding/json"
	"unicode"

	"github.com/go-json-experiment/json/jsontext"
)

// Object is a JSON object. Its members are kept as the client wrote them, to be returned unchanged (api/README.md 1.7).
type Object map[string]json.RawMessage

// ParseObject parses a body. Duplicate names and invalid UTF-8 are errors, since parsers treat them differently.
func ParseObject(body []byte) (Object, error) {
	if len(bytes.TrimSpace(body)) == 0 {
		return nil, Invalid("the body is empty: a JSON object is required")
	}
	if !jsontext.Value(body).IsValid() {
		return nil, Invalid("the body is not valid JSON (UTF-8, no duplicate names)")
	}
	if nesting(body) > MaxNesting {
		return nil, Invalid("the body is nested more than %d levels deep", MaxNesting)
	}
	var o Object
	if json.Unmarshal(body, &o) != nil || o == nil {
		return nil, Invalid("the body must be a JSON object")
	}
	return o, nil
}

// MaxNesting bounds the nesting depth of a body. Responses nest stored bodies a few levels deeper; without a bound, one
// resource at the limit of a client's decoder would make a whole list unreadable to it.
const MaxNesting = 100

// nesting returns the nesting depth of valid JSON.
func nesting(body []byte) int {
	depth, deepest, quoted := 0, 0, false
	for i := 0; i < len(body); i++ {
		switch b := body[i]; {
		case quoted && b == '\\':
			i++
		case b == '"':
			quoted = !quoted
		case quoted:
		case b == '{' || b == '[':
			depth++
			deepest = max(deepest, depth)
		case b == '}' || b == ']':
			depth--
		}
	}
	return deepest
}

// IsNull reports whether a member is absent or null.
func IsNull(v json.RawMessage) bool { return len(v) == 0 || string(v) == "null" }

// Has reports whether a member is present and not null.
func (o Object) Has(name string) bool { return !IsNull(o[name]) }

// Text returns a string, or "" if the member is absent or null.
func (o Object) Text(name string) (string, error) {
	var s string
	if o.Has(name) && json.Unmarshal(o[name], &s) != nil {
		return "", Invalid("%s must be a string", name)
	}
	return s, nil
}

// MaxName bounds names, in bytes.
const MaxName = 1024

// Line returns a name: a string of at most [MaxName] bytes without control characters.
func (o Object) Line(name string) (string, error) {
	s, err := o.Text(name)
	if err == nil && (len(s) > MaxName || HasControl(s)) {
		return "", Invalid("%s must be at most %d bytes without control characters", name, MaxName)
	}
	return s, err
}

// HasControl reports whether text has control characters.
func HasControl(s string) bool {
	for _, r := range s {
		if unicode.IsControl(r) {
			return true
		}
	}
	return false
}

// Bool returns true or false; given is false if the member is absent or null.
func (o Object) Bool(name string) (value, given bool, err error) {
	if !o.Has(name) {
		return false, false, nil
	}
	if json.Unmarshal(o[name], &value) != nil {
		return false, false, Invalid("%s must be true or false", name)
	}
	return value, true, nil
}

// Number returns a number; given is false if the member is absent or null.
func (o Object) Number(name string) (value float64, given bool, err error) {
	if !o.Has(name) {
		return 0, false, nil
	}
	if json.Unmarshal(o[name], &value) != nil {
		return 0, false, Invalid("%s must be a number", name)
	}
	return value, true, nil
}

// Int returns a whole number, written as 1 or 1.0; given is false if the member is absent or null.
func (o Object) Int(name string, least, most int) (value int, given bool, err error) {
	f, given, err := o.Number(name)
	if err != nil || !given {
		return 0, false, err
	}
	if f != float64(int64(f)) || f < float64(least) || f > float64(most) {
		return 0, false, Invalid("%s must be a whole number from %d to %d", name, least, most)
	}
	return int(f), true, nil
}

// Member returns a member that is an object, or nil if it is absent or null.
func (o Object) Member(name string) (Object, error) {
	var in Object
	if o.Has(name) && json.Unmarshal(o[name], &in) != nil {
		return nil, Invalid("%s must be an object", name)
	}
	return in, nil
}

// Set sets a member. It panics if the value cannot be encoded.
func (o Object) Set(name string, v any) {
	b, err := Encode(v)
	if err != nil {
		panic(err)
	}
	o[name] = bytes.TrimSpace(b)
}

// Encode returns the object as it is stored: without the named members, which belong to the control plane.
func (o Object) Encode(without ...string) json.RawMessage {
	kept := Object{}
	for name, v := range o {
		kept[name] = v
	}
	for _, name := range without {
		delete(kept, name)
	}
	b, err := Encode(kept)
	if err != nil {
		panic(err)
	}
	return bytes.TrimSpace(b)
}

// Splice prepends the members of ours to an object that [Object.Encode] returned, which must not contain any of
// them.
func Splice(kept json.RawMessage, ours any) json.RawMessage {
	b, err := Encode(ours)
	if err != nil {
		panic(err)
	}
	b = bytes.TrimSpace(b)
	if len(kept) <= len("{}") {
		return b
	}
	b[len(b)-1] = ','
	return append(b, kept[1:]...)
}

// Decode reads an object that [Object.Encode] returned.
func Decode(b json.RawMessage) Object {
	o := Object{}
	if len(b) > 0 && json.Unmarshal(b, &o) != nil {
		return Object{}
	}
	return o
}

// Strings decodes a list of strings that was validated before.
func Strings(raw json.RawMessage) []string {
	var all []string
	_ = json.Unmarshal(raw, &all)
	return all
}
