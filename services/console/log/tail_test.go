package log_test

import (
	"net/http"
	"slices"
	"strconv"
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
	fails int // status of the answers, 0 for the lines
}

func (g *growing) add(lines ...any) {
	g.mu.Lock()
	defer g.mu.Unlock()
	g.lines = append(g.lines, lines...)
}

func (g *growing) fail(status int) {
	g.mu.Lock()
	defer g.mu.Unlock()
	g.fails = status
}

func (g *growing) requests() int {
	g.mu.Lock()
	defer g.mu.Unlock()
	return g.asked
}

func (g *growing) serve(w http.ResponseWriter, r *http.Request) {
	g.mu.Lock()
	g.asked++
	all, fails := slices.Clone(g.lines), g.fails
	g.mu.Unlock()
	if fails != 0 {
		consoletest.Refuse(fails, "no")(w, r)
		return
	}
	q, info := r.URL.Query(), object{"x_newest": strings.Repeat("i", len(all))}
	limit, err := strconv.Atoi(q.Get("limit"))
	if err != nil {
		http.Error(w, err.Error(), http.StatusBadRequest)
		return
	}
	at := 0
	if q.Get("direction") == "asc" {
		at = min(len(q.Get("cursor")), len(all))
		all = all[at:]
	} else {
		slices.Reverse(all)
	}
	if len(all) > limit {
		all = all[:limit]
		info["cursor"] = strings.Repeat("i", at+limit)
	}
	consoletest.List(all, info)(w, r)
}

// A posture log without news is asked for its newest line only.
func TestQuietPostureTail(t *testing.T) {
	g := &growing{}
	g.add(postureLine(object{"x_cursor": "9.1"}), postureLine(object{"x_cursor": "10.1"}))
	c := consoletest.NewLive(t, map[string]http.HandlerFunc{postureAPI: g.serve}, log.Sources, log.Register)
	events := c.Follow("/logs/posture/live")
	bustest.Eventually(t, "the page is sent", func() bool { return strings.Contains(events.Text(), "innerHTML:#rows") })
	c.Forget()
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
	const old = "&#34;old&#34;" // in the details of a line
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
			every, some := c.Follow(k.path), c.Follow(k.path+k.filter)
			bustest.Eventually(t, "both have the page and the source knows the end of the log", func() bool {
				return strings.Contains(every.Text(), old) && strings.Contains(some.Text(), old) && g.requests() > 2
			})
			g.add(k.line(k.shown), k.line(k.hidden))
			bustest.Eventually(t, "the new lines arrive", func() bool {
				c.Clock.Advance(3 * time.Second)
				return strings.Contains(every.Text(), "hidden") && strings.Contains(some.Text(), "shown")
			})
			page, text, found := strings.Cut(every.Text(), "afterbegin:#rows")
			if !found || strings.Contains(text, old) || strings.Contains(page, "shown") ||
				strings.Index(text, "hidden") > strings.Index(text, "shown") {
				t.Errorf("%s", every.Text())
			}
			if strings.Contains(some.Text(), "hidden") {
				t.Errorf("the filter lets through %s", some.Text())
			}
		})
	}
}

func TestATailIsOnePageOfTheLog(t *testing.T) {
	c := open(t, map[string]http.HandlerFunc{postureAPI: consoletest.List([]any{postureLine(nil)}, object{})})
	p := c.Get("/logs/posture?tail=on&outcome=fail").Has(http.StatusOK, "Stop live tail",
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
		Has(http.StatusOK, "Stop live tail").Safe()
	if len(p.Texts("tbody", "")) != 1 {
		t.Error("an empty log has no table for new lines")
	}
}

// A tab that connects again, or whose source failed, gets the whole page: it has missed lines.
func TestATailThatMissedLines(t *testing.T) {
	g := &growing{}
	g.add(accessLine(object{"app_domain": "first"}))
	c := consoletest.NewLive(t, map[string]http.HandlerFunc{accessAPI: g.serve}, log.Sources, log.Register)
	events := c.Follow("/logs/access/live")
	bustest.Eventually(t, "the page is sent", func() bool {
		return g.requests() > 1 &&
			strings.Contains(events.Text(), ">first<")
	})
	g.fail(http.StatusServiceUnavailable)
	bustest.Eventually(t, "the sign says so", func() bool {
		c.Clock.Advance(3 * time.Second)
		return strings.Contains(events.Text(), "event: sign\ndata: Reconnecting\n")
	})
	g.add(accessLine(object{"app_domain": "missed"}))
	g.fail(0)
	bustest.Eventually(t, "the page is sent again", func() bool {
		c.Clock.Advance(40 * time.Second)
		return strings.Contains(events.Text(), "event: sign\ndata: Live\n") && strings.Contains(events.Text(), ">missed<")
	})
	if _, again, _ := strings.Cut(events.Text(), "data: Live"); !strings.Contains(again, "innerHTML:#rows") ||
		strings.Contains(again, "afterbegin") {
		t.Errorf("%s", again)
	}
	g.fail(http.StatusForbidden)
	bustest.Eventually(t, "the end without the permission", func() bool {
		c.Clock.Advance(3 * time.Second)
		return events.Ended()
	})
	if !strings.HasSuffix(events.Text(), "event: sign\ndata: Not permitted\n\nevent: end\ndata: \n\n") {
		t.Errorf("%s", events.Text())
	}
}

// Lines that come while the page is read are in it once, and too many at once leave a note.
func TestATailOfABusyLog(t *testing.T) {
	for _, k := range []struct {
		path, api string
		line      func(object) object
		name      string
		many      int
		all       int // lines that come with a note
	}{
		{"/logs/access/live", accessAPI, accessLine, "app_domain", 90, 90},
		{"/logs/access/live", accessAPI, accessLine, "app_domain", 700, 100},
		{"/logs/access/live?app_uid=rare", accessAPI, accessLine, "app_domain", 700, 0},
		{"/logs/access/live?app_uid=rare", accessAPI, accessLine, "app_domain", 1200, 0},
		{"/logs/posture/live", postureAPI, postureLine, "DeviceName", 90, 90},
		{"/logs/posture/live", postureAPI, postureLine, "DeviceName", 300, 100},
		{"/logs/posture/live?device=rare", postureAPI, postureLine, "DeviceName", 300, 0},
	} {
		t.Run(k.path+" "+strconv.Itoa(k.many), func(t *testing.T) {
			g := &growing{}
			g.add(k.line(object{k.name: "old", "x_cursor": "0.0", "app_uid": "rare", "DeviceID": "rare"}))
			c := consoletest.NewLive(t, map[string]http.HandlerFunc{k.api: g.serve}, log.Sources, log.Register)
			events := c.Follow(k.path)
			bustest.Eventually(t, "the page is sent", func() bool {
				return g.requests() > 1 &&
					strings.Contains(events.Text(), ">old<")
			})
			var lines []any
			for n := range k.many {
				lines = append(lines, k.line(object{k.name: "line-" + strconv.Itoa(n), "x_cursor": "9." + strconv.Itoa(n)}))
			}
			g.add(lines...)
			noted := k.many > 100 && k.all > 0 || k.many > 1000 || k.many > 100 && k.api == postureAPI
			before := g.requests()
			bustest.Eventually(t, "the source has looked", func() bool {
				c.Clock.Advance(3 * time.Second)
				text := events.Text()
				return g.requests() > before+3 && strings.Contains(text, "Lines are left out here") == noted &&
					strings.Count(text, ">line-") >= k.all
			})
			text := events.Text()
			newest := ">line-" + strconv.Itoa(k.many-1) + "<"
			if n := strings.Count(text, ">line-"); n != k.all || n > 0 && !strings.Contains(text, newest) {
				t.Errorf("%d lines, want the newest %d", n, k.all)
			}
		})
	}
}
