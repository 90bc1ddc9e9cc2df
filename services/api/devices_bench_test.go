package api

import (
	"encoding/json"
	"runtime"
	"slices"
	"testing"
	"time"

	"plumbline.dev/proto"
)

// BenchmarkMillionDevices: a fleet of 1,000,000 devices in 1,000 pages.
func BenchmarkMillionDevices(b *testing.B) {
	y := start(b)
	some := y.fill(1000)
	if err := y.api.freshInventory(b.Context()); err != nil {
		b.Fatal(err)
	}
	size := func() {
		runtime.GC()
		var m runtime.MemStats
		runtime.ReadMemStats(&m)
		b.Logf("heap %d MB, with the server's", m.HeapAlloc>>20)
	}
	size()
	middle := y.do("GET", "/devices/physical-devices?per_page=500", nil)
	for range 3 {
		middle = y.do("GET", "/devices/physical-devices?per_page=1000&cursor="+text(middle.ResultInfo, "cursor"), nil)
	}
	for _, c := range []struct{ name, path string }{
		{"first page", "/devices/physical-devices"},
		{"page in the middle", "/devices/physical-devices?cursor=" + text(middle.ResultInfo, "cursor")},
		{"page of 1000", "/devices/physical-devices?per_page=1000"},
		{"get", "/devices/physical-devices/" + some.String()},
		{"by address", "/devices/physical-devices?last_seen_user.email=person777777@example.com"},
		{"search, not found", "/devices/physical-devices?search=nothing"},
		{"sorted by name", "/devices/physical-devices?sort_by=name"},
	} {
		b.Run(c.name, func(b *testing.B) {
			var took []time.Duration
			for b.Loop() {
				at := time.Now()
				y.want(200, "GET", c.path, nil)
				took = append(took, time.Since(at))
			}
			slices.Sort(took)
			b.ReportMetric(float64(took[len(took)*99/100].Microseconds())/1000, "ms-p99")
		})
	}
	b.Run("all in one piece", func(b *testing.B) {
		for b.Loop() {
			r := y.do("GET", "/devices", nil)
			var all []struct{ ID proto.ID }
			if json.Unmarshal(r.Result, &all) != nil || len(all) != 1_000_000 {
				b.Fatalf("%d devices", len(all))
			}
		}
	})
	size()
}
