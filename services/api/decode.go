package api

import (
	"bytes"
	"encoding/json"
	"unicode"

	"github.com/go-json-experiment/json/jsontext"
)

// object is a JSON object whose members are kept as the client wrote them, to be echoed (api/README.md 1.7).
type object map[string]json.RawMessage

// parseObject reads a body. Names given twice and bytes that are not UTF-8 are refused: two readers could
// take them for two things.
func parseObject(body []byte) (object, error) {
	if len(bytes.TrimSpace(body)) == 0 {
		return nil, invalid("the body is empty, a JSON object is expected")
	}
	if !jsontext.Value(body).IsValid() {
		return nil, invalid("the body is not valid JSON (in UTF-8, each name once)")
	}
	if nesting(body) > maxNesting {
		return nil, invalid("the body has objects and lists more than %d levels deep in one another", maxNesting)
	}
	var o object
	if json.Unmarshal(body, &o) != nil || o == nil {
		return nil, invalid("the body must be a JSON object")
	}
	return o, nil
}

// maxNesting bounds the levels of a body. What is stored is echoed some levels further in: without a bound
// of ours, one resource at the bound of a client's decoder would make a whole list unreadable to it.
const maxNesting = 100

// nesting counts the levels of valid JSON.
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

func isNull(v json.RawMessage) bool { return len(v) == 0 || string(v) == "null" }

// has tells whether a member is there and not null.
func (o object) has(name string) bool { return !isNull(o[name]) }

// text reads a string; a member that is absent or null is "".
func (o object) text(name string) (string, error) {
	var s string
	if o.has(name) && json.Unmarshal(o[name], &s) != nil {
		return "", invalid("%s must be a string", name)
	}
	return s, nil
}

// maxName bounds names, in bytes.
const maxName = 1024

// line is text that a person named something with: bounded, no control characters.
func (o object) line(name string) (string, error) {
	s, err := o.text(name)
	if err == nil && (len(s) > maxName || hasControl(s)) {
		return "", invalid("%s must be at most %d bytes without control characters", name, maxName)
	}
	return s, err
}

func hasControl(s string) bool {
	for _, r := range s {
		if unicode.IsControl(r) {
			return true
		}
	}
	return false
}

// boolean reads true or false; given is false where it is absent or null.
func (o object) boolean(name string) (value, given bool, err error) {
	if !o.has(name) {
		return false, false, nil
	}
	if json.Unmarshal(o[name], &value) != nil {
		return false, false, invalid("%s must be true or false", name)
	}
	return value, true, nil
}

// number reads a number; given is false where it is absent or null.
func (o object) number(name string) (value float64, given bool, err error) {
	if !o.has(name) {
		return 0, false, nil
	}
	if json.Unmarshal(o[name], &value) != nil {
		return 0, false, invalid("%s must be a number", name)
	}
	return value, true, nil
}

// integer reads a whole number, written as 1 or 1.0.
func (o object) integer(name string, least, most int) (value int, given bool, err error) {
	f, given, err := o.number(name)
	if err != nil || !given {
		return 0, false, err
	}
	if f != float64(int64(f)) || f < float64(least) || f > float64(most) {
		return 0, false, invalid("%s must be a whole number from %d to %d", name, least, most)
	}
	return int(f), true, nil
}

// inner reads a member that is an object; nil where it is absent or null.
func (o object) inner(name string) (object, error) {
	var in object
	if o.has(name) && json.Unmarshal(o[name], &in) != nil {
		return nil, invalid("%s must be an object", name)
	}
	return in, nil
}

// set puts a member of ours. Whatever is set can be encoded.
func (o object) set(name string, v any) {
	b, err := encode(v)
	if err != nil {
		panic(err)
	}
	o[name] = bytes.TrimSpace(b)
}

// sent is the object as it is stored, without the members that are ours to say.
func (o object) sent(without ...string) json.RawMessage {
	kept := object{}
	for name, v := range o {
		kept[name] = v
	}
	for _, name := range without {
		delete(kept, name)
	}
	b, err := encode(kept)
	if err != nil {
		panic(err)
	}
	return bytes.TrimSpace(b)
}

// splice puts members of ours, none of which sent kept, before what sent wrote.
func splice(kept json.RawMessage, ours any) json.RawMessage {
	b, err := encode(ours)
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

// stored reads what sent wrote.
func stored(b json.RawMessage) object {
	o := object{}
	if len(b) > 0 && json.Unmarshal(b, &o) != nil {
		return object{}
	}
	return o
}
