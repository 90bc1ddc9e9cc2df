package importfile

import (
	"bytes"
	"testing"
	"unicode/utf8"

	"plumbline.dev/proto"
)

// Every line except blank ones and the header results in exactly one device or one rejection, with its line number.
func FuzzEveryRowIsAccountedFor(f *testing.F) {
	f.Add([]byte("device_id,serial_number\n"+id1+",a\n,b\n\"x\n"), true)
	f.Add([]byte("\ufeffserial_number,hostname\r\n\"a\"\"b\",c\r\n\r\n\xff\r\n"), true)
	f.Add([]byte(`{"serial_number":"a"}`+"\n{}\n\n[1]\n"), false)
	f.Add(append([]byte("{\"email\":\""), bytes.Repeat([]byte("x"), MaxLine)...), false)
	f.Fuzz(func(t *testing.T, list []byte, csv bool) {
		format := NDJSON
		if csv {
			format = CSV
		}
		rows, err := readAll(bytes.NewReader(list), format)
		if err != nil {
			if !IsFormat(err) || len(rows) > 0 || !utf8.ValidString(err.Error()) {
				t.Fatalf("%v after %d rows", err, len(rows))
			}
			return
		}
		got := map[int]bool{}
		spool := NewSpool(t.TempDir(), 2)
		defer spool.Close()
		out := func(r Row) error {
			if got[r.Line] {
				t.Fatalf("line %d comes out twice", r.Line)
			}
			got[r.Line] = true
			switch {
			case r.Error != nil && (r.Error.Code == "" || !utf8.ValidString(r.Error.Message)):
				t.Fatalf("line %d is refused with %+v", r.Line, r.Error)
			case r.Error == nil &&
				(r.Device.ID.IsZero() || r.Device.FieldBytes() > proto.MaxDeviceField || !utf8.ValidString(r.Device.Hostname)):
				t.Fatalf("line %d is a device that cannot be enrolled: %+v", r.Line, r.Device)
			}
			return nil
		}
		for _, r := range rows {
			if r.Error != nil || !r.Device.ID.IsZero() {
				out(r)
				continue
			}
			if r.Error, err = spool.Hold(r); err != nil {
				t.Fatal(err)
			}
			if r.Error != nil {
				out(r)
			}
		}
		if err := spool.Drain(proto.Account{}, func(proto.ID) bool { return false }, out); err != nil {
			t.Fatal(err)
		}
		header := csv
		for n, line := range bytes.Split(bytes.TrimPrefix(list, []byte("\ufeff")), []byte("\n")) {
			blank := len(bytes.TrimSpace(line)) == 0
			if got[n+1] != (!blank && !header) {
				t.Fatalf("line %d %q: comes out %t", n+1, line, got[n+1])
			}
			if !blank {
				header = false
			}
		}
	})
}
