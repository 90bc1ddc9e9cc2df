package registry

import (
	"fmt"
	"maps"
	"slices"
	"strings"
	"testing"

	"github.com/google/go-cmp/cmp"
	"pgregory.net/rapid"
	"plumbline.dev/bus"
	"plumbline.dev/bus/bustest"
	"plumbline.dev/bus/topology"
	"plumbline.dev/proto"
)

// bucket is a registry without a bus: its commits are applied directly to its index.
type bucket struct {
	t        testing.TB
	account  proto.Account
	limits   limits
	index    *index
	pages    map[topology.PageNumber]*proto.Page
	revision uint64
	parts    int // of the last command
	touched  int // most pages of one part
}

func newBucket(t testing.TB, l limits) *bucket {
	return &bucket{t: t, account: proto.Account{1}, limits: l, index: newIndex(nil, bustest.Log(t)),
		pages: map[topology.PageNumber]*proto.Page{}}
}

func (b *bucket) write(n topology.PageNumber, page *proto.Page) {
	data, err := proto.Marshal(page)
	if err != nil {
		b.t.Fatal(err)
	}
	b.revision++
	b.pages[n] = page
	if err := b.index.apply(bus.Update{Key: topology.PageKey(b.account, n), Value: data,
		Revision: b.revision}); err != nil {
		b.t.Fatal(err)
	}
}

func (b *bucket) do(c proto.Command, now proto.Millis) (answer proto.CommandAnswer) {
	b.parts, b.touched = 0, 0
	for from := 0; b.parts == 0 || from < items(&c); b.parts++ {
		p := plan(b.index.of(b.account), &c, from, b.limits)
		if p.end() == from && items(&c) > 0 {
			b.t.Fatal("a part of no items")
		}
		b.touched = max(b.touched, len(p.pages))
		pages := map[topology.PageNumber]*proto.Page{}
		for n, revision := range p.pages {
			pages[n] = &proto.Page{}
			if old := b.pages[n]; old != nil {
				pages[n].Devices, pages[n].Revoked = slices.Clone(old.Devices), slices.Clone(old.Revoked)
			}
			if (revision == 0) != (b.pages[n] == nil) {
				b.t.Fatalf("page %d expected at %d", n, revision)
			}
		}
		changed, err := p.apply(&c, pages, now, &answer)
		if err != nil {
			b.t.Fatal(err)
		}
		for _, n := range changed {
			b.write(n, pages[n])
		}
		from = p.end()
	}
	return answer
}

// placed returns the page of each device, and fails if one is in two pages or a page is too full.
func (b *bucket) placed() map[proto.ID]topology.PageNumber {
	where := map[proto.ID]topology.PageNumber{}
	for n, page := range b.pages {
		if len(page.Devices)+len(page.Revoked) > b.limits.pageSize {
			b.t.Fatalf("page %d holds %d devices and %d revoked", n, len(page.Devices), len(page.Revoked))
		}
		for _, d := range slices.Concat(page.Devices, page.Revoked) {
			if other, twice := where[d.ID]; twice {
				b.t.Fatalf("device %s is in pages %d and %d", d.ID, other, n)
			}
			where[d.ID] = n
		}
	}
	return where
}

func id(n byte) proto.ID { return proto.ID{0: n, 15: 1} }

func device(n byte) proto.Device { return proto.Device{ID: id(n), Hostname: fmt.Sprint("host-", n)} }

func devices(ns ...byte) (all []proto.Device) {
	for _, n := range ns {
		all = append(all, device(n))
	}
	return all
}

func named(n byte, hostname string) proto.Device { return proto.Device{ID: id(n), Hostname: hostname} }

func TestPlacement(t *testing.T) {
	three := limits{pageSize: 3, pages: 99, bytes: 1 << 20}
	for _, c := range []struct {
		name   string
		limits limits
		before []proto.Command
		do     proto.Command
		want   proto.CommandAnswer
		pages  map[topology.PageNumber][]byte // the devices, in any order
		parts  int
	}{
		{name: "the first device makes the first page", do: proto.Command{Upsert: devices(1)},
			want: proto.CommandAnswer{Enrolled: 1}, pages: map[topology.PageNumber][]byte{0: {1}}, parts: 1},
		{name: "a full page begets the next", do: proto.Command{Upsert: devices(1, 2, 3, 4, 5, 6, 7)},
			want: proto.CommandAnswer{Enrolled: 7}, pages: map[topology.PageNumber][]byte{0: {1, 2, 3}, 1: {4, 5, 6}, 2: {7}},
			parts: 1},
		{name: "newcomers fill the lowest page with a free slot", before: []proto.Command{{Upsert: devices(1, 2, 3, 4, 5, 6)}, {Remove: []proto.ID{id(5), id(2)}}},
			do:   proto.Command{Upsert: devices(7, 8, 9)},
			want: proto.CommandAnswer{Enrolled: 3}, pages: map[topology.PageNumber][]byte{0: {1, 3, 7}, 1: {4, 6, 8}, 2: {9}},
			parts: 1},
		{name: "removals come first, so their slots are free for the same command", before: []proto.Command{{Upsert: devices(1, 2, 3)}},
			do:   proto.Command{Upsert: devices(4), Remove: []proto.ID{id(1)}},
			want: proto.CommandAnswer{Removed: 1, Enrolled: 1}, pages: map[topology.PageNumber][]byte{0: {2, 3, 4}}, parts: 1},
		{name: "an emptied page stays", before: []proto.Command{{Upsert: devices(1, 2, 3, 4)}},
			do:   proto.Command{Remove: []proto.ID{id(4)}},
			want: proto.CommandAnswer{Removed: 1}, pages: map[topology.PageNumber][]byte{0: {1, 2, 3}, 1: {}}, parts: 1},
		{name: "an enrolled device is updated where it is", before: []proto.Command{{Upsert: devices(1, 2, 3, 4)}, {Remove: []proto.ID{id(1)}}},
			do:   proto.Command{Upsert: []proto.Device{named(4, "new")}},
			want: proto.CommandAnswer{Updated: 1}, pages: map[topology.PageNumber][]byte{0: {2, 3}, 1: {4}}, parts: 1},
		{name: "a device as it was is unchanged", before: []proto.Command{{Upsert: devices(1)}}, do: proto.Command{Upsert: devices(1)},
			want: proto.CommandAnswer{Unchanged: 1}, pages: map[topology.PageNumber][]byte{0: {1}}, parts: 1},
		{name: "removing what is not enrolled", do: proto.Command{Remove: []proto.ID{id(1), {}}},
			want: proto.CommandAnswer{Absent: 2}, pages: map[topology.PageNumber][]byte{}, parts: 1},
		{name: "a device named twice ends as named last", do: proto.Command{Upsert: []proto.Device{named(1, "a"), named(1, "b")}},
			want: proto.CommandAnswer{Enrolled: 1, Updated: 1}, pages: map[topology.PageNumber][]byte{0: {1}}, parts: 1},
		{name: "a device removed twice and enrolled again", before: []proto.Command{{Upsert: devices(1, 2, 3, 4)}},
			do:    proto.Command{Remove: []proto.ID{id(4), id(4)}, Upsert: devices(4)},
			want:  proto.CommandAnswer{Removed: 1, Absent: 1, Enrolled: 1},
			pages: map[topology.PageNumber][]byte{0: {1, 2, 3}, 1: {4}}, parts: 1},
		{name: "a device that moves to a lower page", before: []proto.Command{{Upsert: devices(1, 2, 3, 4)}, {Remove: []proto.ID{id(1)}}},
			do:   proto.Command{Remove: []proto.ID{id(4)}, Upsert: devices(4)},
			want: proto.CommandAnswer{Removed: 1, Enrolled: 1}, pages: map[topology.PageNumber][]byte{0: {2, 3, 4}, 1: {}},
			parts: 1},
		{name: "nothing", do: proto.Command{}, pages: map[topology.PageNumber][]byte{}, parts: 1},
		{name: "more pages than a commit holds", limits: limits{pageSize: 3, pages: 2, bytes: 1 << 20},
			do:   proto.Command{Upsert: devices(1, 2, 3, 4, 5, 6, 7, 8)},
			want: proto.CommandAnswer{Enrolled: 8}, pages: map[topology.PageNumber][]byte{0: {1, 2, 3}, 1: {4, 5, 6}, 2: {7, 8}},
			parts: 2},
		{name: "more bytes than a commit holds", limits: limits{pageSize: 3, pages: 99, bytes: 1},
			do:   proto.Command{Upsert: devices(1, 2, 3)},
			want: proto.CommandAnswer{Enrolled: 3}, pages: map[topology.PageNumber][]byte{0: {1, 2, 3}}, parts: 3},
	} {
		t.Run(c.name, func(t *testing.T) {
			b := newBucket(t, three)
			for _, before := range c.before {
				b.do(before, 1)
			}
			if c.limits != (limits{}) {
				b.limits = c.limits
			}
			if diff := cmp.Diff(c.want, b.do(c.do, 2)); diff != "" {
				t.Error("answer:", diff)
			}
			b.placed()
			got := map[topology.PageNumber][]byte{}
			for n, page := range b.pages {
				got[n] = []byte{}
				for _, d := range page.Devices {
					got[n] = append(got[n], d.ID[0])
				}
				slices.Sort(got[n])
			}
			if diff := cmp.Diff(c.pages, got); diff != "" {
				t.Error("pages:", diff)
			}
			if b.parts != c.parts {
				t.Errorf("%d parts, want %d", b.parts, c.parts)
			}
		})
	}
}

func TestTimesOfADevice(t *testing.T) {
	b := newBucket(t, limits{pageSize: 3, pages: 9, bytes: 1 << 20})
	b.do(proto.Command{Upsert: []proto.Device{{ID: id(1), EnrolledAt: 77, UpdatedAt: 77}}}, 10)
	b.do(proto.Command{Upsert: []proto.Device{named(1, "new")}}, 20)
	before := b.revision
	b.do(proto.Command{Upsert: []proto.Device{named(1, "new")}}, 30)
	if d := b.pages[0].Devices[0]; d.EnrolledAt != 10 || d.UpdatedAt != 20 || b.revision != before {
		t.Errorf("%+v, %d writes for an unchanged device", d, b.revision-before)
	}
}

func TestRefusedDevices(t *testing.T) {
	b := newBucket(t, limits{pageSize: 3, pages: 9, bytes: 1 << 20})
	long := strings.Repeat("x", proto.MaxDeviceField)
	answer := b.do(proto.Command{Upsert: []proto.Device{
		{Hostname: "no id"}, {ID: id(1), Email: long, Serial: "y"}, {ID: id(2), Email: long}, {ID: id(3), MAC: "\xff"},
	}}, 1)
	var codes []string
	for _, r := range answer.Refused {
		codes = append(codes, r.Device.String()[:2]+" "+r.Error.Code)
	}
	if diff := cmp.Diff([]string{"00 device_id_missing", "01 device_too_large", "03 device_not_text"},
		codes); diff != "" || answer.Enrolled != 1 {
		t.Errorf("%+v: %s", answer, diff)
	}
	many := b.do(proto.Command{Upsert: make([]proto.Device, proto.MaxRefusals+5)}, 2)
	if len(many.Refused) != proto.MaxRefusals || many.RefusedMore != 5 {
		t.Errorf("%d refusals listed, %d more", len(many.Refused), many.RefusedMore)
	}
}

func TestPagesThatContradictTheIndex(t *testing.T) {
	b := newBucket(t, limits{pageSize: 3, pages: 9, bytes: 1 << 20})
	b.do(proto.Command{Upsert: devices(1)}, 1)
	for name, c := range map[string]struct {
		command proto.Command
		page    proto.Page
	}{
		"a device to remove is not there": {proto.Command{Remove: []proto.ID{id(1)}}, proto.Page{}},
		"a device to update is not there": {proto.Command{Upsert: []proto.Device{named(1, "x")}}, proto.Page{}},
		"a newcomer is there":             {proto.Command{Upsert: devices(2)}, proto.Page{Devices: devices(2)}},
	} {
		p := plan(b.index.of(b.account), &c.command, 0, b.limits)
		if _, err := p.apply(&c.command, map[topology.PageNumber]*proto.Page{0: &c.page}, 2,
			new(proto.CommandAnswer)); err == nil {
			t.Errorf("%s: no error", name)
		}
	}
}

// Invariant 1, and every promise of placement, after any commands, against a model that takes devices one
// at a time.
func TestPlacementAgainstAModel(t *testing.T) {
	rapid.Check(t, func(rt *rapid.T) {
		l := limits{pageSize: rapid.IntRange(1, 4).Draw(rt, "page size"),
			pages: rapid.IntRange(1, 4).Draw(rt, "pages of a part"),
			bytes: rapid.SampledFrom([]int{1, 150, 1 << 20}).Draw(rt, "bytes of a part")}
		b := newBucket(t, l)
		hosts, where, revoked := map[proto.ID]string{}, map[proto.ID]topology.PageNumber{}, map[proto.ID]bool{} // the model
		some := rapid.SliceOfN(rapid.Map(rapid.ByteRange(0, 20), id), 0, 6)
		for range rapid.IntRange(1, 8).Draw(rt, "commands") {
			c := proto.Command{
				Remove: rapid.SliceOfN(rapid.Map(rapid.ByteRange(0, 20), id), 0, 12).Draw(rt, "remove"),
				Upsert: rapid.SliceOfN(rapid.Custom(func(rt *rapid.T) proto.Device {
					return named(rapid.ByteRange(0, 20).Draw(rt, "device"),
						rapid.SampledFrom([]string{"a", "b", strings.Repeat("c", 641)}).Draw(rt, "host"))
				}), 0, 16).Draw(rt, "upsert"),
				Revoke: some.Draw(rt, "revoke"), Unrevoke: some.Draw(rt, "unrevoke"),
			}
			var want proto.CommandAnswer
			for _, id := range c.Remove {
				if _, ok := hosts[id]; !ok {
					want.Absent++
					continue
				}
				want.Removed++
				delete(hosts, id)
				delete(where, id)
				delete(revoked, id)
			}
			for _, d := range c.Upsert {
				old, enrolled := hosts[d.ID]
				switch {
				case len(d.Hostname) > proto.MaxDeviceField:
					want.Refused = append(want.Refused, proto.Refusal{Device: d.ID})
					continue
				case enrolled && old == d.Hostname:
					want.Unchanged++
				case enrolled:
					want.Updated++
				default:
					want.Enrolled++
					fill := map[topology.PageNumber]int{}
					for _, n := range where {
						fill[n]++
					}
					n := topology.PageNumber(0)
					for fill[n] >= l.pageSize {
						n++
					}
					where[d.ID] = n
				}
				hosts[d.ID] = d.Hostname
			}
			for n, id := range slices.Concat(c.Revoke, c.Unrevoke) {
				_, enrolled := hosts[id]
				switch now := n < len(c.Revoke); {
				case !enrolled:
					want.Absent++
				case revoked[id] == now:
					want.Unchanged++
				default:
					want.Updated++
					revoked[id] = now
				}
			}
			got := b.do(c, 1)
			for i := range got.Refused {
				got.Refused[i].Error = nil
			}
			if diff := cmp.Diff(want, got); diff != "" {
				rt.Fatal("answer:", diff)
			}
			if b.touched > l.pages {
				rt.Fatalf("a part of %d pages", b.touched)
			}
			if placed := b.placed(); !maps.Equal(where, placed) || !maps.Equal(where, b.index.of(b.account).where) {
				rt.Fatalf("placed %v, index %v, want %v", placed, b.index.of(b.account).where, where)
			}
			for _, page := range b.pages {
				for i, d := range slices.Concat(page.Devices, page.Revoked) {
					if hosts[d.ID] != d.Hostname {
						rt.Fatalf("%s is %q, want %q", d.ID, d.Hostname, hosts[d.ID])
					}
					if in := i >= len(page.Devices); in != revoked[d.ID] || in != (d.RevokedAt != 0) {
						rt.Fatalf("%s is among the revoked: %v, want %v, since %d", d.ID, in, revoked[d.ID], d.RevokedAt)
					}
				}
			}
		}
	})
}
