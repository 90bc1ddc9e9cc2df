package registry

import (
	"encoding/binary"
	"runtime"
	"testing"
	"time"

	"plumbline.dev/bus"
	"plumbline.dev/bus/bustest"
	"plumbline.dev/bus/topology"
	"plumbline.dev/proto"
)

// The index of a million devices is of modest size: measured here, so that it stays so.
func TestIndexMemory(t *testing.T) {
	const fleet, atMost = 1_000_000, 80
	x, a := newIndex(nil, bustest.Log(t)), proto.NewAccount()
	var before, after runtime.MemStats
	runtime.GC()
	runtime.ReadMemStats(&before)
	page := proto.Page{Devices: make([]proto.Device, proto.PageSize)}
	for n := range fleet / proto.PageSize {
		for i := range page.Devices {
			binary.BigEndian.PutUint64(page.Devices[i].ID[8:], uint64(n*proto.PageSize+i))
		}
		data, err := proto.Marshal(&page)
		if err != nil {
			t.Fatal(err)
		}
		if err := x.apply(bus.Update{Key: topology.PageKey(a, topology.PageNumber(n)), Value: data,
			Revision: uint64(n + 1)}); err != nil {
			t.Fatal(err)
		}
	}
	runtime.GC()
	runtime.ReadMemStats(&after)
	if got := x.counts()[a]; got.devices != fleet || got.pages != fleet/proto.PageSize {
		t.Fatalf("counts %+v", got)
	}
	each := float64(int64(after.HeapAlloc)-int64(before.HeapAlloc)) / fleet
	t.Logf("%.1f bytes a device", each)
	if each > atMost {
		t.Errorf("the index takes %.0f bytes a device, at most %d are expected", each, atMost)
	}
	runtime.KeepAlive(x)
}

func TestIndexFollowsADeviceThatMoves(t *testing.T) {
	for name, order := range map[string][]topology.PageNumber{"old page first": {0, 1}, "new page first": {1, 0}} {
		t.Run(name, func(t *testing.T) {
			b := newBucket(t, limits{pageSize: 3})
			b.write(0, &proto.Page{Devices: devices(1, 2)})
			b.write(1, &proto.Page{Devices: devices(3)})
			then := map[topology.PageNumber]*proto.Page{0: {Devices: devices(2)}, 1: {Devices: devices(3, 1)}}
			for _, n := range order {
				b.write(n, then[n])
			}
			if inv := b.index.of(b.account); inv.where[id(1)] != 1 || len(inv.where) != 3 {
				t.Errorf("%v", inv.where)
			}
		})
	}
}

func TestIndexOfDamagedPages(t *testing.T) {
	a := proto.NewAccount()
	for name, u := range map[string]bus.Update{
		"garbage":          {Key: topology.PageKey(a, 0), Value: []byte("garbage")},
		"a device twice":   {Key: topology.PageKey(a, 0), Value: encoded(t, &proto.Page{Devices: devices(1, 1)})},
		"an absurd number": {Key: topology.PageKey(a, 4_000_000_000), Value: encoded(t, &proto.Page{})},
	} {
		t.Run(name, func(t *testing.T) {
			x := newIndex(nil, bustest.Log(t))
			u.Revision = 5
			if err := x.apply(u); err == nil || x.of(a).damage() == nil {
				t.Errorf("error %v, damage %v", err, x.of(a).damage())
			}
			u.Revision, u.Deleted, u.Value = 6, true, nil
			if u.Key != topology.PageKey(a, 0) {
				return
			}
			if err := x.apply(u); err != nil || x.of(a).damage() != nil || x.of(a).pages[0].revision != 6 {
				t.Errorf("after the page was deleted: error %v, damage %v", err, x.of(a).damage())
			}
		})
	}
	x := newIndex(nil, bustest.Log(t))
	if err := x.apply(bus.Update{Key: "stray", Value: []byte("x"), Revision: 1}); err == nil || len(x.counts()) != 0 {
		t.Errorf("a stray key: %v, %v", err, x.counts())
	}
	if err := x.apply(bus.Update{Key: topology.CursorKey, Value: []byte("x"), Revision: 2}); err == nil || x.lost == nil {
		t.Errorf("a cursor that cannot be read: %v, no command may be applied: %v", err, x.lost)
	}
	cursor := bus.Update{Key: topology.CursorKey, Value: encoded(t, &proto.Cursor{Seq: 7}), Revision: 3}
	if err := x.apply(cursor); err != nil || x.lost != nil || x.cursor.Seq != 7 {
		t.Errorf("a repaired cursor: %v, %v", err, x.lost)
	}
}

func TestStanding(t *testing.T) {
	at := proto.At(time.Now())
	later := func(d time.Duration) proto.Millis { return at.Add(d) }
	done, half := proto.Cursor{Seq: 10, Done: true, StoredAt: at}, proto.Cursor{Seq: 10, Applied: 3, StoredAt: at}
	for _, c := range []struct {
		name     string
		cursor   proto.Cursor
		seq      uint64
		storedAt proto.Millis
		want     standing
	}{
		{"the first command ever", proto.Cursor{}, 1, at, fresh},
		{"the next", done, 11, later(time.Second), fresh},
		{"the next, stored by a server whose clock is behind", done, 11, later(-time.Hour), fresh},
		{"the next, though the last was given up midway", half, 11, later(time.Second), fresh},
		{"the last again", done, 10, at, applied},
		{"the last again, after a crash midway", half, 10, at, begun},
		{"an earlier one again", done, 9, later(-time.Second), settled},
		{"an earlier one again, though the clock was set back a little", done, 9, later(20 * time.Second), settled},
		{"of a stream made anew", done, 9, later(time.Hour), fresh},
		{"an earlier one again, of a cursor without a time", proto.Cursor{Seq: 10, Done: true}, 9, at, settled},
		{"of a stream made anew, with the same number", done, 10, later(time.Hour), fresh},
		{"of a stream made anew, with the same number, after a crash midway", half, 10, later(time.Hour), fresh},
	} {
		t.Run(c.name, func(t *testing.T) {
			if got := standingOf(&c.cursor, c.seq, c.storedAt); got != c.want {
				t.Errorf("standing %d, want %d", got, c.want)
			}
		})
	}
}

func encoded(t *testing.T, m proto.Message) []byte {
	t.Helper()
	data, err := proto.Marshal(m)
	if err != nil {
		t.Fatal(err)
	}
	return data
}
