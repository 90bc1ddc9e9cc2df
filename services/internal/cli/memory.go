package cli

import (
	"os"
	"runtime/debug"
	"runtime/metrics"
	"time"
)

const (
	// gcFast is the garbage collector's percentage while the heap is small: it grows to five times its live size
	// between collections, rather than twice.
	gcFast = 400
	// gcSpare bounds the memory that is spent on this: a heap with more live bytes grows by so many at most, or
	// doubles, as by default.
	gcSpare = 256 << 20
)

// MemoryForTime makes the garbage collector of this process run less often, unless the environment says otherwise
// (GOGC). It is for a process that keeps little and leaves much behind, such as one that passes requests on.
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

// gcPercent is the garbage collector's percentage for a heap with so many live bytes.
func gcPercent(live uint64) int {
	return int(max(100, min(gcFast, gcSpare*100/max(live, 1))))
}
