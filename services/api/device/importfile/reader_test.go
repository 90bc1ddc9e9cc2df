package importfile

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

// A spreadsheet's empty columns may be there; a value in one has nowhere to go.
func TestColumnsWithoutAName(t *testing.T) {
	holds(t, "serial_number,email,,\na,b,,\nc,d,x,\n", CSV, []string{"2: a||b", "3: malformed"})
}

func TestJSONArray(t *testing.T) {
	long := strings.Repeat("x", MaxLine)
	for _, c := range []struct {
		name, list string
		want       []string
	}{
		{"on one line", `[{"serial_number":"a"},{"serial_number":"b","email":"x,]}"}]`, []string{"1: a||", "1: b||x,]}"}},
		{"pretty-printed",
			"\ufeff[\n  {\n    \"serial_number\": \"a\",\n    \"hostname\": \"say \\\"[\"\n  },\n" +
				"  {\"serial_number\": \"b\"}\n]\n",
			[]string{`2: a|say "[|`, "6: b||"}},
		{"empty", " [ ] ", nil},
		{"bad elements", `[1,"x",[2],{"serial":"a"},{"serial_number":"ok"},{"email":1}]`,
			[]string{"1: malformed", "1: malformed", "1: malformed", "1: malformed", "1: ok||", "1: malformed"}},
		{"an element that is too long", "[{\"email\":\"" + long + "\"},\n{\"serial_number\":\"ok\"}]", []string{"1: too_long", "2: ok||"}},
	} {
		t.Run(c.name, func(t *testing.T) { holds(t, c.list, JSON, c.want) })
	}
	for list, says := range map[string]string{
		"": "empty", "[": "not closed", `[{"a":"`: "not closed", `{"serial_number":"a"}`: "x-ndjson", "[] x": "follows", "PK\x03\x04": "Excel", "[{}] ": "",
	} {
		rows, err := readAll(strings.NewReader(list), JSON)
		if says == "" && err == nil {
			continue
		}
		if !IsFormat(err) || !strings.Contains(err.Error(), says) {
			t.Errorf("%q: %d rows, %v", list, len(rows), err)
		}
	}
}

func TestVirtualIPv4(t *testing.T) {
	for text, want := range map[string]string{
		"100.64.9.2": "100.64.9.2", "100.64.9.2/32": "100.64.9.2", "::ffff:100.64.9.2": "100.64.9.2", " 100.64.9.2 ": "100.64.9.2", "": "",
	} {
		var d proto.Device
		if err := setField(&d, 4, text); err != nil || d.IPv4 != want {
			t.Errorf("%q: %q, %v", text, d.IPv4, err)
		}
	}
	for _, text := range []string{"100.64.9.2:51820", "100.64.9.2,100.64.9.3", "100.64.9.2 100.64.9.3", "100.64.0.0/10",
		"100.64.9.2/24", "100.064.9.2", "100.64.9.2/032", "100.64.9", "0x64.1.1.1", "fe80::1", "fd00::1/128", "0.0.0.0",
		"255.255.255.255", "224.0.0.1", "host.example", "[]", "::ffff:100.64.9.2/32", "100.64.9.2%eth0", "/32"} {
		var d proto.Device
		if err := setField(&d, 4, text); err == nil || err.Code != CodeAddress || d.IPv4 != "" {
			t.Errorf("%q is taken: %q, %v", text, d.IPv4, err)
		}
	}
}

func TestPlaceholderIDs(t *testing.T) {
	for _, text := range []string{"03000200-0400-0500-0006-000700080009", "FFFFFFFF-FFFF-FFFF-FFFF-FFFFFFFFFFFF",
		"11111111-1111-1111-1111-111111111111", "ABABABAB-ABAB-ABAB-ABAB-ABABABABABAB",
		"12345678-1234-5678-90AB-CDDEEFAABBCC"} {
		var d proto.Device
		if err := setField(&d, 0, text); err == nil || err.Code != CodeUnusualID {
			t.Errorf("%s: %v", text, err)
		}
	}
	if PlaceholderID(proto.NewID()) {
		t.Error("a random id is taken for a placeholder")
	}
}

func TestSeen(t *testing.T) {
	s := NewSeen()
	ids := make([]proto.ID, 5000)
	for n := range ids {
		ids[n] = proto.NewID()
		if s.Add(ids[n]) {
			t.Fatalf("id %d was never added", n)
		}
	}
	for n := range ids {
		if !s.Add(ids[n]) {
			t.Fatalf("id %d is forgotten", n)
		}
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
		{"semicolons", "device_id;email", "semicolons"},
		{"semicolons and quotes", "\"device_id\";\"email\"", "semicolons"},
		{"tabs", "Serial_Number\thostname", "tabs"},
		{"carriage returns", "device_id,email\r" + id1 + ",a", "carriage returns"},
		{"UTF-16 without a mark", "d\x00e\x00v\x00", "UTF-16"},
		{"a workbook", "PK\x03\x04\x14\x00", "Excel"},
		{"an old workbook", "\xd0\xcf\x11\xe0\xa1", "Excel"},
		{"gzip", "\x1f\x8b\x08", "gzip"},
		{"a page", "<!doctype html>", "HTML"},
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
	for _, s := range []string{"", " ", "None", "To be filled by O.E.M.", "to be  filled by o.e.m.", "Default string", "0",
		"00000000", "System Serial Number", "Not Specified", "N/A", "n/a", "-", "----", "Default Serial",
		"System Product Name", "OEM_Serial", "TBD", "Standard", "#N/A", "to be filled", "To_be_filled_by_O.E.M.",
		"xxxxxxx", "XXXX-XXXX", "........", "0-0-0", "123456789", "7"} {
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
