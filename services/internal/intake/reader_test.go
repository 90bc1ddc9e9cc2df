package intake

import (
	"errors"
	"io"
	"strings"
	"testing"

	"plumbline.dev/proto"
)

// readAll gives every row; the error is nil at the list's end.
func readAll(r io.Reader, f Format) (rows []Row, err error) {
	reader := NewReader(r, f)
	for {
		row, err := reader.Next()
		if err == io.EOF {
			return rows, nil
		}
		if err != nil {
			return rows, err
		}
		rows = append(rows, row)
	}
}

const id1, id2 = "6f2c1a34-0b5e-4d7a-9c11-0123456789ab", "7F2C1A34-0B5E-4D7A-9C11-0123456789AB"

func TestCSV(t *testing.T) {
	for _, c := range []struct {
		name, list string
		want       []string // "line: serial|hostname|email" or "line: code"
	}{
		{"any order, any case", "Hostname, SERIAL_NUMBER ,device_id\nh,s,\n", []string{"2: s|h|"}},
		{"a byte order mark and CRLF", "\ufeffserial_number\r\na\r\nb\r\n", []string{"2: a||", "3: b||"}},
		{"quotes", "serial_number,hostname\n\"a,b\",\"say \"\"hi\"\"\"\n", []string{`2: a,b|say "hi"|`}},
		{"blanks around values", "serial_number,hostname\n  a , h\t\n", []string{"2: a|h|"}},
		{"no line end at the end", "serial_number\na", []string{"2: a||"}},
		{"blank lines count, and are no rows", "\n\nserial_number\n\na\n   \nb\n", []string{"5: a||", "7: b||"}},
		{"too few and too many fields", "serial_number,email\na\na,b,c\nx,y\n", []string{"2: malformed", "3: malformed", "4: x||y"}},
		{"an open quote takes one line", "serial_number,email\n\"a,b\nc,d\n", []string{"2: malformed", "3: c||d"}},
		{"a bare quote", "serial_number,email\na\"b,c\n", []string{"2: malformed"}},
		{"text after a quote", "serial_number,email\n\"a\"b,c\n", []string{"2: malformed"}},
		{"not UTF-8", "serial_number\n\xff\nok\n", []string{"2: malformed", "3: ok||"}},
		{"a control character", "serial_number\na\x07b\n", []string{"2: malformed"}},
		{"a line that is too long", "serial_number\n" + strings.Repeat("x", MaxLine+1) + "\nok\n", []string{"2: too_long", "3: ok||"}},
		{"a line that is far too long", "serial_number\n" + strings.Repeat("x", 5*MaxLine) + "\nok\n", []string{"2: too_long", "3: ok||"}},
		{"fields that are too long", "serial_number\n" + strings.Repeat("x", proto.MaxDeviceField+1) + "\n", []string{"2: too_long"}},
		{"fields as long as can be", "serial_number\n" + strings.Repeat("x", proto.MaxDeviceField) + "\n", []string{"2: " + strings.Repeat("x", proto.MaxDeviceField) + "||"}},
		{"bad ids", "device_id\nx\n00000000-0000-0000-0000-000000000000\n" + id2 + "\n", []string{"2: invalid_id", "3: invalid_id", "4: ||"}},
	} {
		t.Run(c.name, func(t *testing.T) { holds(t, c.list, CSV, c.want) })
	}
}

func TestNDJSON(t *testing.T) {
	for _, c := range []struct {
		name, list string
		want       []string
	}{
		{"objects", `{"serial_number":"a","hostname":"h\u00fc"}` + "\n" + `{"device_id":"` + id1 + `","email":null}`, []string{"1: a|hü|", "2: ||"}},
		{"a byte order mark", "\ufeff{\"serial_number\":\"a\"}", []string{"1: a||"}},
		{"an empty list", "", nil},
		{"unknown key", `{"serial":"a"}`, []string{"1: malformed"}},
		{"a key twice", `{"email":"a","email":"b"}`, []string{"1: malformed"}},
		{"not a string", `{"email":1}`, []string{"1: malformed"}},
		{"an object inside", `{"email":{}}`, []string{"1: malformed"}},
		{"not an object", "[]\n\"x\"\n1\nnull\n{", []string{"1: malformed", "2: malformed", "3: malformed", "4: malformed", "5: malformed"}},
		{"two on a line", `{"email":"a"} {"email":"b"}`, []string{"1: malformed"}},
		{"half a surrogate", `{"email":"\ud800"}`, []string{"1: malformed"}},
		{"a control character", `{"email":"a\u0000"}`, []string{"1: malformed"}},
	} {
		t.Run(c.name, func(t *testing.T) { holds(t, c.list, NDJSON, c.want) })
	}
}

func holds(t *testing.T, list string, f Format, want []string) {
	t.Helper()
	rows, err := readAll(strings.NewReader(list), f)
	if err != nil {
		t.Fatal(err)
	}
	var got []string
	for _, r := range rows {
		text := refusal("", "%d: %s|%s|%s", r.Line, r.Device.Serial, r.Device.Hostname, r.Device.Email).Message
		if r.Error != nil {
			text = refusal("", "%d: %s", r.Line, r.Error.Code).Message
			if r.Device != (proto.Device{}) || r.Error.Message == "" {
				t.Errorf("a refused row: %+v", r)
			}
		}
		got = append(got, text)
	}
	if strings.Join(got, "\n") != strings.Join(want, "\n") {
		t.Errorf("got %q, wanted %q", got, want)
	}
}

func TestListsThatCannotBeRead(t *testing.T) {
	for _, c := range []struct{ name, list, says string }{
		{"empty", "", "header line"},
		{"blank", "\n\r\n", "header line"},
		{"unknown column", "device_id,name", `"name" is not known; the columns are device_id, email, serial_number, mac_address, virtual_ipv4, hostname`},
		{"a column twice", "device_id,Device_ID", "twice"},
		{"semicolons", "device_id;email", "commas"},
		{"UTF-16", "\xff\xfed\x00e\x00", "UTF-16"},
		{"not UTF-8", "device_id,\xff", "UTF-8"},
		{"no key", "email,hostname", "neither device_id nor serial_number"},
		{"an open quote", "\"device_id", "not closed"},
		{"a header without end", strings.Repeat("x", 2*MaxLine), "line feeds"},
	} {
		t.Run(c.name, func(t *testing.T) {
			_, err := readAll(strings.NewReader(c.list), CSV)
			if !IsFormat(err) || !strings.Contains(err.Error(), c.says) {
				t.Errorf("got %v", err)
			}
		})
	}
	broken := errors.New("broken")
	rows, err := readAll(io.MultiReader(strings.NewReader("serial_number\na\nhalf"), errorReader{broken}), CSV)
	if !errors.Is(err, broken) || IsFormat(err) || len(rows) != 1 {
		t.Errorf("a reader that breaks: %v, %d rows", err, len(rows))
	}
}

type errorReader struct{ err error }

func (e errorReader) Read([]byte) (int, error) { return 0, e.err }

func TestPlaceholders(t *testing.T) {
	for _, s := range []string{"", " ", "None", "To be filled by O.E.M.", "to be  filled by o.e.m.", "Default string", "0", "00000000", "System Serial Number",
		"Not Specified", "N/A", "n/a", "-", "----", "xxxxxxx", "XXXX-XXXX", "........", "0-0-0", "123456789", "7"} {
		if !Placeholder(s) {
			t.Errorf("%q is taken for a serial number", s)
		}
	}
	for _, s := range []string{"C02ABC123", "PF-1234", "10", "VMware-56 4d 0a", "ü1", "MZ000001", "5CD1234XYZ"} {
		if Placeholder(s) {
			t.Errorf("%q is taken for a placeholder", s)
		}
	}
}
