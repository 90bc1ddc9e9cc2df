package device

import (
	"fmt"
	"net/netip"
	"runtime"
	"testing"

	"plumbline.dev/bus/topology"
	"plumbline.dev/proto"
)

// fill gives a view some devices with addresses and a poll of each page, with two checks; one page in ten holds
// scores of several polls.
func fill(d *Devices, devices int) {
	pass, fail := proto.OutcomePass, proto.OutcomeFail
	for n := range devices / proto.PageSize {
		all := make([]proto.Device, proto.PageSize)
		e := &proto.Entry{Poll: proto.Poll{At: proto.At(epoch)}, Checks: []proto.CheckRef{{ID: check}, {ID: second}}}
		for i := range all {
			k := n*proto.PageSize + i
			all[i] = proto.Device{ID: dev(k),
				IPv4: netip.AddrFrom4([4]byte{100, 64 + byte(k>>16), byte(k >> 8), byte(k)}).String()}
			r := result(k, k%101, pass, fail)
			if n%10 == 0 && i%2 == 0 {
				r.ObservedAt -= 60_000
			}
			e.Results = append(e.Results, r)
		}
		page := topology.PageNumber(n)
		d.inventory.put(account, page, pageOf(all))
		d.state.put(onPage(page), compact(uint64(n+1), e, d.inventory.ids(account, page)))
	}
}

func heap() uint64 {
	var m runtime.MemStats
	runtime.GC()
	runtime.GC()
	runtime.ReadMemStats(&m)
	return m.HeapAlloc
}

// The view's memory follows the number of devices, by less than a hundred bytes each.
func TestMemory(t *testing.T) {
	const devices = 100_000
	before := heap()
	d, _, _ := offline(t)
	fill(d, devices)
	each := float64(heap()-before) / devices
	t.Logf("%.1f bytes a device", each)
	if each > 100 {
		t.Errorf("%.1f bytes a device", each)
	}
	// Polling and enrolling the same devices repeatedly needs no further memory.
	for range 3 {
		fill(d, devices)
	}
	if again := float64(heap()-before) / devices; again > 1.1*each {
		t.Errorf("%.1f bytes a device after more polls", again)
	}
	runtime.KeepAlive(d)
}

func BenchmarkMemory(b *testing.B) {
	for _, devices := range []int{10_000, 100_000, 1_000_000} {
		b.Run(fmt.Sprint(devices), func(b *testing.B) {
			for b.Loop() {
				before := heap()
				d, _, _ := offline(b)
				fill(d, devices)
				b.ReportMetric(float64(heap()-before)/float64(devices), "B/device")
				runtime.KeepAlive(d)
			}
		})
	}
}

func BenchmarkPosture(b *testing.B) {
	d, _, _ := offline(b)
	fill(d, 100_000)
	b.ReportAllocs()
	n := 0
	for b.Loop() {
		n = (n + 7919) % 100_000
		if d.Posture(account, dev(n), check).Outcome != proto.OutcomePass {
			b.Fatal("no pass")
		}
	}
}

func BenchmarkBehind(b *testing.B) {
	d, _, _ := offline(b, "100.64.0.0/10")
	fill(d, 100_000)
	cert := certificate(b, []string{"urn:uuid:" + dev(70_000).String()}, "laptop.example")
	b.Run("address", func(b *testing.B) {
		b.ReportAllocs()
		for b.Loop() {
			if _, ok := d.Behind(account, netip.AddrFrom4([4]byte{100, 65, 17, 112}), nil); !ok {
				b.Fatal("nobody")
			}
		}
	})
	b.Run("certificate", func(b *testing.B) {
		b.ReportAllocs()
		for b.Loop() {
			if _, ok := d.Behind(account, netip.Addr{}, cert); !ok {
				b.Fatal("nobody")
			}
		}
	})
}

// A new entry of a full page, from the wire.
func BenchmarkApply(b *testing.B) {
	d, _, _ := offline(b)
	fill(d, 1000)
	e := &proto.Entry{Poll: proto.Poll{At: proto.At(epoch)}, Checks: []proto.CheckRef{{ID: check}, {ID: second}}}
	for k := range proto.PageSize {
		e.Results = append(e.Results, result(k, k%101, proto.OutcomePass, proto.OutcomeFail))
	}
	m := logged(b, onPage(0), 10, e)
	b.ReportAllocs()
	for b.Loop() {
		d.state.pages[onPage(0)].seq = 1
		d.state.apply(m)
	}
}
