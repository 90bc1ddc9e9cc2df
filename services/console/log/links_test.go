package log_test

import (
	"io/fs"
	"net/http"
	"os"
	"regexp"
	"strings"
	"testing"

	"plumbline.dev/services/console/consoletest"
	"plumbline.dev/services/console/device"
	"plumbline.dev/services/console/log"
)

// filtered finds the links of the console's templates and code that narrow a list.
var filtered = regexp.MustCompile(`/(logs/(?:posture|access|audit)|devices)\?([\w.]+)=`)

// A page that narrows its list does not ignore a condition: it would show everything under the claim of a part.
func TestLinksHaveFiltersOfTheirPages(t *testing.T) {
	empty := consoletest.List([]any{}, object{})
	c := consoletest.New(t, map[string]http.HandlerFunc{postureAPI: empty, accessAPI: empty, auditAPI: empty,
		"GET /plumbline/devices": empty, "GET /devices/posture": empty, "GET /devices/posture/integration": empty},
		log.Register, device.Register)
	links := 0
	check := func(path string, text []byte) {
		for _, m := range filtered.FindAllSubmatch(text, -1) {
			links++
			link := "/" + string(m[1]) + "?" + string(m[2]) + "=1"
			if p := c.Get(link); p.Status == http.StatusUnprocessableEntity {
				t.Errorf("%s: %s: %s", path, link, p.Text())
			}
		}
	}
	root := os.DirFS("..")
	for _, pattern := range []string{"*/*.html", "*/*.go"} {
		files, err := fs.Glob(root, pattern)
		if err != nil || len(files) == 0 {
			t.Fatal(files, err)
		}
		for _, path := range files {
			if strings.HasSuffix(path, "_test.go") {
				continue
			}
			text, err := fs.ReadFile(root, path)
			if err != nil {
				t.Fatal(err)
			}
			check(path, text)
		}
	}
	if links < 4 {
		t.Errorf("%d links: the pattern no longer finds them", links)
	}
	for _, path := range []string{"/logs/audit?actor.email=ann", "/logs/audit/export?format=csv&actor.email=ann",
		"/logs/access?name=a", "/logs/posture/live?name=a", "/devices?q=a", "/devices/export?format=csv&q=a"} {
		c.Get(path).Has(http.StatusUnprocessableEntity, "has no filter").Safe()
	}
}
