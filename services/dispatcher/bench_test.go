package dispatcher

import (
	"net/http"
	"net/http/httptest"
	"runtime"
	"sync/atomic"
	"testing"
	"time"

	"plumbline.dev/bus/bustest"
)

// BenchmarkChanges delivers one change of one device per iteration to a webhook on loopback, from a log that holds all
// of them at the start. It reports the peak of the heap, of the bus and the dispatcher together.
func BenchmarkChanges(b *testing.B) {
	f := start(b)
	var got atomic.Int64
	hook := httptest.NewServer(http.HandlerFunc(func(w http.ResponseWriter, _ *http.Request) {
		got.Add(1)
		w.WriteHeader(http.StatusNoContent)
	}))
	b.Cleanup(hook.Close)
	f.destination(hook.URL)
	for range b.N {
		f.change()
	}
	s, _ := f.service()
	b.ResetTimer()
	stop := bustest.Run(b, s.Run)
	var peak uint64
	for got.Load() < int64(b.N) {
		var m runtime.MemStats
		runtime.ReadMemStats(&m)
		peak = max(peak, m.HeapInuse)
		<-time.After(20 * time.Millisecond)
	}
	b.StopTimer()
	stop()
	b.ReportMetric(float64(peak)/(1<<20), "peak-heap-MB")
	b.ReportMetric(float64(b.N)/b.Elapsed().Seconds(), "changes/s")
}
