package console_test

import (
	"encoding/json"
	"maps"
	"net/http"
	"net/http/cookiejar"
	"net/url"
	"reflect"
	"slices"
	"testing"

	"plumbline.dev/services/console/consoletest"
	"plumbline.dev/services/internal/clock"
	"plumbline.dev/services/internal/ownedmember"
	"plumbline.dev/services/plumb"
	"plumbline.dev/services/plumb/client"
)

// editor is a form that changes a stored resource.
type editor struct {
	page, action string // paths of the console
	api          string // path of the resource in the API, below the account
}

// Every form that changes a stored resource keeps the members that it does not have, and changes nothing if nobody
// changed it. A form of an older revision changes nothing at all.
func TestFormsLoseNothing(t *testing.T) {
	i := installation(t)
	owner, err := client.New(client.Config{URL: i.APIURL, Token: i.Token, Account: i.Account})
	must(t, err)
	editors := storeAll(t, owner)
	b := browse(t, i, i.Token)
	for _, e := range editors {
		t.Run(e.action, func(t *testing.T) {
			before := read(t, owner, e.api)
			older := b.get(t, e.page).Form(e.action)
			if older.Get("revision") == "" {
				t.Error("the form has no revision")
			}
			b.post(t, e.action, older).Has(http.StatusSeeOther)
			after := read(t, owner, e.api)
			if !reflect.DeepEqual(after, before) {
				t.Errorf("a form that nobody changed changed\n%v to\n%v", before, after)
			}
			newer := b.get(t, e.page).Form(e.action)
			changed := change(newer)
			b.post(t, e.action, newer).Has(http.StatusSeeOther)
			middle := read(t, owner, e.api)
			if reflect.DeepEqual(middle, before) {
				t.Errorf("%s was not saved", changed)
			}
			for name := range before {
				if _, there := middle[name]; !there {
					t.Errorf("a save removed %s", name)
				}
			}
			b.post(t, e.action, older).Has(http.StatusPreconditionFailed, "Changed in the meantime")
			if after := read(t, owner, e.api); !reflect.DeepEqual(after, middle) {
				t.Errorf("a form of an older revision changed\n%v to\n%v", middle, after)
			}
		})
	}
}

// change changes a field of a form, and returns its name.
func change(form url.Values) string {
	if form.Has("name") {
		form.Set("name", "changed")
		return "name"
	}
	form.Set("status", "pending")
	return "status"
}

// storeAll stores a resource of each kind that a form changes, with members that no form has.
func storeAll(t *testing.T, c *client.Client) []editor {
	t.Helper()
	ids := fill(t, c)
	more := func(body map[string]any) map[string]any {
		body["future"] = map[string]any{"n": 1, "of": []any{"a"}}
		return body
	}
	create := func(k client.Kind, body map[string]any) string {
		t.Helper()
		made, err := c.Objects(k).Create(t.Context(), more(body))
		must(t, err)
		return made.Value.ResourceID()
	}
	rules := func() map[string]any {
		return more(map[string]any{"name": "P", "decision": "allow", "session_duration": "30m",
			"include": []any{map[string]any{"service_token": map[string]any{"token_id": ids["tokens"]}},
				map[string]any{"email": map[string]any{"email": "ann@example.com"}}},
			"require": []any{map[string]any{"device_posture": map[string]any{"integration_uid": ids["checks"]}}}})
	}
	app := create(client.KindApplication, map[string]any{"name": "A", "type": "self_hosted", "session_duration": "12h",
		"tags": []any{}, "destinations": []any{map[string]any{"type": "public", "uri": "wiki.example.com"},
			map[string]any{"type": "private", "cidr": "10.0.0.0/8"}}})
	own, err := c.ApplicationPolicies(app).Create(t.Context(), rules())
	must(t, err)
	shared := create(client.KindPolicy, rules())
	check := create(client.KindCheck, map[string]any{"name": "C", "type": "custom_s2s", "schedule": "5m",
		"description": "kept", "x_remediation": "First line\nsecond line\n", "x_breaker": map[string]any{"share": 0.5},
		"input": map[string]any{"connection_id": ids["integrations"], "operator": ">=", "score": 60, "future": "kept"}})
	roles, err := c.Roles(t.Context())
	must(t, err)
	member, err := c.Members().Create(t.Context(), map[string]any{"email": "bob@example.com",
		"roles": []string{roles[0].Value.ID}})
	must(t, err)
	made, err := c.EventDestinations().Create(t.Context(), map[string]any{"name": "D",
		"url": "https://hooks.example.com/a", "headers": []any{map[string]any{"name": "X-Key", "value": "secret"}}, "events": []any{"posture.check.held"},
		"template": "{\"a\":\n1}\n", "paused": true})
	must(t, err)
	return []editor{
		{"/destinations/" + made.Value.ID, "/destinations/" + made.Value.ID, "/plumbline/destinations/" + made.Value.ID},
		{"/applications/" + app, "/applications/" + app, "/access/apps/" + app},
		{"/applications/" + app + "/policies/" + own.Value.ID, "/applications/" + app + "/policies/" + own.Value.ID,
			"/access/apps/" + app + "/policies/" + own.Value.ID},
		{"/policies/" + shared, "/policies/" + shared, "/access/policies/" + shared},
		{"/checks/" + check, "/checks/" + check, "/devices/posture/" + check},
		{"/integrations/" + ids["integrations"], "/integrations/" + ids["integrations"],
			"/devices/posture/integration/" + ids["integrations"]},
		{"/members/" + member.Value.ID, "/members/" + member.Value.ID, "/members/" + member.Value.ID},
	}
}

// read returns a resource of the API without the members that the control plane sets.
func read(t *testing.T, c *client.Client, path string) map[string]any {
	t.Helper()
	raw, err := c.Read(t.Context(), path)
	must(t, err)
	var all map[string]any
	must(t, json.Unmarshal(raw, &all))
	ownedmember.StripFixed(all)
	maps.DeleteFunc(all, func(name string, _ any) bool { return slices.Contains([]string{"x_updated_at"}, name) })
	if policies, ok := all["policies"].([]any); ok {
		for _, p := range policies {
			if p, ok := p.(map[string]any); ok {
				ownedmember.StripFixed(p)
			}
		}
	}
	return all
}

// browser keeps cookies, as the browser of somebody who logs in. It follows redirects, except those after a post.
type browser struct {
	at     string // URL of the console
	client *http.Client
}

func newBrowser(t *testing.T, at string) browser {
	t.Helper()
	jar, err := cookiejar.New(nil)
	must(t, err)
	return browser{at, &http.Client{Jar: jar, CheckRedirect: func(r *http.Request, _ []*http.Request) error {
		if r.Response.Request.Method == http.MethodPost {
			return http.ErrUseLastResponse
		}
		return nil
	}}}
}

// browse logs the holder of an API token in to a console.
func browse(t *testing.T, i plumb.Installation, token string) browser {
	t.Helper()
	service, at := serve(t, i.APIURL, clock.System)
	b := newBrowser(t, at)
	asks := b.get(t, service.Link(token)).Has(http.StatusOK)
	b.post(t, "/login/use", asks.Form("/login/use")).Has(http.StatusSeeOther)
	return b
}

func (b browser) get(t *testing.T, path string) *consoletest.Page {
	t.Helper()
	resp, err := b.client.Get(b.at + path)
	must(t, err)
	return consoletest.Read(t, resp)
}

func (b browser) post(t *testing.T, path string, form url.Values) *consoletest.Page {
	t.Helper()
	resp, err := b.client.PostForm(b.at+path, form)
	must(t, err)
	return consoletest.Read(t, resp)
}
