package device

import (
	"fmt"
	"net/netip"
	"slices"
	"testing"

	"github.com/nats-io/nats.go"
	"pgregory.net/rapid"
	"plumbline.dev/bus"
	"plumbline.dev/bus/topology"
	"plumbline.dev/proto"
)

// At any time, the index agrees with a search of all pages, for any order of updates.
func TestTheIndexIsWhatThePagesSay(t *testing.T) {
	rapid.Check(t, func(t *rapid.T) {
		x, model := &index{}, map[topology.PageNumber][]proto.Device{}
		for range rapid.IntRange(1, 30).Draw(t, "steps") {
			n := topology.PageNumber(rapid.IntRange(0, 3).Draw(t, "page"))
			var devices []proto.Device
			for range rapid.IntRange(0, 5).Draw(t, "devices") {
				d := proto.Device{ID: dev(rapid.IntRange(1, 8).Draw(t, "device"))}
				if a := rapid.IntRange(0, 5).Draw(t, "address"); a > 0 {
					d.IPv4 = fmt.Sprintf("100.64.0.%d", a)
				}
				devices = append(devices, d)
			}
			model[n] = devices
			if rapid.Bool().Draw(t, "deleted") && len(devices) == 0 {
				x.put(n, nil)
			} else {
				x.put(n, pageOf(devices))
			}
			compare(t, x, model)
		}
		for n := range model {
			x.put(n, nil)
		}
		if len(x.devices.one)+len(x.devices.more)+len(x.holders.one)+len(x.holders.more)+len(x.pages) > 0 {
			t.Errorf("after all pages are gone something is left: %+v", x)
		}
	})
}

func compare(t *rapid.T, x *index, model map[topology.PageNumber][]proto.Device) {
	places, holders := map[proto.ID][]ref{}, map[string][]proto.ID{}
	for n, devices := range model {
		for slot, d := range devices {
			places[d.ID] = append(places[d.ID], refOf(uint32(n), slot))
			holders[d.IPv4] = append(holders[d.IPv4], d.ID)
		}
	}
	for i := range 9 {
		at, ok := x.find(dev(i))
		if want := places[dev(i)]; ok != (len(want) == 1) || (ok && at != want[0]) {
			t.Fatalf("device %d is at %d, %t, want %v", i, at, ok, want)
		}
	}
	for i := range 6 {
		text := fmt.Sprintf("100.64.0.%d", i)
		id, ok := x.holder(addressOf(text))
		want := holders[text]
		if ok != (len(want) == 1 && len(places[want[0]]) == 1) || (ok && id != want[0]) {
			t.Fatalf("%s is %v, %t, want %v", text, id, ok, want)
		}
	}
}

func TestAddresses(t *testing.T) {
	for text, want := range map[string]address{
		"100.64.0.1": {100, 64, 0, 1}, "::ffff:100.64.0.1": {100, 64, 0, 1}, "": {}, "0.0.0.0": {}, "100.64.0.1/32": {}, "100.64.0.01": {}, " 100.64.0.1": {},
		"fd00::1": {}, "host": {}, "255.255.255.255": {}, "224.0.0.1": {}, "100.64.0.1:80": {}, "fe80::1%eth0": {},
	} {
		if got := addressOf(text); got != want {
			t.Errorf("%q is %v, want %v", text, got, want)
		}
	}
	if overlayAddress(netip.Addr{}) != (address{}) {
		t.Error("no address is one")
	}
}

func TestRefs(t *testing.T) {
	for _, c := range []struct {
		page uint32
		slot int
	}{{0, 0}, {maxPage, proto.PageSize - 1}, {7, 1023}} {
		if r := refOf(c.page, c.slot); r.page() != c.page || r.slot() != c.slot {
			t.Errorf("%+v is %d, %d", c, r.page(), r.slot())
		}
	}
	if proto.PageSize > 1<<slotBits {
		t.Error("a page has more devices than slots")
	}
}

// An unreadable page has no devices: its former devices are unknown.
func TestAPageThatCannotBeRead(t *testing.T) {
	d, _, _ := offline(t, "100.64.0.0/10")
	data, err := proto.Marshal(&proto.Page{Devices: []proto.Device{{ID: dev(1), IPv4: "100.64.0.1"}}})
	if err != nil {
		t.Fatal(err)
	}
	subject := topology.BucketSubject(topology.Devices, topology.PageKey(account, 0))
	enrolled := func(want bool, what string) {
		t.Helper()
		if _, ok := d.inventory.find(account, dev(1)); ok != want {
			t.Errorf("%s: enrolled is %t", what, ok)
		}
	}
	for n, bad := range []*bus.Msg{
		{Seq: 2, Subject: subject, Data: data[:len(data)-3]}, {Seq: 2, Subject: subject, Data: append(slices.Clone(data), 0)},
		{Seq: 2, Subject: subject, Data: data, Header: nats.Header{proto.HeaderSchema: {"page.2"}}},
		{Seq: 2, Subject: subject, Header: nats.Header{"KV-Operation": {"DEL"}}},
	} {
		if seen := d.inventory.apply(&bus.Msg{Seq: 1, Subject: subject, Data: data}); seen != 1 {
			t.Errorf("seen %d", seen)
		}
		enrolled(true, "a good page")
		if seen := d.inventory.apply(bad); seen != 2 {
			t.Errorf("seen %d", seen)
		}
		enrolled(false, fmt.Sprint("bad page ", n))
	}
	for _, foreign := range []string{"$KV.DEVICES.cursor", "elsewhere",
		topology.BucketSubject(topology.Devices, topology.PageKey(account, maxPage+1))} {
		d.inventory.apply(&bus.Msg{Seq: 3, Subject: foreign, Data: data})
		enrolled(false, foreign)
	}
}
