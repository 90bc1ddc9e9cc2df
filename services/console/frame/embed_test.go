package frame_test

import (
	"net/http"
	"net/http/httptest"
	"strings"
	"testing"

	"plumbline.dev/services/console/asset"
	"plumbline.dev/services/console/consoletest"
	"plumbline.dev/services/console/frame"
)

// No response of the console is shown within a page of somebody else, whatever it is and whether it succeeds.
func TestNothingIsShownWithinAnotherPage(t *testing.T) {
	c := consoletest.New(t, nil, screen, func(f *frame.Frame) {
		f.Get("/things/live", func(r *frame.Request) error { return r.Stream().Send("status", "up") })
		f.Get("/things/export", func(r *frame.Request) error {
			r.W.Header().Set("Content-Type", "text/csv; charset=utf-8")
			_, err := r.W.Write([]byte("a,b\n"))
			return err
		})
	})
	asked := func(method, path string, headers ...string) *http.Request {
		r := c.Request(method, path, nil)
		for n := 0; n < len(headers); n += 2 {
			r.Header.Set(headers[n], headers[n+1])
		}
		return r
	}
	for name, test := range map[string]struct {
		r      *http.Request
		status int
	}{
		"page":              {asked("GET", "/things/a"), http.StatusOK},
		"fragment":          {asked("GET", "/things/a", "HX-Request", "true", "HX-Target", "div#list"), http.StatusOK},
		"stream":            {asked("GET", "/things/live"), http.StatusOK},
		"download":          {asked("GET", "/things/export"), http.StatusOK},
		"asset":             {asked("GET", asset.Path("console.css")), http.StatusOK},
		"picture":           {asked("GET", asset.Path("icon.svg")), http.StatusOK},
		"health":            {asked("GET", "/healthz"), http.StatusNoContent},
		"no asset":          {asked("GET", "/assets/none.js"), http.StatusNotFound},
		"no page":           {asked("GET", "/none"), http.StatusNotFound},
		"API's error":       {asked("POST", "/things/1/poll"), http.StatusNotFound},
		"unclean path":      {asked("GET", "//things/../things/a"), http.StatusTemporaryRedirect},
		"another method":    {asked("DELETE", "/things/a"), http.StatusNotFound},
		"another site":      {asked("POST", "/things/1/poll", "Sec-Fetch-Site", "cross-site"), http.StatusForbidden},
		"embedded":          {asked("GET", "/things/a", "Sec-Fetch-Site", "cross-site"), http.StatusForbidden},
		"without a session": {httptest.NewRequest(http.MethodGet, "/things/a", nil), http.StatusSeeOther},
	} {
		p := c.Do(test.r)
		if p.Status != test.status {
			t.Errorf("%s: status %d, want %d", name, p.Status, test.status)
		}
		if !strings.Contains(p.Header.Get("Content-Security-Policy"), "frame-ancestors 'none'") ||
			p.Header.Get("X-Frame-Options") != "DENY" || p.Header.Get("X-Content-Type-Options") != "nosniff" ||
			p.Header.Get("Cross-Origin-Resource-Policy") != "same-origin" {
			t.Errorf("%s: %v", name, p.Header)
		}
	}
}
