package scoring

import (
	"bytes"
	"encoding/json"
	"fmt"
	"strings"
	"testing"
	"unicode/utf8"

	"plumbline.dev/proto"
)

func fleet(n int) []proto.Device {
	devices := make([]proto.Device, n)
	for i := range devices {
		devices[i] = proto.Device{
			ID: proto.NewID(), Email: fmt.Sprintf("person%d@example.com", i), Serial: fmt.Sprintf("C02XK%07d", i),
			MAC: "00:1a:2b:3c:4d:5e", IPv4: fmt.Sprintf("100.96.%d.%d", i/250, i%250), Hostname: fmt.Sprintf("laptop-%d", i),
		}
	}
	return devices
}

func TestRequestReadsBack(t *testing.T) {
	devices := []proto.Device{
		{ID: proto.NewID()},
		{ID: proto.NewID(), Email: "zoë@example.com", Serial: `a"b\c`, MAC: "\x00\x1f\u2028", IPv4: "100.96.0.1", Hostname: "büro-中-\U0001F600"},
		{ID: proto.NewID(), Hostname: "bad\xffbytes\xc3", Email: "\xed\xa0\x80"},
	}
	body := AppendRequest([]byte("kept"), devices)[4:]
	if !utf8.Valid(body) {
		t.Error("the body is not UTF-8")
	}
	var got struct {
		Devices []map[string]string `json:"devices"`
	}
	dec := json.NewDecoder(bytes.NewReader(body))
	dec.DisallowUnknownFields()
	if err := dec.Decode(&got); err != nil || len(got.Devices) != len(devices) {
		t.Fatalf("%s: %v", body, err)
	}
	for i, d := range devices {
		want := map[string]string{"device_id": d.ID.String(), "email": d.Email, "serial_number": d.Serial,
			"mac_address": d.MAC, "virtual_ipv4": d.IPv4, "hostname": d.Hostname}
		for k, v := range want {
			want[k] = string([]rune(v)) // replaces each byte that is no UTF-8
		}
		if g := got.Devices[i]; len(g) != len(want) {
			t.Errorf("device %d: %v", i, g)
		}
		for k, v := range want {
			if got.Devices[i][k] != v {
				t.Errorf("device %d: %s is %q, want %q", i, k, got.Devices[i][k], v)
			}
		}
	}
}

func TestRequestAboutNobody(t *testing.T) {
	if got := string(AppendRequest(nil, nil)); got != `{"devices":[]}` {
		t.Error(got)
	}
}

func FuzzRequest(f *testing.F) {
	f.Add("a@b.c", "C02", "host")
	f.Add("\"", "\\", "\x00\x7f\x80\xff\u2028<>&")
	f.Fuzz(func(t *testing.T, email, serial, host string) {
		d := proto.Device{ID: proto.NewID(), Email: email, Serial: serial, Hostname: host}
		body := AppendRequest(nil, []proto.Device{d})
		var got struct{ Devices []proto.Device }
		if err := json.Unmarshal(body, &got); err != nil || !utf8.Valid(body) || len(got.Devices) != 1 {
			t.Fatalf("%q: %v", body, err)
		}
		g := got.Devices[0]
		if g.ID != d.ID || g.Email != string([]rune(email)) || g.Serial != string([]rune(serial)) ||
			g.Hostname != string([]rune(host)) {
			t.Fatalf("%+v of %+v", g, d)
		}
	})
}

func BenchmarkRequest(b *testing.B) {
	devices := fleet(proto.PageSize)
	buf := AppendRequest(nil, devices)
	b.SetBytes(int64(len(buf)))
	b.ReportAllocs()
	for b.Loop() {
		buf = AppendRequest(buf[:0], devices)
	}
}

func BenchmarkRequestNonASCII(b *testing.B) {
	devices := fleet(proto.PageSize)
	for i := range devices {
		devices[i].Hostname = strings.Repeat("bü", 8)
	}
	buf := AppendRequest(nil, devices)
	b.ReportAllocs()
	for b.Loop() {
		buf = AppendRequest(buf[:0], devices)
	}
}

func TestPlain(t *testing.T) {
	for c := range 256 {
		want := c >= ' ' && c < 0x80 && c != '"' && c != '\\'
		for _, length := range []int{1, 7, 8, 9, 16, 19} {
			for at := range length {
				s := []byte(strings.Repeat("x", length))
				s[at] = byte(c)
				if got := plain(string(s)); got != want {
					t.Fatalf("%q: %t", s, got)
				}
			}
		}
	}
	for _, s := range []string{"", "        ", "~~~~~~~~", "}}}}}}}}", "!!!!!!!!", "########", "[[[[[[[[", "]]]]]]]]",
		"\x7f\x7f\x7f\x7f\x7f\x7f\x7f\x7f"} {
		if !plain(s) {
			t.Errorf("%q", s)
		}
	}
}
