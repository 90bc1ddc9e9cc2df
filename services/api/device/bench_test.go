package device_test

import (
	"encoding/json"
	"runtime"
	"slices"
	"testing"
	"time"

	"plumbline.dev/proto"
	"plumbline.dev/services/api/apitest"
)

// BenchmarkMillionDevices reads a fleet of 1,000,000 devices in 1,000 pages.
func BenchmarkMillionDevices(b *testing.B) {
	f := apitest.Start(b)
	some := f.StorePages(1000)
	size := func() {
		runtime.GC()
		var m runtime.MemStats
		runtime.ReadMemStats(&m)
		b.Logf("heap %d MB, with the server's", m.HeapAlloc>>20)
	}
	size()
	middle := f.Do("GET", "/devices/physical-devices?per_page=500", nil)
	for range 3 {
		middle = f.Do("GET", "/devices/physical-devices?per_page=1000&cursor="+apitest.Text(middle.ResultInfo, "cursor"),
			nil)
	}
	for _, c := range []struct{ name, path string }{
		{"first page", "/devices/physical-devices"},
		{"page in the middle", "/devices/physical-devices?cursor=" + apitest.Text(middle.ResultInfo, "cursor")},
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
				f.Want(200, "GET", c.path, nil)
				took = append(took, time.Since(at))
			}
			slices.Sort(took)
			b.ReportMetric(float64(took[len(took)*99/100].Microseconds())/1000, "ms-p99")
		})
	}
	b.Run("all in one piece", func(b *testing.B) {
		for b.Loop() {
			r := f.Do("GET", "/devices", nil)
			var all []struct{ ID proto.ID }
			if json.Unmarshal(r.Result, &all) != nil || len(all) != 1_000_000 {
				b.Fatalf("%d devices", len(all))
			}
		}
	})
	size()
}
