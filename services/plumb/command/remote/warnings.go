package remote

import (
	"fmt"
	"io"
	"sync"

	"plumbline.dev/services/plumb/command/render"
)

// Warnings returns a function that writes each message once, on a line of its own: commands that ask again and again
// are told the same every time.
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
