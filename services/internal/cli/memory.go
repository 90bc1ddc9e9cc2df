package cli

import (
	"os"
	"runtime/debug"
)

// MemoryForTime lets the heap grow to five times of what is in use before it is collected, in place of twice,
// unless the environment says otherwise (GOGC): for a process that keeps little and leaves much behind.
func MemoryForTime() {
	if os.Getenv("GOGC") == "" {
		debug.SetGCPercent(400)
	}
}
