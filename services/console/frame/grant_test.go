package frame_test

import (
	"net/http"
	"strings"
	"testing"
	"testing/fstest"
	"time"

	"plumbline.dev/services/console/consoletest"
	"plumbline.dev/services/console/frame"
)

var guarded = frame.Parse(fstest.MapFS{"x.html": {Data: []byte(`
{{define "guarded"}}<h1>Guarded</h1>{{template "acts" .}}{{end}}
{{define "acts"}}<div id="acts"><a class="btn" {{maylink "posture" (printf "/a?b=%s&c=d" .)}}>Add</a>
<form method="post" action="/x"><button class="btn" type="submit" {{may "posture"}}>Save</button></form>
<button type="button" {{may "devices"}} class="btn">Revoke…</button></div>{{end}}
{{define "wrong"}}<button {{may "nothing"}}>x</button>{{end}}`)}})

func guardedScreen(f *frame.Frame) {
	f.Get("/guarded", func(r *frame.Request) error {
		return r.Page(frame.Page{Title: "Guarded", Set: guarded, Name: "guarded", Data: `"><b>`})
	})
	f.Get("/wrong", func(r *frame.Request) error {
		return r.Page(frame.Page{Title: "Wrong", Set: guarded, Name: "wrong"})
	})
}

// me is a person who may edit some scopes.
func me(kind string, edits ...string) map[string]any {
	permissions := map[string]any{}
	for _, scope := range []string{"posture", "devices", "apps"} {
		permissions[scope] = map[string]any{"read": true, "edit": false}
	}
	for _, scope := range edits {
		permissions[scope] = map[string]any{"read": true, "edit": true}
	}
	return map[string]any{"type": kind, "permissions": permissions}
}

func TestMay(t *testing.T) {
	for name, c := range map[string]struct {
		me    http.HandlerFunc
		lacks int // disabled buttons
		says  string
	}{
		"all permissions": {consoletest.Answer(map[string]any{"type": "token", "all": true}), 0, ""},
		"some":            {consoletest.Answer(me("user", "posture")), 1, "Your role may not change devices"},
		"none": {consoletest.Answer(me("token")), 2,
			`Your API token may not change integrations and checks: it lacks the permission "Access: Device Posture Write".`},
		"an API that does not say": {consoletest.Refuse(http.StatusServiceUnavailable, "away"), 0, ""},
	} {
		t.Run(name, func(t *testing.T) {
			con := consoletest.New(t, map[string]http.HandlerFunc{"GET /plumbline/me": c.me}, guardedScreen)
			p := con.Get("/guarded").Has(http.StatusOK, c.says).Safe()
			if got := strings.Count(p.Body, "disabled title="); got != c.lacks {
				t.Errorf("%d buttons are disabled, want %d:\n%s", got, c.lacks, p.Body)
			}
			if link := strings.Contains(p.Body, `href="/a?b=&#34;&gt;&lt;b&gt;&amp;c=d"`); link != (c.lacks < 2) {
				t.Errorf("the link works: %v\n%s", link, p.Body)
			}
			if shown := strings.Contains(p.Body, `class="lacks"`); shown != (c.lacks > 0) {
				t.Errorf("the page shows a reason without a cause, or none:\n%s", p.Body)
			}
			// The control names the reason that the page has.
			for _, id := range p.Attributes("button", "aria-describedby") {
				if !strings.Contains(p.Body, `id="`+id+`"`) {
					t.Errorf("there is no %s", id)
				}
			}
			part := con.Fragment("/guarded", "acts")
			if strings.Count(part.Body, "disabled title=") != c.lacks {
				t.Errorf("the fragment differs:\n%s", part.Body)
			}
		})
	}
}

// A page without such controls does not ask who the person is.
func TestNoGrantsWithoutGuards(t *testing.T) {
	con := consoletest.New(t, nil, screen)
	con.Get("/things/a").Has(http.StatusOK)
	for _, a := range con.Asked("GET") {
		if a.Path == "/plumbline/me" {
			t.Error("the page asks who the person is")
		}
	}
}

// The API is asked at most twice a minute who somebody is.
func TestGrantsAreCached(t *testing.T) {
	con := consoletest.New(t, map[string]http.HandlerFunc{"GET /plumbline/me": consoletest.Answer(me("user"))},
		guardedScreen)
	asked := func() (n int) {
		for _, a := range con.Asked("GET") {
			if a.Path == "/plumbline/me" {
				n++
			}
		}
		return n
	}
	con.Get("/guarded")
	con.Fragment("/guarded", "acts")
	if n := asked(); n != 1 {
		t.Errorf("asked %d times", n)
	}
	con.Clock.Advance(31 * time.Second)
	con.Get("/guarded")
	if n := asked(); n != 2 {
		t.Errorf("asked %d times after the age", n)
	}
}

func TestMayOfAnUnknownScope(t *testing.T) {
	consoletest.New(t, nil, guardedScreen).Get("/wrong").Has(http.StatusInternalServerError, "there is no scope")
}
