package console_test

import (
	"maps"
	"net/http"
	"net/http/httptest"
	"net/url"
	"regexp"
	"testing"
	"time"

	"plumbline.dev/bus/topology"
	"plumbline.dev/proto"
	"plumbline.dev/services/api/apitest"
	"plumbline.dev/services/api/permission"
)

// aPost is a form of an action, complete and valid.
type aPost struct {
	pattern string // of the action
	page    string // that has the form; empty for a form that a script or a button of another form sends
	path    string // that the form is posted to
	form    url.Values
	asks    bool // the action changes nothing
}

// complete begins the form with the values that its page has.
func (p *aPost) complete(t *testing.T, v visitor) {
	t.Helper()
	if p.page == "" {
		return
	}
	form := v.get(t, p.page).Has(http.StatusOK).Form(p.path)
	maps.Copy(form, p.form)
	p.form = form
}

var wildcard = regexp.MustCompile(`\{[a-z]+\}`)

// postsOf stores what the actions are about, and returns a form of each action. Posted in this order, each succeeds.
func postsOf(t *testing.T, f *apitest.Fleet) (all []aPost) {
	t.Helper()
	x := storeSubjects(t, f)
	values := func(pairs ...string) url.Values {
		v := url.Values{}
		for n := 0; n < len(pairs); n += 2 {
			v.Add(pairs[n], pairs[n+1])
		}
		return v
	}
	// add adds a form of an action. The ids are those of its path. The fields are those that the page leaves empty, or
	// that change something.
	add := func(pattern, page string, ids []string, fields ...string) *aPost {
		fill := func(path string) string {
			n := -1
			return wildcard.ReplaceAllStringFunc(path, func(string) string { n++; return ids[n] })
		}
		all = append(all, aPost{pattern: pattern, page: fill(page), path: fill(pattern), form: values(fields...)})
		return &all[len(all)-1]
	}
	of := func(ids ...string) []string { return ids }
	scores := []string{"name", "More", "api_url", x.scores, "access_client_id", "a.access",
		"access_client_secret", "secret", "interval", "5m", "x_concurrency", "1"}
	rule := []string{"name", "Rules", "decision", "allow", "include.0.selector", "everyone"}
	until := f.Clock.Now().UTC().Add(48 * time.Hour).Format("2006-01-02T15:04")

	add("/applications", "/applications/new", nil, "name", "New", "domains", "new.example.com")
	add("/applications/{id}", "/applications/{id}", of(x.app), "name", "Changed")
	add("/applications/{id}/revoke", "/applications/{id}", of(x.app))
	add("/applications/{id}/test", "/applications/{id}", of(x.app))
	add("/applications/{id}/policies", "/applications/{id}/policies/new", of(x.app), rule...)
	add("/applications/{id}/policies/{policy}", "/applications/{id}/policies/{policy}", of(x.linked, x.policy),
		"name", "Changed")
	add("/applications/{id}/policies/{policy}/delete", "/applications/{id}/policies/{policy}", of(x.linked, x.policy))
	add("/applications/{id}/delete", "/applications/{id}/delete", of(x.spareApp))
	add("/policies", "/policies/new", nil, rule...)
	add("/policies/{policy}", "/policies/{policy}", of(x.shared), "name", "Changed")
	add("/policies/{policy}/delete", "/policies/{policy}", of(x.shared))

	add("/checks", "/checks/new", nil, "name", "New", "connection_id", x.integration, "operator", ">=", "score", "60")
	add("/checks/preview", "", nil, "x_remediation", "**Restart**").asks = true
	add("/checks/{id}", "/checks/{id}", of(x.check), "name", "Changed")

	add("/destinations", "/destinations/new", nil, "name", "New", "url", x.scores)
	add("/destinations/{id}", "/destinations/{id}", of(x.destination), "name", "Changed")
	add("/destinations/{id}/test", "/destinations/{id}", of(x.destination)).asks = true
	add("/destinations/{id}/pause", "/destinations/{id}", of(x.destination))
	add("/destinations/{id}/resume", "", of(x.destination))
	add("/destinations/{id}/replay", "/destinations/{id}", of(x.destination), "since", "2026-01-31T08:00")
	add("/destinations/{id}/rotate", "/destinations/{id}", of(x.destination))
	add("/destinations/{id}/delete", "/destinations/{id}/delete", of(x.spareDestination))

	device, other := f.Devices[0].String(), f.Devices[1].String()
	add("/devices/{id}/exempt", "/devices/{id}", of(device), "until", until, "reason", "lost")
	add("/devices/{id}/exemptions/{exemption}/end", "/devices/{id}", of(device, x.exemptions[0]))
	add("/holds/exemptions/{id}/end", "/holds", of(x.exemptions[1]))
	add("/checks/{id}/delete", "/checks/{id}/delete", of(x.spareCheck))
	add("/devices/{id}/poll", "/devices/{id}", of(device))
	add("/devices/{id}/sessions/end", "", of(device), "email", "user@example.com")
	add("/devices/{id}/revoke", "/devices/{id}", of(device))
	add("/devices/{id}/unrevoke", "", of(device))
	add("/devices/bulk", "", nil, "action", "revoke", "id", device).asks = true
	add("/devices/bulk/run/{action}", "", of("poll"), "id", other)
	add("/devices/bulk/run/{action}", "", of("exempt"), "id", other, "until", until, "reason", "lost", "rule_id", x.check)
	add("/devices/bulk/run/{action}", "", of("revoke"), "id", other)
	add("/devices/bulk/run/{action}", "", of("remove"), "id", other)
	add("/devices/{id}/remove", "/devices/{id}", of(device))

	add("/holds/{id}/release", "/holds/{id}", of(x.holds[0]), "reason", "planned")
	add("/holds/{id}/reject", "/holds/{id}", of(x.holds[1]), "reason", "an outage")
	add("/holds/observe", "/holds", nil, "length", "1h", "reason", "an outage")
	add("/holds/observe/end", "", nil)

	add("/integrations", "/integrations/new", nil, scores...)
	add("/integrations/new/test", "", nil, scores...)
	add("/integrations/{id}", "/integrations/{id}", of(x.integration), "name", "Changed")
	add("/integrations/{id}/test", "", of(x.integration), scores...)
	add("/integrations/{id}/poll", "/integrations/{id}", of(x.integration))
	add("/integrations/{id}/pause", "/integrations/{id}", of(x.integration))
	add("/integrations/{id}/resume", "", of(x.integration))
	add("/integrations/{id}/delete", "/integrations/{id}/delete", of(x.spareIntegration))

	add("/members", "/members", nil, "email", "new@example.com", "role", permission.Roles[2].ID)
	add("/members/{id}", "/members/{id}", of(x.member), "status", "pending")
	add("/members/{id}/sessions/end", "/members/{id}", of(x.member))
	add("/members/{id}/remove", "/members/{id}", of(x.member))

	add("/tokens", "/tokens/new", nil, "name", "New", "duration", "8760h")
	add("/tokens/{id}/disable", "/tokens/{id}", of(x.token))
	add("/tokens/{id}/enable", "", of(x.token))
	add("/tokens/{id}/refresh", "/tokens/{id}", of(x.token))
	add("/tokens/{id}/rotate", "/tokens/{id}", of(x.token))
	add("/tokens/{id}/delete", "/tokens/{id}/delete", of(x.spareToken))
	add("/tokens/api", "/tokens/api", nil, "name", "New", "permission", apitest.ReadApps, "ends", "720h")
	add("/tokens/api/{id}/roll", "/tokens/api", of(x.apiToken))
	add("/tokens/api/{id}/delete", "/tokens/api", of(x.apiToken))
	add("/tokens/keys/rotate", "/tokens/keys", nil)
	add("/tokens/keys", "/tokens/keys", nil, "days", "30")
	return all
}

// subjects are the ids of what the actions are about.
type subjects struct {
	scores                                       string // URL of a scoring API
	app, linked, spareApp, policy, shared        string
	check, spareCheck                            string
	integration, spareIntegration, member, token string
	spareToken, apiToken                         string
	destination, spareDestination                string
	exemptions, holds                            []string
}

func storeSubjects(t *testing.T, f *apitest.Fleet) (x subjects) {
	t.Helper()
	scores := httptest.NewServer(http.NotFoundHandler())
	t.Cleanup(scores.Close)
	x.scores = scores.URL
	f.Fetcher.Answer(proto.Poll{Status: http.StatusOK, Attempts: 1})
	f.StartExchange(func(*proto.KeysCommand) *proto.KeysAnswer {
		return &proto.KeysAnswer{}
	})
	create := func(path string, body map[string]any) string {
		t.Helper()
		r := f.Do(http.MethodPost, path, body)
		if r.Status/100 != 2 {
			t.Fatalf("POST %s: %d %s", path, r.Status, r.Body)
		}
		return apitest.Text(r.Object(t), "id")
	}
	x.integration, x.check = f.Integration.String(), f.Check.String()
	x.spareIntegration = create("/devices/posture/integration", apitest.With(apitest.IntegrationBody(), "name", "Spare"))
	x.spareCheck = create("/devices/posture", apitest.With(apitest.CheckBody(x.integration), "name", "Spare"))
	x.token, x.spareToken = create("/access/service_tokens", named("fetchers")),
		create("/access/service_tokens", named("spare"))
	x.app = create("/access/apps", map[string]any{"name": "wiki", "domain": "wiki.example.com"})
	x.spareApp = create("/access/apps", map[string]any{"name": "spare", "domain": "spare.example.com"})
	x.linked = create("/access/apps", map[string]any{"name": "crm", "domain": "crm.example.com"})
	x.policy = create("/access/apps/"+x.linked+"/policies", apitest.PolicyBody("own", x.token))
	x.shared = create("/access/policies", apitest.PolicyBody("shared", x.token))
	f.StartDispatcher(proto.DestinationTestResult{Event: "msg_1", Status: http.StatusOK, Error: "Not accepted."})
	hook := apitest.With(named("chat"), "url", "https://hooks.example.com/secret")
	x.destination, x.spareDestination = create("/plumbline/destinations", apitest.With(hook, "headers",
		[]any{map[string]any{"name": "X-Key", "value": "secret"}})), create("/plumbline/destinations", hook)
	x.apiToken = create("/tokens", f.TokenBody("pipeline", apitest.ReadApps))
	x.member = create("/members", map[string]any{"email": "bob@example.com", "roles": []any{permission.Roles[1].ID}})
	f.Import("text/csv", "serial_number,email\nS-1,user@example.com\n")
	for _, device := range f.Devices {
		x.exemptions = append(x.exemptions, create("/plumbline/exemptions", map[string]any{"device_id": f.Devices[0].String(),
			"rule_id": map[bool]any{true: x.check, false: x.spareCheck}[device == f.Devices[0]], "reason": "lost",
			"until": f.Clock.Now().Add(24 * time.Hour).UTC().Format(time.RFC3339)}))
	}
	now := proto.At(f.Clock.Now())
	_, err := f.Conn.Put(t.Context(), topology.Deliveries, topology.DeliveryKey(f.Account, apitest.ParseID(x.destination)),
		&proto.Delivery{Owner: proto.NewID(), Waiting: "msg_1", WaitingSince: now, Attempts: 2, NextAt: now,
			LastError: "No answer came.", LastErrorAt: now}, 0)
	must(t, err)
	for _, check := range []proto.ID{f.Check, apitest.ParseID(create("/devices/posture",
		apitest.With(apitest.CheckBody(x.integration), "name", "Held")))} {
		h := &proto.Hold{ID: proto.NewID(), Integration: f.Integration, Check: check, State: proto.HoldStanding, Tick: 7,
			Since: now.Add(-time.Hour), Out: true, Pages: 1, Devices: 1, Fleet: proto.Flips{Out: 1, Passing: 1, Known: 1},
			PolledAt: now, UpdatedAt: now}
		_, err := f.Conn.Put(t.Context(), topology.Holds, topology.HoldKey(f.Account, h.Integration, h.Check), h, 0)
		must(t, err)
		x.holds = append(x.holds, h.ID.String())
	}
	return x
}

func named(name string) map[string]any { return map[string]any{"name": name} }
