package api

import (
	"context"
	"encoding/json"
	"strings"
	"sync"
	"testing"
	"time"

	"plumbline.dev/bus/topology"
	"plumbline.dev/proto"
	"plumbline.dev/services/api/resource"
	"plumbline.dev/services/api/store"
	"plumbline.dev/services/api/v4"
)

func with(body map[string]any, change func(body, config map[string]any)) map[string]any {
	config := body["config"].(map[string]any)
	change(body, config)
	return body
}

func TestIntegrationLife(t *testing.T) {
	y := start(t)
	made := y.want(200, "POST", "/devices/posture/integration", integrationBody())
	id := text(made, "id")
	path := "/devices/posture/integration/" + id
	config := made["config"].(map[string]any)
	if config["api_url"] != apiURL || config["access_client_secret"] != nil || config["auth_url"] != nil || config["client_id"] != nil || made["interval"] != "10m" {
		t.Errorf("made %v", made)
	}
	record := y.storedIntegration(id)
	if y.open(record) != secretText || record.Interval != 10*time.Minute || record.Schedule != 1 || record.ScheduledAt != proto.At(y.clock.Now()) {
		t.Errorf("stored %+v", record)
	}
	probes := y.fetcher.seen()
	if len(probes) != 1 || probes[0].APIURL != apiURL || probes[0].Integration != record.ID || string(probes[0].SealedSecret) != string(record.SealedSecret) {
		t.Fatalf("probes %+v", probes)
	}

	// What decides about a new poll and a new test, one change at a time.
	for _, c := range []struct {
		name            string
		body            string
		probes, bumped  bool
		secret          string
		clientID, apiIs string
	}{
		{"nothing", `{}`, false, false, secretText, "", apiURL},
		{"a name", `{"name":"Renamed"}`, false, false, secretText, "", apiURL},
		{"the same URL", `{"config":{"api_url":"` + apiURL + `"}}`, false, false, secretText, "", apiURL},
		{"another URL", `{"config":{"api_url":"https://scores.example.com/v2"}}`, true, true, secretText, "", "https://scores.example.com/v2"},
		{"secret and interval", `{"config":{"access_client_secret":"another"},"interval":"1h"}`, true, true, "another", "", "https://scores.example.com/v2"},
		{"an interval", `{"interval":"2h"}`, false, true, "another", "", "https://scores.example.com/v2"},
		{"a pause", `{"x_paused":true}`, false, false, "another", "", "https://scores.example.com/v2"},
		{"a pause again", `{"x_paused":true}`, false, false, "another", "", "https://scores.example.com/v2"},
		{"an end of the pause", `{"x_paused":false}`, false, true, "another", "", "https://scores.example.com/v2"},
		{"concurrency", `{"x_concurrency":32}`, false, false, "another", "", "https://scores.example.com/v2"},
		{"client id", `{"config":{"access_client_id":"other.access"}}`, true, true, "another", "other.access", "https://scores.example.com/v2"},
		{"the type again", `{"type":"custom_s2s"}`, false, false, "another", "other.access", "https://scores.example.com/v2"},
	} {
		t.Run(c.name, func(t *testing.T) {
			y.t = t
			before, probed := y.storedIntegration(id), len(y.fetcher.seen())
			y.clock.Advance(time.Minute)
			y.want(200, "PATCH", path, c.body)
			after := y.storedIntegration(id)
			if got := len(y.fetcher.seen()) > probed; got != c.probes {
				t.Errorf("tested: %t", got)
			}
			if got := after.Schedule == before.Schedule+1 && after.ScheduledAt == proto.At(y.clock.Now()); got != c.bumped || !c.bumped && after.Schedule != before.Schedule {
				t.Errorf("schedule %d at %d, then %d at %d", before.Schedule, before.ScheduledAt, after.Schedule, after.ScheduledAt)
			}
			if y.open(after) != c.secret || after.APIURL != c.apiIs || c.clientID != "" && after.ClientID != c.clientID {
				t.Errorf("stored %+v", after)
			}
		})
	}
	y.t = t
	if r := y.do("DELETE", path, nil); r.Status != 200 || string(r.Result) != "null" || !r.Success {
		t.Errorf("deleted: %d %s", r.Status, r.Body)
	}
	y.refused(404, v4.CodeUnknownIntegration, "GET", path, nil)
	y.refused(404, v4.CodeUnknownIntegration, "PATCH", path, map[string]any{})
}

func TestIntegrationsThatAreRefused(t *testing.T) {
	y := start(t)
	for name, change := range map[string]func(body, config map[string]any){
		"no name":              func(b, _ map[string]any) { delete(b, "name") },
		"an empty name":        func(b, _ map[string]any) { b["name"] = "" },
		"no type":              func(b, _ map[string]any) { delete(b, "type") },
		"an unknown type":      func(b, _ map[string]any) { b["type"] = "custom" },
		"no interval":          func(b, _ map[string]any) { delete(b, "interval") },
		"seconds":              func(b, _ map[string]any) { b["interval"] = "90s" },
		"no unit":              func(b, _ map[string]any) { b["interval"] = "10" },
		"two units":            func(b, _ map[string]any) { b["interval"] = "1h30m" },
		"a sign":               func(b, _ map[string]any) { b["interval"] = "+10m" },
		"a fraction":           func(b, _ map[string]any) { b["interval"] = "1.5h" },
		"units alone":          func(b, _ map[string]any) { b["interval"] = "mm" },
		"zero":                 func(b, _ map[string]any) { b["interval"] = "0m" },
		"too long an interval": func(b, _ map[string]any) { b["interval"] = "8761h" },
		"an overflow":          func(b, _ map[string]any) { b["interval"] = "99999999999999999999h" },
		"a number":             func(b, _ map[string]any) { b["interval"] = 10 },
		"no config":            func(b, _ map[string]any) { delete(b, "config") },
		"a list":               func(b, _ map[string]any) { b["config"] = []string{} },
		"no URL":               func(_, c map[string]any) { delete(c, "api_url") },
		"no client":            func(_, c map[string]any) { delete(c, "access_client_id") },
		"no secret":            func(_, c map[string]any) { delete(c, "access_client_secret") },
		"an empty secret":      func(_, c map[string]any) { c["access_client_secret"] = "" },
		"a header in a header": func(_, c map[string]any) { c["access_client_secret"] = "a\r\nX: y" },
		"a relative URL":       func(_, c map[string]any) { c["api_url"] = "/devices" },
		"another scheme":       func(_, c map[string]any) { c["api_url"] = "ftp://example.com" },
		"no host":              func(_, c map[string]any) { c["api_url"] = "https:///x" },
		"a password":           func(_, c map[string]any) { c["api_url"] = "https://user:pass@example.com" },
		"a fragment":           func(_, c map[string]any) { c["api_url"] = "https://example.com/#x" },
		"a long URL": func(_, c map[string]any) {
			c["api_url"] = "https://example.com/" + strings.Repeat("x", resource.MaxURL)
		},
		"too many calls":      func(b, _ map[string]any) { b["x_concurrency"] = proto.MaxConcurrency + 1 },
		"no calls":            func(b, _ map[string]any) { b["x_concurrency"] = 0 },
		"a pause of the type": func(b, _ map[string]any) { b["x_paused"] = 1 },
	} {
		t.Run(name, func(t *testing.T) {
			y.t = t
			message := y.refused(400, v4.CodeIntegration, "POST", "/devices/posture/integration", with(integrationBody(), change))
			if !strings.HasPrefix(message, "invalid posture integration request: ") {
				t.Errorf("message %q", message)
			}
		})
	}
	y.t = t
	if len(y.fetcher.seen()) > 0 {
		t.Error("a scoring API was called for what is refused anyway")
	}
	made := y.want(200, "POST", "/devices/posture/integration", integrationBody())
	for _, body := range []string{`{"name":null}`, `{"config":null}`, `{"type":"intune"}`, `{"interval":"30s"}`, `{"config":{"access_client_secret":""}}`} {
		y.refused(400, v4.CodeIntegration, "PATCH", "/devices/posture/integration/"+text(made, "id"), body)
	}
}

func TestSecondsWhereTheyAreAllowed(t *testing.T) {
	y := start(t, func(c *Config) { c.MinInterval = 2 * time.Second })
	made := y.want(200, "POST", "/devices/posture/integration", with(integrationBody(), func(b, _ map[string]any) { b["interval"] = "5s" }))
	if made["interval"] != "5s" || y.storedIntegration(text(made, "id")).Interval != 5*time.Second {
		t.Errorf("made %v", made)
	}
	if says := y.refused(400, v4.CodeIntegration, "POST", "/devices/posture/integration",
		with(integrationBody(), func(b, _ map[string]any) { b["interval"] = "1s" })); !strings.Contains(says, "at least 2s") {
		t.Errorf("says %q", says)
	}
}

func TestTestAndSave(t *testing.T) {
	y := start(t, func(c *Config) { c.ProbeTimeout, c.FreeSecretHost = 10*time.Second, true })
	for _, c := range []struct {
		poll proto.Poll
		says string
	}{
		{proto.Poll{Error: proto.ReasonAuthFailed, Status: 403, Detail: "the API answered 403"}, "invalid posture integration request: invalid credentials: the API answered 403"},
		{proto.Poll{Error: proto.ReasonBadResponse, Detail: "the answer is not JSON"}, "(bad_response): the answer is not JSON"},
		{proto.Poll{Error: proto.ReasonTimeout}, "(timeout)"},
	} {
		y.fetcher.answers(c.poll)
		if says := y.refused(400, v4.CodeIntegration, "POST", "/devices/posture/integration", integrationBody()); !strings.Contains(says, c.says) {
			t.Errorf("says %q", says)
		}
	}
	if all := y.do("GET", "/devices/posture/integration", nil); string(all.Result) != "[]" {
		t.Errorf("stored all the same: %s", all.Body)
	}
	y.fetcher.answers(proto.Poll{})
	made := y.want(200, "POST", "/devices/posture/integration", integrationBody())
	y.fetcher.answers(proto.Poll{Error: proto.ReasonAPIError, Detail: "refused"})
	path := "/devices/posture/integration/" + text(made, "id")
	y.refused(400, v4.CodeIntegration, "PATCH", path, `{"config":{"api_url":"https://other.example.com"}}`)
	if y.storedIntegration(text(made, "id")).APIURL != apiURL {
		t.Error("a change that was refused is stored")
	}
	y.want(200, "PATCH", path, `{"name":"works without a test"}`)

	if err := y.fetcher.sub.Unsubscribe(); err != nil {
		t.Fatal(err)
	}
	r := y.do("POST", "/devices/posture/integration", integrationBody())
	if r.Status != 503 || r.Header.Get("X-Should-Retry") != "false" || !strings.Contains(r.Errors[0].Message, "no fetcher is running") {
		t.Errorf("without a fetcher: %d %s %v", r.Status, r.Body, r.Header)
	}
}

func TestAFetcherThatStaysSilent(t *testing.T) {
	y := start(t, func(c *Config) { c.ProbeTimeout = 50 * time.Millisecond })
	hold := make(chan struct{})
	t.Cleanup(func() { close(hold) })
	y.fetcher.mu.Lock()
	y.fetcher.hook = func() { <-hold }
	y.fetcher.mu.Unlock()
	r := y.do("POST", "/devices/posture/integration", integrationBody())
	if r.Status != 503 || r.Header.Get("X-Should-Retry") != "false" {
		t.Errorf("%d %s", r.Status, r.Body)
	}
}

func TestTheSecretIsPinnedToItsHost(t *testing.T) {
	y := start(t)
	path := "/devices/posture/integration/" + text(y.want(200, "POST", "/devices/posture/integration", integrationBody()), "id")
	y.want(200, "PATCH", path, `{"config":{"api_url":"https://SCORES.example.com/other"}}`)
	for _, other := range []string{"https://evil.example.com/other", "http://scores.example.com/other", "https://scores.example.com:8443/other"} {
		y.refused(400, v4.CodeIntegration, "PATCH", path, `{"config":{"api_url":"`+other+`"}}`)
	}
	if seen := len(y.fetcher.seen()); seen != 2 {
		t.Errorf("%d test calls: a URL that was refused was called with the secret", seen)
	}
	y.want(200, "PATCH", path, `{"config":{"api_url":"https://other.example.com","access_client_secret":"again"}}`)

	free := start(t, func(c *Config) { c.FreeSecretHost = true })
	path = "/devices/posture/integration/" + text(free.want(200, "POST", "/devices/posture/integration", integrationBody()), "id")
	free.want(200, "PATCH", path, `{"config":{"api_url":"https://other.example.com"}}`)
}

func TestOtherTypesAreKept(t *testing.T) {
	y := start(t)
	made := y.want(200, "POST", "/devices/posture/integration", map[string]any{"name": "Intune", "type": "intune", "interval": "24h",
		"config": map[string]any{"client_id": "c", "client_secret": "hidden-1", "customer_id": "k"}})
	path := "/devices/posture/integration/" + text(made, "id")
	y.want(200, "PATCH", path, `{"config":{"client_id":"d","client_secret":"hidden-2"}}`)
	got := y.want(200, "GET", path, nil)
	if config := got["config"].(map[string]any); config["client_id"] != "d" || config["customer_id"] != "k" || len(config) != 2 {
		t.Errorf("config %v", config)
	}
	if len(y.fetcher.seen()) > 0 {
		t.Error("an API was called")
	}
	if record := must(proto.Marshal(ptr(y.storedIntegration(text(made, "id"))))); strings.Contains(string(record), "hidden") {
		t.Error("a secret is stored in clear")
	}
	y.refused(400, v4.CodeIntegration, "POST", "/plumbline/integrations/"+text(made, "id")+"/poll", nil)
}

func ptr[T any](v T) *T { return &v }

// Two editors change different members of one integration at the same moment, many times: none of the
// edits is lost.
func TestEditorsDoNotLoseEachOthersEdits(t *testing.T) {
	y := start(t)
	made := y.want(200, "POST", "/devices/posture/integration", integrationBody())
	path := "/devices/posture/integration/" + text(made, "id")
	second := y.replica()
	var editors sync.WaitGroup
	for n, body := range []string{`{"name":"by the first"}`, `{"interval":"3h"}`, `{"x_concurrency":17}`, `{"config":{"access_client_secret":"new"}}`} {
		handler := y.api.handler
		if n%2 == 1 {
			handler = second.handler
		}
		editors.Go(func() {
			one := *y
			one.handler = handler
			if r := one.do("PATCH", path, body); r.Status != 200 {
				t.Errorf("%s: %d %s", body, r.Status, r.Body)
			}
		})
	}
	editors.Wait()
	got := y.storedIntegration(text(made, "id"))
	if got.Name != "by the first" || got.Interval != 3*time.Hour || got.Concurrency != 17 || y.open(got) != "new" {
		t.Errorf("an edit is lost: %+v", got)
	}
}

// While the scoring API is being tested, somebody else changes the integration: both changes are there in
// the end, and the test is made again only if what was tested is not what is stored.
func TestAChangeDuringTheTest(t *testing.T) {
	y := start(t)
	made := y.want(200, "POST", "/devices/posture/integration", integrationBody())
	path := "/devices/posture/integration/" + text(made, "id")
	y.fetcher.mu.Lock()
	y.fetcher.hook = func() {
		other := *y
		if r := other.do("PATCH", path, `{"name":"meanwhile"}`); r.Status != 200 {
			t.Errorf("%d %s", r.Status, r.Body)
		}
	}
	y.fetcher.mu.Unlock()
	y.want(200, "PATCH", path, `{"config":{"access_client_secret":"new"}}`)
	if got := y.storedIntegration(text(made, "id")); got.Name != "meanwhile" || y.open(got) != "new" {
		t.Errorf("stored %+v", got)
	}
	if n := len(y.fetcher.seen()); n != 2 {
		t.Errorf("%d tests", n)
	}
}

// Whichever of two replicas a client asks, it sees what it wrote.
func TestAClientSeesItsOwnWritesAtEveryReplica(t *testing.T) {
	y := start(t)
	replicas := []*Service{y.api, y.replica()}
	turn := 0
	next := func() { turn++; y.handler = replicas[turn%2].handler }
	for range 20 {
		next()
		token := y.want(201, "POST", "/access/service_tokens", map[string]any{"name": "t"})
		next()
		y.want(200, "GET", "/access/service_tokens/"+text(token, "id"), nil)
		i := y.want(200, "POST", "/devices/posture/integration", integrationBody())
		next()
		rule := y.want(200, "POST", "/devices/posture", ruleBody(i["id"]))
		next()
		if r := y.do("GET", "/devices/posture", nil); !strings.Contains(string(r.Result), text(rule, "id")) {
			t.Fatal("a rule is missing in the list")
		}
		y.want(200, "DELETE", "/devices/posture/"+text(rule, "id"), nil)
		next()
		y.refused(404, v4.CodeUnknownRule, "GET", "/devices/posture/"+text(rule, "id"), nil)
		app := y.want(201, "POST", "/access/apps", map[string]any{"domain": text(i, "id") + ".example.com", "policies": []any{policyBody("p", text(token, "id"))}})
		next()
		if got := y.want(200, "GET", "/access/apps/"+text(app, "id"), nil); len(got["policies"].([]any)) != 1 {
			t.Fatalf("policies %v", got["policies"])
		}
	}
}

func TestIfMatch(t *testing.T) {
	y := start(t)
	made := y.want(200, "POST", "/devices/posture/integration", integrationBody())
	rule := y.do("POST", "/devices/posture", ruleBody(made["id"]))
	var r struct{ ID string }
	if err := json.Unmarshal(rule.Result, &r); err != nil {
		t.Fatal(err)
	}
	put := func(tag string) response {
		req := y.request("PUT", y.path("/devices/posture/"+r.ID), ruleBody(made["id"]))
		req.Header.Set("If-Match", tag)
		return y.raw(req)
	}
	first := rule.Header.Get("ETag")
	second := put(first)
	if second.Status != 200 || first == "" || second.Header.Get("ETag") == first {
		t.Fatalf("%d %s, tags %q %q", second.Status, second.Body, first, second.Header.Get("ETag"))
	}
	if again := put(first); again.Status != 412 || again.Errors[0].Code != v4.CodePrecondition {
		t.Errorf("an old tag: %d %s", again.Status, again.Body)
	}
	if again := put(first + ", " + second.Header.Get("ETag")); again.Status != 200 {
		t.Errorf("a list of tags: %d %s", again.Status, again.Body)
	}
}

// A write that loses a race tells the client so, and not to go on trying.
func TestALostRaceIsToldOnce(t *testing.T) {
	y := start(t)
	made := y.want(200, "POST", "/devices/posture/integration", integrationBody())
	rule := y.want(200, "POST", "/devices/posture", ruleBody(made["id"]))
	id := must(proto.ParseID(text(rule, "id")))
	record, _ := y.api.store.Catalog.Check(y.account, id)
	y.handler = y.api.newHandler([]v4.Route{{Method: "GET", Path: v4.AccountPath + "/lost", Handle: func(ctx context.Context, c *v4.Call) (v4.Response, error) {
		_, err := y.api.store.Put(ctx, c.Account, topology.KindCheck, id, record.Value, store.Prior{Record: record.Value, Revision: record.Revision + 100})
		return v4.OK(nil), err
	}}})
	if r := y.do("GET", "/lost", nil); r.Status != 409 || r.Errors[0].Code != v4.CodeConflict || r.Header.Get("X-Should-Retry") != "false" {
		t.Errorf("%d %s %v", r.Status, r.Body, r.Header)
	}
}
