package scoring

import (
	"bytes"

	"github.com/go-json-experiment/json/jsontext"
	"plumbline.dev/proto"
)

// entry is the response for one device.
type entry struct {
	score int // proto.NoScore if it is invalid
	s2s   []byte
}

// readEntry reads one device's value, valid JSON. scratch is for strings with escapes; the entry may point into it or
// into raw.
func readEntry(raw, scratch []byte) (e entry, grown []byte) {
	e.score = proto.NoScore
	if raw[0] != '{' {
		return e, scratch
	}
	var score, s2s []byte
	other, repeated := false, false
	for at := skipSpace(raw, 1); raw[at] != '}'; at = skipSpace(raw, at) {
		if raw[at] == ',' {
			at = skipSpace(raw, at+1)
		}
		end := skipValue(raw, at)
		name := raw[at:end]
		at = skipSpace(raw, skipSpace(raw, end)+1) // over the colon
		end = skipValue(raw, at)
		value := raw[at:end]
		at = end
		switch {
		case named(name, "score"):
			repeated = repeated || score != nil
			score = value
		case named(name, "s2s_id"):
			repeated = repeated || s2s != nil
			s2s = value
		default:
			other = true
		}
	}
	// Unknown members are rare, and their names are compared the slow way.
	if !repeated && other && !jsontext.Value(raw).IsValid() {
		repeated = true
	}
	if len(s2s) > 0 && s2s[0] == '"' && !repeated {
		if bytes.IndexByte(s2s, '\\') < 0 {
			e.s2s = s2s[1 : len(s2s)-1]
		} else {
			scratch, _ = jsontext.AppendUnquote(scratch[:0], s2s)
			e.s2s = scratch
		}
	}
	if v, ok := parseScore(score); ok && !repeated {
		e.score = v
	}
	return e, scratch
}

// named reports whether a raw JSON string reads as name.
func named(raw []byte, name string) bool {
	if len(raw) == len(name)+2 {
		return string(raw[1:len(raw)-1]) == name
	}
	if len(raw) < len(name)+2 || bytes.IndexByte(raw, '\\') < 0 {
		return false
	}
	text, err := jsontext.AppendUnquote(nil, raw)
	return err == nil && string(text) == name
}

func skipSpace(raw []byte, at int) int {
	for raw[at] == ' ' || raw[at] == '\n' || raw[at] == '\t' || raw[at] == '\r' {
		at++
	}
	return at
}

// skipValue returns the end of the value at at. The whole is valid JSON, so only strings and brackets matter.
func skipValue(raw []byte, at int) int {
	depth := 0
	for {
		switch raw[at] {
		case '"':
			for at++; raw[at] != '"'; at++ {
				if raw[at] == '\\' {
					at++
				}
			}
			at++
		case '{', '[':
			depth++
			at++
		case '}', ']':
			depth--
			at++
		case ',', ':', ' ', '\n', '\t', '\r':
			at++
		default: // a number or a literal
			for raw[at] > ' ' && raw[at] != ',' && raw[at] != '}' && raw[at] != ']' {
				at++
			}
		}
		if depth == 0 {
			return at
		}
	}
}
