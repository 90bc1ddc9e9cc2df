package importfile

import (
	"bytes"
	"errors"
	"slices"
	"strings"
	"unicode/utf8"

	"plumbline.dev/proto"
)

// header parses the column names, in any order and case, and returns the parser of the rows.
func header(line []byte) (func([]byte, *proto.Device) *proto.Error, error) {
	if !utf8.Valid(line) {
		return nil, &FormatError{"the header line is not in UTF-8"}
	}
	if separator := otherSeparator(line); separator != "" {
		return nil, &FormatError{"the columns are separated by " + separator + ": columns must be separated by commas"}
	}
	fields, err := splitCSV(line, nil)
	if err != nil {
		return nil, &FormatError{"the header line: " + err.Error()}
	}
	columns := make([]int, len(fields))
	for n, f := range fields {
		name := strings.ToLower(strings.TrimSpace(f))
		columns[n] = slices.Index(Columns, name)
		switch {
		case name == "" && len(fields) > 1: // spreadsheets write empty columns; they must stay empty
			columns[n] = unnamed
			continue
		case columns[n] < 0:
			return nil, &FormatError{"the column \"" + shown(name) + "\" is not known; the columns are " +
				strings.Join(Columns, ", ")}
		case slices.Contains(columns[:n], columns[n]):
			return nil, &FormatError{"the column " + name + " is there twice"}
		}
	}
	if !slices.Contains(columns, 0) && !slices.Contains(columns, 2) {
		return nil, &FormatError{"the header line has neither device_id nor serial_number: " +
			"no device could be told from another"}
	}
	fields = nil
	return func(line []byte, d *proto.Device) *proto.Error {
		var err error
		if fields, err = splitCSV(line, fields[:0]); err != nil {
			return refusal(CodeMalformed, "%v", err)
		}
		if len(fields) != len(columns) {
			return refusal(CodeMalformed, "the line has %d fields, the header has %d", len(fields), len(columns))
		}
		for n, f := range fields {
			if columns[n] == unnamed {
				if strings.TrimSpace(f) != "" {
					return refusal(CodeMalformed, "column %d has a value, and no name in the header line", n+1)
				}
				continue
			}
			if err := setField(d, columns[n], f); err != nil {
				return err
			}
		}
		return nil
	}, nil
}

// unnamed is the column of a blank name.
const unnamed = -1

var (
	errOpenQuote  = errors.New("a quoted field is not closed on its line")
	errAfterQuote = errors.New("something follows the closing quote of a field")
	errBareQuote  = errors.New(
		"a quote stands in a field that does not begin with one: quote the field and double the quote")
)

// splitCSV splits a line into its fields (RFC 4180). A field cannot span lines.
func splitCSV(line []byte, into []string) ([]string, error) {
	for {
		var field []byte
		if len(line) > 0 && line[0] == '"' {
			rest := line[1:]
			for {
				end := bytes.IndexByte(rest, '"')
				if end < 0 {
					return into, errOpenQuote
				}
				field = append(field, rest[:end]...)
				rest = rest[end+1:]
				if len(rest) == 0 || rest[0] != '"' {
					break
				}
				field = append(field, '"')
				rest = rest[1:]
			}
			if len(rest) > 0 && rest[0] != ',' {
				return into, errAfterQuote
			}
			line = rest
		} else {
			end := bytes.IndexByte(line, ',')
			if end < 0 {
				end = len(line)
			}
			if field = line[:end]; bytes.IndexByte(field, '"') >= 0 {
				return into, errBareQuote
			}
			line = line[end:]
		}
		into = append(into, string(field))
		if len(line) == 0 {
			return into, nil
		}
		line = line[1:] // the comma: one more field follows, possibly empty
	}
}
