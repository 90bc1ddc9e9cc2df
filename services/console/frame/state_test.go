package frame_test

import (
	"context"
	"net/http"
	"strings"
	"testing"

	"plumbline.dev/services/console/consoletest"
	"plumbline.dev/services/console/frame"
)

func empty(f *frame.Frame) {
	f.Get("/empty", func(r *frame.Request) error {
		return r.Page(frame.Page{Title: "Empty", Set: set, Name: "list"})
	})
}

const (
	switchedOff = "Nothing is enforced."
	didNotSay   = "The control plane did not say"
)

// The observe switch is shown although the person may not read results or the API fails to list them, and a failure is
// not shown as if nothing were held.
func TestStateOfThePage(t *testing.T) {
	on := consoletest.Answer(map[string]any{"active": true, "until": "2026-12-01T00:00:00Z", "reason": "move"})
	off, none := consoletest.Answer(map[string]any{}), consoletest.Answer([]any{})
	forbidden, away := consoletest.Refuse(403, "no"), consoletest.Refuse(503, "NATS is not available")
	for name, c := range map[string]struct {
		status, observe http.HandlerFunc
		off, unknown    bool
	}{
		"all known":          {none, off, false, false},
		"switched off":       {none, on, true, false},
		"no permission":      {forbidden, on, true, false},
		"status away":        {away, on, true, true},
		"switch away":        {none, away, false, true},
		"nothing is allowed": {forbidden, forbidden, false, false},
	} {
		t.Run(name, func(t *testing.T) {
			p := consoletest.New(t, map[string]http.HandlerFunc{"GET /plumbline/status": c.status,
				"GET /plumbline/observe": c.observe}, empty).Get("/empty").Has(http.StatusOK).Safe()
			if text := p.Text(); strings.Contains(text, switchedOff) != c.off ||
				strings.Contains(text, didNotSay) != c.unknown {
				t.Errorf("%s", text)
			}
		})
	}
}

// The state that a request asks for is there for the next one, although its own browser left.
func TestStateAfterABrowserLeft(t *testing.T) {
	c := consoletest.New(t, map[string]http.HandlerFunc{"GET /plumbline/observe": consoletest.Answer(map[string]any{
		"active": true, "until": "2026-12-01T00:00:00Z", "reason": "move"})}, empty)
	r := c.Request(http.MethodGet, "/empty", nil)
	left, leave := context.WithCancel(r.Context())
	leave()
	c.Do(r.WithContext(left))
	c.Get("/empty").Has(http.StatusOK, switchedOff)
}
