package palette_test

import (
	"context"
	"net/http"
	"net/url"
	"slices"
	"strings"
	"sync"
	"testing"

	"plumbline.dev/services/console/consoletest"
	"plumbline.dev/services/console/frame"
	"plumbline.dev/services/console/palette"
)

// screens has the pages that the palette leads to.
func screens(f *frame.Frame) {
	for _, pattern := range []string{"/devices", "/devices/{id}", "/tokens", "/tokens/{id}", "/integrations",
		"/integrations/{id}", "/checks/{id}"} {
		f.Get(pattern, func(*frame.Request) error { return nil })
	}
}

func newConsole(t *testing.T) *consoletest.Console {
	return consoletest.New(t, map[string]http.HandlerFunc{
		"GET /devices/posture/integration": consoletest.Answer([]any{
			map[string]any{"id": "11", "name": "Fleet EDR"}, map[string]any{"id": "12", "name": consoletest.Hostile}}),
		"GET /devices/posture":       consoletest.Refuse(http.StatusForbidden, "not yours"),
		"GET /access/service_tokens": consoletest.Answer([]any{}),
		"GET /devices/physical-devices": consoletest.Answer([]any{
			map[string]any{"id": "d1", "name": "fleet-laptop", "last_seen_user": map[string]any{"email": "ann@example.com"}}}),
	}, palette.Register, screens)
}

func TestPaletteFinds(t *testing.T) {
	for typed, want := range map[string]string{
		"dev":          "/devices",         // a page
		"warp":         "/devices",         // Cloudflare's word
		"Service Auth": "/tokens",          // two of them
		"zero trust":   "/devices",         //
		"fleet e":      "/integrations/11", // a name
		"11":           "/integrations/11", // an id
		"laptop":       "/devices/d1",      // a device
		"alert(1)":     "/integrations/12", // untrusted text
	} {
		p := newConsole(t).Fragment("/palette?q="+url.QueryEscape(typed), "palette-list").Has(http.StatusOK).Safe()
		if paths := p.Attributes("li", "data-path"); !slices.Contains(paths, want) {
			t.Errorf("%q: %q", typed, paths)
		}
	}
	newConsole(t).Fragment("/palette?q=zzz1", "palette-list").Has(http.StatusOK)
}

// Lists that a request which ended began to read are read to their end, and failed ones are read again.
func TestListsOfAnEndedOrFailedRequest(t *testing.T) {
	var mu sync.Mutex
	status, asked := http.StatusServiceUnavailable, 0
	names := func(w http.ResponseWriter, r *http.Request) {
		mu.Lock()
		defer mu.Unlock()
		if asked++; status != http.StatusOK {
			consoletest.Refuse(status, "NATS is not available")(w, r)
			return
		}
		consoletest.Answer([]any{map[string]any{"id": "11", "name": "Fleet EDR"}})(w, r)
	}
	c := consoletest.New(t, map[string]http.HandlerFunc{"GET /devices/posture/integration": names,
		"GET /devices/posture": consoletest.Answer([]any{}), "GET /access/service_tokens": consoletest.Answer([]any{}),
		"GET /devices/physical-devices": consoletest.Answer([]any{})}, palette.Register, screens)
	p := c.Fragment("/palette?q=edr", "palette-list").Has(http.StatusOK, "did not answer everything")
	if strings.Contains(p.Text(), "Nothing has this name") {
		t.Errorf("%s", p.Text())
	}
	mu.Lock()
	status = http.StatusOK
	mu.Unlock()
	r := c.Request(http.MethodGet, "/palette?q=edr", nil)
	ended, end := context.WithCancel(r.Context())
	end()
	c.Do(r.WithContext(ended))
	if found := c.Fragment("/palette?q=edr", "palette-list").Attributes("li", "data-path"); len(found) != 1 || asked != 2 {
		t.Errorf("%q after %d requests", found, asked)
	}
}

// Before anything is typed, the palette shows the pages there are, and asks for nothing.
func TestAnEmptyPaletteShowsPages(t *testing.T) {
	c := newConsole(t)
	p := c.Fragment("/palette?q=", "palette-list")
	if text := p.Attributes("ul", "data-text"); len(text) != 1 || text[0] != "" {
		t.Errorf("the answer is for %q", text)
	}
	got := strings.Join(p.Attributes("li", "data-path"), " ")
	if got != "/devices /integrations /tokens" || len(c.Asked("")) > 0 {
		t.Errorf("%s, asked %d times", got, len(c.Asked("")))
	}
}

func TestListsAreReadOnceForAWhile(t *testing.T) {
	c := newConsole(t)
	for range 5 {
		c.Fragment("/palette?q=f", "palette-list")
	}
	lists := 0
	for _, a := range c.Asked(http.MethodGet) {
		if a.Path == "/devices/posture" {
			lists++
		}
	}
	if lists != 1 {
		t.Errorf("read %d times", lists)
	}
}
