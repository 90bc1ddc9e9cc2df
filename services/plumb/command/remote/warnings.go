package remote

import (
	"fmt"
	"io"
	"sync"

	"plumbline.dev/services/plumb/command/render"
)

// Warnings returns a function to write each message once, on its own line. A command with --watch receives the same
// messages again and again.
func Warnings(w io.Writer) func(message string) {
	var mu sync.Mutex
	seen := map[string]bool{}
	return func(message string) {
		mu.Lock()
		defer mu.Unlock()
		if !seen[message] {
			seen[message] = true
			fmt.Fprintf(w, "warning: %s\n", render.Clean(message))
		}
	}
}
