package importfile

import (
	"bytes"
	"slices"
	"strings"
)

// signatures are the first bytes of files that users mistake for lists, with advice for each.
var signatures = []struct{ prefix, sentence string }{
	{"PK\x03\x04", "the list is an Excel workbook or a zip archive: save it as CSV in UTF-8"},
	{"\xd0\xcf\x11\xe0", "the list is an Excel workbook of the old format: save it as CSV in UTF-8"},
	{"\x1f\x8b", "the list is compressed with gzip: decompress it first"},
	{"\xff\xfe", "the list is in UTF-16: save it as UTF-8"},
	{"\xfe\xff", "the list is in UTF-16: save it as UTF-8"},
}

// otherFormat returns a sentence about a list in an unsupported format, recognized by its first line, or "" if it looks
// fine.
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

// otherSeparator returns the name of a header line's column separator unless it is a comma.
func otherSeparator(line []byte) string {
	for _, s := range []struct{ separator, name string }{{";", "semicolons"}, {"\t", "tabs"}, {"|", "bars"}} {
		parts := strings.Split(string(line), s.separator)
		if len(parts) > 1 && slices.Contains(Columns, strings.ToLower(strings.Trim(strings.TrimSpace(parts[0]), `"`))) {
			return s.name
		}
	}
	return ""
}
