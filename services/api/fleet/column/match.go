package column

import (
	"bytes"
	"strings"

	"github.com/klauspost/compress/s2"
	"plumbline.dev/services/api/fleet/filter"
)

// match returns the rows whose properties match a pattern. plain is a buffer for one field.
func (t *Text) match(c *filter.Text, plain *[]byte) (rows Rows) {
	switch c.Field {
	case filter.FieldAny:
		needle := clean(c.Pattern)
		if needle == "" {
			return span(0, len(t.IDs))
		}
		for f := range t.fields {
			t.scan(f, plain, &rows, needle, func([]byte) bool { return true })
		}
		if isIDPart(needle) {
			t.matchIDs(&rows, func(id string) bool { return strings.Contains(id, needle) })
		}
	case filter.FieldID:
		parts := strings.Split(c.Pattern, "*")
		t.matchIDs(&rows, func(id string) bool { return glob(parts, id) })
	default:
		parts := strings.Split(clean(c.Pattern), "*")
		t.scan(int(c.Field-filter.FieldName), plain, &rows, needleOf(parts),
			func(value []byte) bool { return glob(parts, string(value)) })
	}
	return rows
}

// scan adds the rows whose value of a field contains the needle, with separators, and satisfies ok.
func (t *Text) scan(f int, plain *[]byte, rows *Rows, needle string, ok func([]byte) bool) {
	var err error
	if *plain, err = s2.Decode((*plain)[:cap(*plain)], t.fields[f]); err != nil {
		return // never: this process encoded it
	}
	text, key, row, counted := *plain, []byte(needle), 0, 1
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

func (t *Text) matchIDs(rows *Rows, ok func(string) bool) {
	for n := range t.IDs {
		if ok(t.IDs[n].String()) {
			rows.set(n)
		}
	}
}
