package intake

import (
	"bytes"
	"slices"
	"strings"
)

// signatures are the first bytes of files that are taken for lists by mistake, and what to do about each.
var signatures = []struct{ prefix, sentence string }{
	{"PK\x03\x04", "the list is an Excel workbook or a zip archive: save it as CSV in UTF-8"},
	{"\xd0\xcf\x11\xe0", "the list is an Excel workbook of the old format: save it as CSV in UTF-8"},
	{"\x1f\x8b", "the list is compressed with gzip: decompress it first"},
	{"\xff\xfe", "the list is in UTF-16: save it as UTF-8"},
	{"\xfe\xff", "the list is in UTF-16: save it as UTF-8"},
}

// otherFormat returns the sentence about a list whose first line shows that it is of none of our formats; "" if the
// line shows nothing of the kind.
func otherFormat(line []byte) string {
	for _, s := range signatures {
		if bytes.HasPrefix(line, []byte(s.prefix)) {
			return s.sentence
		}
	}
	line = bytes.TrimPrefix(line, []byte("\ufeff"))
	switch {
	case bytes.IndexByte(line[:min(len(line), 64)], 0) >= 0:
		return "the list is in UTF-16 or not a text: save it as UTF-8"
	case bytes.HasPrefix(bytes.TrimSpace(line), []byte("<")):
		return "the list is an HTML or XML document: save it as CSV, NDJSON or a JSON array"
	}
	return ""
}

// otherSeparator returns the name of what separates the columns of a header line if that is not a comma.
func otherSeparator(line []byte) string {
	for _, s := range []struct{ separator, name string }{{";", "semicolons"}, {"\t", "tabs"}, {"|", "bars"}} {
		parts := strings.Split(string(line), s.separator)
		if len(parts) > 1 && slices.Contains(Columns, strings.ToLower(strings.Trim(strings.TrimSpace(parts[0]), `"`))) {
			return s.name
		}
	}
	return ""
}
