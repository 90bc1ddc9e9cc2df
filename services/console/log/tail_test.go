package log_test

import (
	"bufio"
	"net/http"
	"net/http/httptest"
	"slices"
	"strings"
	"sync"
	"testing"
	"time"

	"plumbline.dev/bus/bustest"
	"plumbline.dev/services/console/consoletest"
	"plumbline.dev/services/console/log"
)

// growing is a log of the API that grows. Its positions are the numbers of its lines.
type growing struct {
	mu    sync.Mutex
	lines []any
	asked int
}

func (g *growing) add(lines ...any) {
	g.mu.Lock()
	defer g.mu.Unlock()
	g.lines = append(g.lines, lines...)
}

func (g *growing) requests() int {
	g.mu.Lock()
	defer g.mu.Unlock()
	return g.asked
}

func (g *growing) serve(w http.ResponseWriter, r *http.Request) {
	g.mu.Lock()
	g.asked++
	all := slices.Clone(g.lines)
	g.mu.Unlock()
	q, newest := r.URL.Query(), strings.Repeat("i", len(all))
	if q.Get("direction") == "asc" {
		all = all[min(len(q.Get("cursor")), len(all)):]
	} else {
		slices.Reverse(all)
		if q.Get("limit") == "1" && len(all) > 1 {
			all = all[:1]
		}
	}
	consoletest.List(all, object{"x_newest": newest})(w, r)
}

// followed opens the live tail of a log, and returns its text so far.
func followed(t *testing.T, c *consoletest.Console, path string) func() string {
	t.Helper()
	server := httptest.NewServer(c.Handler)
	t.Cleanup(func() { server.CloseClientConnections(); server.Close() })
	r := c.Request(http.MethodGet, path, nil)
	req, err := http.NewRequestWithContext(t.Context(), http.MethodGet, server.URL+path, nil)
	if err != nil {
		t.Fatal(err)
	}
	req.Header = r.Header
	resp, err := http.DefaultClient.Do(req)
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { resp.Body.Close() })
	if resp.StatusCode != http.StatusOK || resp.Header.Get("Content-Type") != "text/event-stream" {
		t.Fatalf("%s: %d, %v", path, resp.StatusCode, resp.Header)
	}
	var mu sync.Mutex
	var b strings.Builder
	go func() {
		for scan := bufio.NewScanner(resp.Body); scan.Scan(); {
			mu.Lock()
			b.WriteString(scan.Text() + "\n")
			mu.Unlock()
		}
	}()
	return func() string { mu.Lock(); defer mu.Unlock(); return b.String() }
}

// A posture log without news is asked for its newest line only.
func TestQuietPostureTail(t *testing.T) {
	g := &growing{}
	g.add(postureLine(object{"x_cursor": "9.1"}), postureLine(object{"x_cursor": "10.1"}))
	c := consoletest.NewLive(t, map[string]http.HandlerFunc{postureAPI: g.serve}, log.Sources, log.Register)
	followed(t, c, "/logs/posture/live")
	bustest.Eventually(t, "the source has looked several times", func() bool {
		c.Clock.Advance(3 * time.Second)
		return g.requests() > 4
	})
	for _, a := range c.Asked(http.MethodGet) {
		if strings.HasSuffix(postureAPI, a.Path) && !strings.Contains(a.Query, "limit=1&") &&
			!strings.HasSuffix(a.Query, "limit=1") {
			t.Errorf("asked for %s", a.Query)
		}
	}
}

func TestLiveTail(t *testing.T) {
	for _, k := range []struct {
		path, api, filter string
		line              func(object) object
		shown, hidden     object
	}{
		{"/logs/access/live", accessAPI, "?x_reason=posture_failed", accessLine, object{"app_domain": "shown"},
			object{"app_domain": "hidden", "x_reason": "other"}},
		{"/logs/audit/live", auditAPI, "?actor_email=ann@example.com", auditLine,
			object{"resource": object{"x_name": "shown"}},
			object{"resource": object{"x_name": "hidden"}, "actor": object{"email": "bob"}}},
		{"/logs/posture/live", postureAPI, "?outcome=fail", postureLine, object{"DeviceName": "shown", "x_cursor": "10.1"},
			object{"DeviceName": "hidden", "x_outcome": "pass", "x_cursor": "11.1"}},
	} {
		t.Run(k.path, func(t *testing.T) {
			g := &growing{}
			g.add(k.line(object{"app_domain": "old", "DeviceName": "old"}))
			c := consoletest.NewLive(t, map[string]http.HandlerFunc{k.api: g.serve}, log.Sources, log.Register)
			every, some := followed(t, c, k.path), followed(t, c, k.path+k.filter)
			bustest.Eventually(t, "the source knows the end of the log", func() bool { return g.requests() > 0 })
			g.add(k.line(k.shown), k.line(k.hidden))
			bustest.Eventually(t, "the new lines arrive", func() bool {
				c.Clock.Advance(3 * time.Second)
				return strings.Contains(every(), "hidden") && strings.Contains(some(), "shown")
			})
			text := every()
			if strings.Contains(text, ">old<") || !strings.Contains(text, `data-hx-swap-oob="afterbegin:#rows"`) ||
				strings.Index(text, "hidden") > strings.Index(text, "shown") {
				t.Errorf("%s", text)
			}
			if strings.Contains(some(), "hidden") {
				t.Errorf("the filter lets through %s", some())
			}
		})
	}
}

func TestATailIsOnePageOfTheLog(t *testing.T) {
	c := open(t, map[string]http.HandlerFunc{postureAPI: consoletest.List([]any{postureLine(nil)}, object{})})
	p := c.Get("/logs/posture?tail=on&outcome=fail").Has(http.StatusOK, "Pause live tail",
		"New lines appear at the top. The live tail has changed outcomes only.").Safe()
	if q := query(t, c, postureAPI); q.Get("changed") != "true" {
		t.Errorf("the API is asked %v", q)
	}
	if paths := p.Attributes("div", "data-hx-sse:connect"); !slices.Contains(
		paths,
		"/logs/posture/live?outcome=fail&tail=on",
	) {
		t.Errorf("the page follows %q", paths)
	}
	if links := p.Attributes("a", "href"); !slices.Contains(links, "/logs/posture?outcome=fail") {
		t.Errorf("nothing pauses the tail: %q", links)
	}
	p = open(t, map[string]http.HandlerFunc{accessAPI: consoletest.List([]any{}, object{})}).Get("/logs/access?tail=on").
		Has(http.StatusOK, "Pause live tail").Safe()
	if len(p.Texts("tbody", "")) != 1 {
		t.Error("an empty log has no table for new lines")
	}
}
