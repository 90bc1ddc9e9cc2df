package cli

import (
	"os"
	"runtime/debug"
	"runtime/metrics"
	"time"
)

const (
	// gcFast is the garbage collector's percentage for a small heap: it grows to five times its live size between
	// collections, rather than twice.
	gcFast = 400
	// gcSpare bounds the extra memory in bytes: a larger heap grows by at most this much, or doubles, as by default.
	gcSpare = 256 << 20
)

// MemoryForTime makes the garbage collector of this process run less often, unless GOGC is set. It suits a process
// with little live data and much garbage, such as a proxy.
func MemoryForTime() {
	if os.Getenv("GOGC") != "" {
		return
	}
	now := gcFast
	debug.SetGCPercent(now)
	go func() {
		live := []metrics.Sample{{Name: "/gc/heap/live:bytes"}}
		for range time.Tick(10 * time.Second) {
			metrics.Read(live)
			if p := gcPercent(live[0].Value.Uint64()); p != now {
				now = p
				debug.SetGCPercent(p)
			}
		}
	}()
}

// gcPercent returns the garbage collector's percentage for a heap with live bytes.
func gcPercent(live uint64) int {
	return int(max(100, min(gcFast, gcSpare*100/max(live, 1))))
}
