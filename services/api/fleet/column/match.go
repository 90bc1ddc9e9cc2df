package column

import (
	"bytes"
	"strings"

	"github.com/klauspost/compress/s2"
	"plumbline.dev/services/api/fleet/filter"
)

// plainText is a buffer for the text of one page: each field is decompressed, and each id written, once for all terms
// of a filter.
type plainText struct {
	of     *Text
	have   [len(Text{}.fields) + 1]bool
	values [len(Text{}.fields) + 1][]byte // by field; the last holds the ids
}

// ids is the place of the ids in [plainText].
const ids = len(Text{}.fields)

// get returns the values of a field, or the ids, with separators around them.
func (b *plainText) get(t *Text, f int) []byte {
	if b.of != t {
		b.of, b.have = t, [ids + 1]bool{}
	}
	if b.have[f] {
		return b.values[f]
	}
	b.have[f] = true
	if f == ids {
		text := append(b.values[f][:0], separator)
		for n := range t.IDs {
			text, _ = t.IDs[n].AppendText(text) // never an error
			text = append(text, separator)
		}
		b.values[f] = text
		return text
	}
	text, err := s2.Decode(b.values[f][:cap(b.values[f])], t.fields[f])
	if err != nil {
		text = nil // never: this process encoded it
	}
	b.values[f] = text
	return text
}

// match returns the rows whose properties match a pattern.
func (t *Text) match(c *filter.Text, plain *plainText) (rows Rows) {
	switch c.Field {
	case filter.FieldAny:
		needle := clean(c.Pattern)
		if needle == "" {
			return span(0, len(t.IDs))
		}
		for f := range t.fields {
			scan(plain.get(t, f), &rows, needle, func([]byte) bool { return true })
		}
		if isIDPart(needle) {
			scan(plain.get(t, ids), &rows, needle, func([]byte) bool { return true })
		}
	default:
		f := ids
		if c.Field != filter.FieldID {
			f = int(c.Field - filter.FieldName)
		}
		parts := strings.Split(clean(c.Pattern), "*")
		scan(plain.get(t, f), &rows, needleOf(parts), func(value []byte) bool { return glob(parts, string(value)) })
	}
	return rows
}

// scan adds the rows whose value contains the needle, with separators, and satisfies ok.
func scan(text []byte, rows *Rows, needle string, ok func([]byte) bool) {
	key, row, counted := []byte(needle), 0, 1
	for at := 0; ; {
		n := bytes.Index(text[at:], key)
		if n < 0 {
			return
		}
		found := at + n
		if needle != "" && needle[0] == separator {
			found++ // the value begins behind the separator
		}
		if found >= len(text) {
			return // the separator behind the last value
		}
		row += bytes.Count(text[counted:max(found, counted)], []byte{separator})
		counted = max(found, counted)
		begin := bytes.LastIndexByte(text[:counted], separator) + 1
		end := counted + bytes.IndexByte(text[counted:], separator)
		if ok(text[begin:end]) {
			rows.set(row)
		}
		at = end // a value is looked at once
		if counted = end; end+1 >= len(text) {
			return
		}
	}
}

// needleOf returns text that every matching value contains, with the separators around the values.
func needleOf(parts []string) string {
	if len(parts) == 1 {
		return string(separator) + parts[0] + string(separator)
	}
	needle := string(separator) + parts[0]
	if last := parts[len(parts)-1] + string(separator); len(last) > len(needle) {
		needle = last
	}
	for _, p := range parts[1 : len(parts)-1] {
		if len(p) > len(needle) {
			needle = p
		}
	}
	return needle
}

// glob reports whether a value consists of the parts, with any text between them.
func glob(parts []string, value string) bool {
	if len(parts) == 1 {
		return value == parts[0]
	}
	rest, found := strings.CutPrefix(value, parts[0])
	if !found {
		return false
	}
	for _, p := range parts[1 : len(parts)-1] {
		if _, rest, found = strings.Cut(rest, p); !found {
			return false
		}
	}
	return strings.HasSuffix(rest, parts[len(parts)-1])
}

// isIDPart reports whether a text may be a part of an id.
func isIDPart(text string) bool {
	return len(text) >= 4 && strings.Trim(text, "0123456789abcdef-") == ""
}
