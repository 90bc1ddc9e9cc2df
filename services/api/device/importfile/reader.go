package importfile

import (
	"bytes"
	"errors"
	"fmt"
	"io"
	"strings"
	"unicode"
	"unicode/utf8"

	"plumbline.dev/proto"
	"plumbline.dev/services/internal/excerpt"
)

// Format is the format of a list.
type Format int

// The formats.
const (
	CSV    Format = iota // RFC 4180 with a header, a row on one line
	NDJSON               // a JSON object on each line
	JSON                 // one JSON array of objects
)

// Columns are the names of a device's fields: the columns of a CSV file, the keys of an NDJSON line.
var Columns = []string{"device_id", "email", "serial_number", "mac_address", "virtual_ipv4", "hostname"}

// The codes of rejected rows.
const (
	CodeMalformed = "malformed"      // the line is malformed
	CodeTooLong   = "too_long"       // a line or a device's fields are too long
	CodeInvalidID = "invalid_id"     // device_id is not a UUID
	CodeNoSerial  = "no_id"          // neither a device_id nor a serial number to derive one from
	CodeSerial    = "serial_unusual" // the serial number is a placeholder shared by many devices
	CodeAmbiguous = "serial_twice"   // the serial number occurs more than once
	CodeTwice     = "id_twice"       // an earlier row has the same device_id
	CodeUnusualID = "id_unusual"     // the device_id is a placeholder shared by many devices
	CodeAddress   = "invalid_ipv4"   // virtual_ipv4 is not the address of one host
)

// Row is a line of the list: a device, or the reason for rejecting it.
type Row struct {
	Line   int
	Device proto.Device // its ID is zero if the line has none
	Error  *proto.Error // set: the row is rejected
}

// FormatError describes a list without any readable row.
type FormatError struct{ Sentence string }

func (e *FormatError) Error() string { return e.Sentence }

// Reader reads rows. It is not safe for concurrent use.
type Reader struct {
	lines  source
	parse  func(line []byte, d *proto.Device) *proto.Error
	format Format
	begun  bool
}

// source splits a list into the texts of its rows.
type source interface {
	// next returns the next row's text without its end. If the row is longer than [MaxLine], it skips the rest and
	// sets tooLong. The text is valid until the next call.
	next() (text []byte, tooLong bool, err error)
	// number returns the line on which the last row began, from 1.
	number() int
}

// NewReader returns a reader of a list. It reads nothing yet.
func NewReader(r io.Reader, f Format) *Reader {
	l := newLines(r)
	if f == JSON {
		return &Reader{lines: &elements{r: l.r, line: 1}, format: f}
	}
	return &Reader{lines: l, format: f}
}

// Next returns the next row. The error is io.EOF at the end of the list, a *[FormatError] for an unreadable list, or
// an error of the underlying reader.
func (r *Reader) Next() (Row, error) {
	for {
		line, tooLong, err := r.lines.next()
		if errors.Is(err, io.EOF) && !r.begun && r.format == CSV {
			return Row{}, &FormatError{"the list is empty: a header line such as " + strings.Join(Columns, ",") + " is needed"}
		}
		if err != nil {
			return Row{}, err
		}
		if r.lines.number() == 1 && !r.begun {
			if kind := otherFormat(line); kind != "" {
				return Row{}, &FormatError{kind}
			}
			line = bytes.TrimPrefix(line, []byte("\ufeff"))
		}
		if !tooLong && len(bytes.TrimSpace(line)) == 0 {
			continue
		}
		if !r.begun {
			isRow, err := r.begin(line, tooLong)
			if err != nil {
				return Row{}, err
			}
			if !isRow {
				continue
			}
		}
		return r.row(line, tooLong), nil
	}
}

// begin reads the header of a CSV file; an NDJSON file has none.
func (r *Reader) begin(line []byte, tooLong bool) (isRow bool, err error) {
	r.begun = true
	if r.format != CSV {
		r.parse = parseJSON
		return true, nil
	}
	if tooLong {
		return false, &FormatError{"the header line is too long: does the list end its lines with line feeds?"}
	}
	if bytes.IndexByte(line, '\r') >= 0 {
		return false, &FormatError{"the lines end with carriage returns only: save the list with line feeds (LF or CRLF)"}
	}
	r.parse, err = header(line)
	return false, err
}

func (r *Reader) row(line []byte, tooLong bool) Row {
	row := Row{Line: r.lines.number()}
	switch {
	case tooLong:
		row.Error = refusal(CodeTooLong, "the line is longer than %d bytes", MaxLine)
	case !utf8.Valid(line):
		row.Error = refusal(CodeMalformed, "the line is not in UTF-8")
	default:
		row.Error = r.parse(line, &row.Device)
	}
	if row.Error == nil {
		row.Error = check(&row.Device)
	}
	if row.Error != nil {
		row.Device = proto.Device{}
	}
	return row
}

// setField sets a device's field from a column's value without surrounding blanks.
func setField(d *proto.Device, column int, value string) *proto.Error {
	value = strings.TrimSpace(value)
	switch column {
	case 0:
		if value == "" {
			return nil
		}
		id, err := proto.ParseID(value)
		if err != nil || id.IsZero() {
			return refusal(CodeInvalidID, "device_id %q is not a UUID", shown(value))
		}
		if PlaceholderID(id) {
			return refusal(CodeUnusualID, "device_id %q is a placeholder that many devices have", shown(value))
		}
		d.ID = id
	case 1:
		d.Email = value
	case 2:
		d.Serial = value
	case 3:
		d.MAC = value
	case 4:
		var err error
		if d.IPv4, err = hostAddress(value); err != nil {
			return refusal(CodeAddress, "virtual_ipv4 %q %v", shown(value), err)
		}
	case 5:
		d.Hostname = value
	}
	return nil
}

// check validates a device.
func check(d *proto.Device) *proto.Error {
	if d.FieldBytes() > proto.MaxDeviceField {
		return refusal(CodeTooLong, "the fields are %d bytes together, at most %d are possible", d.FieldBytes(),
			proto.MaxDeviceField)
	}
	for _, field := range []string{d.Email, d.Serial, d.MAC, d.IPv4, d.Hostname} {
		if strings.ContainsFunc(field, unicode.IsControl) {
			return refusal(CodeMalformed, "a field holds a control character")
		}
	}
	return nil
}

func refusal(code, format string, args ...any) *proto.Error {
	return &proto.Error{Code: code, Message: fmt.Sprintf(format, args...)}
}

// shown returns text of a row for a message, shortened.
func shown(s string) string { return excerpt.Of(s, 64) }

// IsFormat reports whether an error is about the list as a whole.
func IsFormat(err error) bool {
	var f *FormatError
	return errors.As(err, &f)
}
