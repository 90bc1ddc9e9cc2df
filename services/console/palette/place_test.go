package palette_test

import (
	"net/http"
	"net/url"
	"slices"
	"strings"
	"testing"

	"plumbline.dev/services/console/application"
	"plumbline.dev/services/console/check"
	"plumbline.dev/services/console/consoletest"
	"plumbline.dev/services/console/destination"
	"plumbline.dev/services/console/device"
	"plumbline.dev/services/console/hold"
	"plumbline.dev/services/console/integration"
	"plumbline.dev/services/console/log"
	"plumbline.dev/services/console/member"
	"plumbline.dev/services/console/overview"
	"plumbline.dev/services/console/palette"
	"plumbline.dev/services/console/start"
	"plumbline.dev/services/console/system"
	"plumbline.dev/services/console/token"
)

// notBuilt are paths that the palette leads to as soon as there are pages for them.
var notBuilt = []string{"/policies/groups/{id}"}

// Each path of the palette is one of the screens, and its filter is one that the screen has.
func TestPathsAreServed(t *testing.T) {
	c := consoletest.New(t, map[string]http.HandlerFunc{
		"GET /plumbline/devices": consoletest.Answer([]any{}), "GET /access/logs/access_requests": consoletest.Answer([]any{}),
		"GET /access/apps": consoletest.Answer([]any{}),
	}, application.Register, check.Register, destination.Register, device.Register, hold.Register, integration.Register,
		log.Register, member.Register, overview.Register, start.Register, system.Register, token.Register)
	paths, patterns := palette.Paths()
	for _, path := range slices.Concat(paths, patterns) {
		pattern, query, filtered := strings.Cut(path, "?")
		if c.Frame.Serves(pattern) == slices.Contains(notBuilt, pattern) {
			t.Errorf("%s: a page is served: %v", path, c.Frame.Serves(pattern))
		}
		if !filtered {
			continue
		}
		want, err := url.ParseQuery(query)
		if err != nil {
			t.Fatal(err)
		}
		page := c.Get(path).Has(http.StatusOK)
		fields := slices.Concat(page.Attributes("input", "name"), page.Attributes("select", "name"))
		for name := range want {
			if !slices.Contains(fields, name) {
				t.Errorf("%s: the page has no filter %q: %q", path, name, fields)
			}
		}
	}
}
