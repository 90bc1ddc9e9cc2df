package sample_test

import (
	"bytes"
	"encoding/csv"
	"flag"
	"fmt"
	"io"
	"math/rand/v2"
	"os"
	"strings"
	"testing"
	"unicode/utf8"

	"plumbline.dev/proto"
	"plumbline.dev/services/api/device/importfile"
	"plumbline.dev/services/sample"
)

var update = flag.Bool("update", false, "write devices.csv anew")

// makeDevices returns the list of devices, to document its origin. The binary contains the generated file.
func makeDevices() []byte {
	r := rand.New(rand.NewPCG(8402, 2500))
	pick := func(from []string) string { return from[r.IntN(len(from))] }
	given := []string{"ada", "bela", "chidi", "dilnoza", "emeka", "fatima", "goran", "hana", "ines", "jun", "kofi", "lena",
		"mateo", "nadia", "oskar", "priya", "quynh", "rosa", "sven", "tariq", "uma", "vera", "wanja", "xin", "yara", "zoltan"}
	family := []string{"adeyemi", "bauer", "costa", "dimitrov", "eriksen", "ferrari", "garcia", "haddad", "ivanova",
		"jansen", "kowalski", "lopez", "meyer", "nakamura", "okafor", "papadakis", "rossi", "sato", "tanaka", "vargas",
		"weber", "yilmaz", "zhang"}
	site := []string{"berlin", "lagos", "austin", "münchen", "zürich", "東京", "大阪", "são-paulo", "kraków", "łódź", "αθήνα",
		"київ", "서울", "málaga", "reykjavík", "paris", "nairobi", "القاهرة", "मुंबई", "istanbul"}
	kind := []string{"laptop", "desktop", "tablet", "mac", "kiosk", "phone"}
	vendor := []string{"C02", "PF3", "5CG", "R90", "MXL"}
	const serialAlphabet = "ABCDEFGHJKLMNPQRSTVWXYZ0123456789"

	var buf bytes.Buffer
	w := csv.NewWriter(&buf)
	w.Write([]string{"device_id", "email", "serial_number", "mac_address", "virtual_ipv4", "hostname"})
	for n := range sample.DeviceCount {
		var id proto.ID
		for i := range id {
			id[i] = byte(r.Uint32())
		}
		id[6], id[8] = id[6]&0x0f|0x40, id[8]&0x3f|0x80
		email := fmt.Sprintf("%s.%s@example.com", pick(given), pick(family))
		serial := pick(vendor)
		for range 7 {
			serial += string(serialAlphabet[r.IntN(len(serialAlphabet))])
		}
		serial += fmt.Sprintf("%02X", n%256)
		mac := fmt.Sprintf("02:50:4c:%02x:%02x:%02x", r.IntN(256), n>>8, n&255)
		ip := fmt.Sprintf("100.96.%d.%d", n/250, 1+n%250)
		host := fmt.Sprintf("%s-%s-%04d", pick(site), pick(kind), n+1)
		deviceID := id.String()
		switch {
		case n == 1204 || n == 2107:
			// Two devices with ids of their own and one serial number, as a swapped mainboard leaves behind.
			serial = "C02SHARED77"
		case n%12 == 5:
			deviceID = "" // derived from the serial number
		case n%17 == 3:
			serial = ""
		}
		if n%14 == 9 {
			email = ""
		}
		if n%23 == 4 {
			mac = ""
		}
		if n%9 == 2 {
			ip = ""
		}
		if n%31 == 8 {
			host = ""
		}
		w.Write([]string{deviceID, email, serial, mac, ip, host})
	}
	w.Flush()
	return buf.Bytes()
}

func TestDevicesAreAsMade(t *testing.T) {
	want := makeDevices()
	if *update {
		if err := os.WriteFile("devices.csv", want, 0o644); err != nil {
			t.Fatal(err)
		}
	}
	got, err := os.ReadFile("devices.csv")
	if err != nil {
		t.Fatal(err)
	}
	if !bytes.Equal(got, want) {
		t.Error("devices.csv is not what makeDevices makes; go test ./sample -update writes it anew")
	}
}

func TestDevices(t *testing.T) {
	rows, err := csv.NewReader(sample.Devices()).ReadAll()
	if err != nil {
		t.Fatal(err)
	}
	if got := strings.Join(rows[0], ","); got != "device_id,email,serial_number,mac_address,virtual_ipv4,hostname" {
		t.Fatalf("header %q", got)
	}
	rows = rows[1:]
	if len(rows) != sample.DeviceCount {
		t.Fatalf("%d devices", len(rows))
	}
	blank, serials, addresses := make([]int, 6), map[string][]string{}, map[string]bool{}
	ids, foreign := map[proto.ID]bool{}, 0
	for n, row := range rows {
		bytes := 0
		for i, field := range row {
			bytes += len(field)
			if field == "" {
				blank[i]++
			}
			if !utf8.ValidString(field) {
				t.Errorf("row %d: %q", n, field)
			}
		}
		if bytes > proto.MaxDeviceField {
			t.Errorf("row %d has %d bytes", n, bytes)
		}
		id, serial := row[0], row[2]
		if id != "" {
			parsed, err := proto.ParseID(id)
			if err != nil || ids[parsed] {
				t.Errorf("row %d: id %q, %v", n, id, err)
			}
			ids[parsed] = true
		} else if serial == "" || importfile.Placeholder(serial) {
			t.Errorf("row %d has neither id nor serial number", n)
		}
		if serial != "" {
			serials[serial] = append(serials[serial], id)
		}
		if ip := row[4]; ip != "" {
			if addresses[ip] {
				t.Errorf("address %s is there twice", ip)
			}
			addresses[ip] = true
		}
		if len(row[5]) != utf8.RuneCountInString(row[5]) {
			foreign++
		}
	}
	shared := 0
	for serial, owners := range serials {
		if len(owners) == 1 {
			continue
		}
		shared++
		if len(owners) != 2 || owners[0] == "" || owners[1] == "" {
			t.Errorf("serial number %s is that of %q", serial, owners)
		}
	}
	if shared != 1 {
		t.Errorf("%d serial numbers are shared", shared)
	}
	for i, n := range blank {
		if n == 0 || n > sample.DeviceCount/5 {
			t.Errorf("column %d is blank %d times", i, n)
		}
	}
	if foreign < 500 {
		t.Errorf("%d host names are not ASCII", foreign)
	}
	if _, err := io.ReadAll(sample.Devices()); err != nil {
		t.Error(err)
	}
}
