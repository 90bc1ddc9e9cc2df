package posture_test

import (
	"strings"
	"testing"
	"time"

	"plumbline.dev/proto"
	"plumbline.dev/services/api"
	"plumbline.dev/services/api/apitest"
	"plumbline.dev/services/api/resource"
	"plumbline.dev/services/api/v4"
)

func TestIntegrationLife(t *testing.T) {
	t.Parallel()
	f := apitest.Start(t)
	made := f.Want(200, "POST", "/devices/posture/integration", apitest.IntegrationBody())
	id := apitest.Text(made, "id")
	path := "/devices/posture/integration/" + id
	config := made["config"].(map[string]any)
	if config["api_url"] != apitest.APIURL || config["access_client_secret"] != nil || config["auth_url"] != nil ||
		config["client_id"] != nil || made["interval"] != "10m" {
		t.Errorf("made %v", made)
	}
	record := storedIntegration(f, id)
	if secretOf(f, record) != apitest.Secret || record.Interval != 10*time.Minute || record.Schedule != 1 ||
		record.ScheduledAt != proto.At(f.Clock.Now()) {
		t.Errorf("stored %+v", record)
	}
	probes := f.Fetcher.Probes()
	if len(probes) != 1 || probes[0].APIURL != apitest.APIURL || probes[0].Integration != record.ID ||
		string(probes[0].SealedSecret) != string(record.SealedSecret) {
		t.Fatalf("probes %+v", probes)
	}

	// The members whose change causes a new poll or a new test, one at a time.
	for _, c := range []struct {
		name            string
		body            string
		probes, bumped  bool
		secret          string
		clientID, apiIs string
	}{
		{"nothing", `{}`, false, false, apitest.Secret, "", apitest.APIURL},
		{"a name", `{"name":"Renamed"}`, false, false, apitest.Secret, "", apitest.APIURL},
		{"the same URL", `{"config":{"api_url":"` + apitest.APIURL + `"}}`, false, false, apitest.Secret, "",
			apitest.APIURL},
		{"another URL", `{"config":{"api_url":"https://scores.example.com/v2"}}`, true, true, apitest.Secret, "",
			"https://scores.example.com/v2"},
		{"secret and interval", `{"config":{"access_client_secret":"another"},"interval":"1h"}`, true, true, "another", "",
			"https://scores.example.com/v2"},
		{"an interval", `{"interval":"2h"}`, false, true, "another", "", "https://scores.example.com/v2"},
		{"a pause", `{"x_paused":true}`, false, false, "another", "", "https://scores.example.com/v2"},
		{"a pause again", `{"x_paused":true}`, false, false, "another", "", "https://scores.example.com/v2"},
		{"an end of the pause", `{"x_paused":false}`, false, true, "another", "", "https://scores.example.com/v2"},
		{"concurrency", `{"x_concurrency":32}`, false, false, "another", "", "https://scores.example.com/v2"},
		{"client id", `{"config":{"access_client_id":"other.access"}}`, true, true, "another", "other.access",
			"https://scores.example.com/v2"},
		{"the type again", `{"type":"custom_s2s"}`, false, false, "another", "other.access",
			"https://scores.example.com/v2"},
	} {
		t.Run(c.name, func(t *testing.T) {
			f := f.In(t)
			before, probed := storedIntegration(f, id), len(f.Fetcher.Probes())
			f.Clock.Advance(time.Minute)
			f.Want(200, "PATCH", path, c.body)
			after := storedIntegration(f, id)
			if got := len(f.Fetcher.Probes()) > probed; got != c.probes {
				t.Errorf("tested: %t", got)
			}
			if got := after.Schedule == before.Schedule+1 && after.ScheduledAt == proto.At(f.Clock.Now()); got != c.bumped ||
				!c.bumped && after.Schedule != before.Schedule {
				t.Errorf("schedule %d at %d, then %d at %d", before.Schedule, before.ScheduledAt, after.Schedule,
					after.ScheduledAt)
			}
			if secretOf(f, after) != c.secret || after.APIURL != c.apiIs || c.clientID != "" && after.ClientID != c.clientID {
				t.Errorf("stored %+v", after)
			}
		})
	}
	if r := f.Do("DELETE", path, nil); r.Status != 200 || string(r.Result) != "null" || !r.Success {
		t.Errorf("deleted: %d %s", r.Status, r.Body)
	}
	f.WantError(404, v4.CodeUnknownIntegration, "GET", path, nil)
	f.WantError(404, v4.CodeUnknownIntegration, "PATCH", path, map[string]any{})
}

func TestInvalidIntegrationsAreRejected(t *testing.T) {
	t.Parallel()
	f := apitest.Start(t)
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
			f := f.In(t)
			message := f.WantError(400, v4.CodeIntegration, "POST", "/devices/posture/integration",
				apitest.Changed(apitest.IntegrationBody(), change))
			if !strings.HasPrefix(message, "invalid posture integration request: ") {
				t.Errorf("message %q", message)
			}
		})
	}
	if len(f.Fetcher.Probes()) > 0 {
		t.Error("a scoring API was called for what is refused anyway")
	}
	made := f.Want(200, "POST", "/devices/posture/integration", apitest.IntegrationBody())
	for _, body := range []string{`{"name":null}`, `{"config":null}`, `{"type":"intune"}`, `{"interval":"30s"}`,
		`{"config":{"access_client_secret":""}}`} {
		f.WantError(400, v4.CodeIntegration, "PATCH", "/devices/posture/integration/"+apitest.Text(made, "id"), body)
	}
}

func TestIntervalsInSeconds(t *testing.T) {
	t.Parallel()
	f := apitest.Start(t, func(c *api.Config) { c.MinInterval = 2 * time.Second })
	made := f.Want(200, "POST", "/devices/posture/integration",
		apitest.Changed(apitest.IntegrationBody(), func(b, _ map[string]any) { b["interval"] = "5s" }))
	if made["interval"] != "5s" || storedIntegration(f, apitest.Text(made, "id")).Interval != 5*time.Second {
		t.Errorf("made %v", made)
	}
	if says := f.WantError(400, v4.CodeIntegration, "POST", "/devices/posture/integration",
		apitest.Changed(apitest.IntegrationBody(),
			func(b, _ map[string]any) { b["interval"] = "1s" })); !strings.Contains(says, "at least 2s") {
		t.Errorf("says %q", says)
	}
}

func TestUnservedIntegrationsAreStored(t *testing.T) {
	t.Parallel()
	f := apitest.Start(t)
	made := f.Want(200, "POST", "/devices/posture/integration",
		map[string]any{"name": "Intune", "type": "intune", "interval": "24h",
			"config": map[string]any{"client_id": "c", "client_secret": "hidden-1", "customer_id": "k"}})
	path := "/devices/posture/integration/" + apitest.Text(made, "id")
	f.Want(200, "PATCH", path, `{"config":{"client_id":"d","client_secret":"hidden-2"}}`)
	got := f.Want(200, "GET", path, nil)
	if config := got["config"].(map[string]any); config["client_id"] != "d" || config["customer_id"] != "k" ||
		len(config) != 2 {
		t.Errorf("config %v", config)
	}
	if len(f.Fetcher.Probes()) > 0 {
		t.Error("an API was called")
	}
	stored := storedIntegration(f, apitest.Text(made, "id"))
	if record := apitest.Must(proto.Marshal(&stored)); strings.Contains(string(record), "hidden") {
		t.Error("a secret is stored in clear")
	}
	f.WantError(400, v4.CodeIntegration, "POST", "/plumbline/integrations/"+apitest.Text(made, "id")+"/poll", nil)
}
