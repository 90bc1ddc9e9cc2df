package auditlog_test

import (
	"bytes"
	"context"
	"encoding/json"
	"fmt"
	"net/http/httptest"
	"strings"
	"testing"
	"time"

	"plumbline.dev/bus/bustest"
	"plumbline.dev/bus/topology"
	"plumbline.dev/services/api"
	"plumbline.dev/services/api/apitest"
	"plumbline.dev/services/api/store"
	"plumbline.dev/services/api/v4"
	"plumbline.dev/services/internal/storecheck"
)

// checkStore checks that the buckets hold every change that the audit log names, and that each event of a record names
// its key.
func checkStore(f *apitest.Fixture) {
	f.T.Helper()
	for _, e := range f.Events() {
		if len(e.Records) == 0 && e.Kind != "devices" && e.Action != store.ActionPoll && e.Kind != "keys" {
			f.T.Errorf("%s of %s names no key", e.Action, e.Kind)
		}
	}
	report, err := storecheck.Check(f.T.Context(), f.Conn, topology.Options{LogMaxBytes: 1 << 30}, false,
		bustest.Log(f.T))
	if err != nil || len(report.Lost)+len(report.Repaired)+len(report.Notes) > 0 {
		f.T.Errorf("check of the store: %v, %+v", err, report)
	}
}

func sameJSON(t testing.TB, a, b []byte) bool {
	t.Helper()
	var va, vb any
	if len(a) > 0 && json.Unmarshal(a, &va) != nil || len(b) > 0 && json.Unmarshal(b, &vb) != nil {
		t.Fatalf("no JSON: %s, %s", a, b)
	}
	return apitest.JSON(t, va) == apitest.JSON(t, vb)
}

// TestEveryKindIsRecorded checks that each change of each kind of resource is one event, with the resource as the API
// returns it before and after.
func TestEveryKindIsRecorded(t *testing.T) {
	t.Parallel()
	f := apitest.Start(t)
	ids := f.CreateKinds(0)
	for _, k := range apitest.Kinds() {
		t.Run(k.Name, func(t *testing.T) {
			f := f.In(t)
			seen := len(f.Events())
			read := func(path string) json.RawMessage {
				r := f.Do("GET", path, nil)
				if r.Status != 200 || k.Unrecorded == "" {
					return r.Result
				}
				view := v4.Decode(r.Result)
				delete(view, k.Unrecorded)
				return view.Encode()
			}
			path, made := k.Create(f, ids, "a")
			first := read(path)
			f.Clock.Advance(time.Minute)
			if r := f.Do(k.Method, path, k.Change(f, ids, "b", "a")); r.Status != 200 {
				t.Fatalf("%d %s", r.Status, r.Body)
			}
			second := read(path)
			if r := f.Do("DELETE", path, nil); r.Status/100 != 2 {
				t.Fatalf("%d %s", r.Status, r.Body)
			}
			events := f.Events()[seen:]
			if got, want := apitest.Summary(events), fmt.Sprintf("create %[1]s, update %[1]s, delete %[1]s",
				k.Name); got != want {
				t.Fatalf("recorded %q, want %q", got, want)
			}
			for n, want := range [][2]json.RawMessage{{nil, first}, {first, second}, {second, nil}} {
				if e := events[n]; !sameJSON(t, e.Before, want[0]) || !sameJSON(t, e.After, want[1]) {
					t.Errorf("%s: before %s after %s, want %s and %s", e.Action, e.Before, e.After, want[0], want[1])
				}
				if e := events[n]; e.Actor.Name != "bootstrap" || e.Actor.Type != "token" || e.Actor.IP != "192.0.2.1" ||
					e.Name == "" || k.ID == "" && e.Resource != k.IDOf(made) {
					t.Errorf("%s: %+v", e.Action, e)
				}
			}
			if events[1].At <= events[0].At {
				t.Error("the events have one time")
			}
		})
	}
	checkStore(f)
}

// TestActionsOfEvents checks the actions that are not create, update or delete.
func TestActionsOfEvents(t *testing.T) {
	t.Parallel()
	f := apitest.Start(t, func(c *api.Config) { c.BootstrapEmail = "admin@example.com" })
	do := func(status int, method, path string, body any) map[string]any {
		t.Helper()
		f.Clock.Advance(time.Second) // the order of events of different buckets is the order of their times
		return f.Want(status, method, path, body)
	}
	token := "/access/service_tokens/" +
		apitest.Text(do(201, "POST", "/access/service_tokens", map[string]any{"name": "a"}), "id")
	app := do(201, "POST", "/access/apps", map[string]any{"name": "a", "domain": "a.example.com", "policies": []any{
		map[string]any{"name": "own", "decision": "non_identity",
			"include": []any{map[string]any{"any_valid_service_token": map[string]any{}}}}}})
	key := "/tokens/" + apitest.Text(do(200, "POST", "/tokens", f.TokenBody("a", apitest.ReadApps)), "id")
	do(200, "POST", token+"/refresh", nil)
	do(200, "POST", token+"/rotate", nil)
	do(202, "POST", "/access/apps/"+apitest.Text(app, "id")+"/revoke_tokens", nil)
	do(200, "PUT", "/access/organizations", map[string]any{"name": "o"})
	do(200, "PATCH", "/access/organizations", map[string]any{"name": "p"})
	do(200, "PUT", key+"/value", nil)
	events := f.Events()
	want := "create service_token, create policy, create app, create api_token, refresh service_token, rotate " +
		"service_token, revoke app, create org, update org, roll api_token"
	if got := apitest.Summary(events); got != want {
		t.Errorf("recorded\n%s, want\n%s", got, want)
	}
	if linked := v4.Decode(events[2].After)["policies"]; !bytes.Contains(linked, []byte(events[1].Resource)) {
		t.Errorf("the application's policies are %s", linked)
	}
	for _, e := range events {
		if e.Actor.Type != "key" || e.Actor.Email != "admin@example.com" {
			t.Errorf("actor %+v", e.Actor)
		}
	}
	// A rejected request and a read are not recorded.
	f.WantError(400, v4.CodeInvalid, "POST", "/access/groups", map[string]any{})
	f.Want(200, "GET", "/access/groups", nil)
	req := f.Request("PUT", f.Path(token), map[string]any{"name": "x"})
	req.Header.Set("If-Match", `"1"`)
	if r := f.Send(req); r.Status != 412 {
		t.Errorf("%d", r.Status)
	}
	if n := len(f.Events()); n != len(events) {
		t.Errorf("%d events, then %d", len(events), n)
	}
	checkStore(f)
}

// TestNoSecretIsInTheAuditLog checks invariant 7: no secret of a resource is in the audit log or in the responses about
// it.
func TestNoSecretIsInTheAuditLog(t *testing.T) {
	t.Parallel()
	f := apitest.Start(t)
	secrets := []string{apitest.Secret, apitest.Bootstrap}
	keep := func(v any) { secrets = append(secrets, fmt.Sprint(v)) }
	token := f.Want(201, "POST", "/access/service_tokens", map[string]any{"name": "a"})
	keep(token["client_secret"])
	path := "/access/service_tokens/" + apitest.Text(token, "id")
	keep(f.Want(200, "POST", path+"/rotate",
		map[string]any{"previous_client_secret_expires_at": "2026-03-02T00:00:00Z"})["client_secret"])
	keep(f.Want(200, "PUT", path, map[string]any{"client_secret_version": 2})["client_secret"])
	brought := "cfast_" + strings.Repeat("aB3dE5gHiJ7k", 4)
	keep(brought)
	f.Want(201, "POST", "/access/service_tokens",
		map[string]any{"name": "b", "client_id": strings.Repeat("ab", 16) + ".access", "client_secret": brought})
	i := f.Want(200, "POST", "/devices/posture/integration", apitest.IntegrationBody())
	f.Want(200, "PATCH", "/devices/posture/integration/"+apitest.Text(i, "id"),
		map[string]any{"config": map[string]any{"access_client_secret": "another-secret-text"}})
	keep("another-secret-text")
	f.Want(200, "POST", "/devices/posture/integration",
		map[string]any{"name": "t", "type": "tanium_s2s", "interval": "10m",
			"config": map[string]any{"client_secret": "kept-secret-text"}})
	keep("kept-secret-text")
	idp := apitest.ProviderBody()
	idp["config"].(map[string]any)["client_secret"] = "provider-secret-text"
	keep("provider-secret-text")
	made := f.Want(201, "POST", "/access/identity_providers",
		apitest.Plus(idp, map[string]any{"scim_config": map[string]any{"enabled": true, "secret": "scim-secret-text"}}))
	keep("scim-secret-text")
	f.Want(200, "PUT", "/access/identity_providers/"+apitest.Text(made, "id"), idp)
	f.Want(201, "POST", "/access/identity_providers",
		map[string]any{"name": "okta", "type": "okta",
			"config": map[string]any{"client_secret": "okta-secret-text", "api_token": "okta-token-text"}})
	keep("okta-secret-text")
	keep("okta-token-text")
	f.Want(201, "POST", "/access/apps",
		map[string]any{"name": "a", "domain": "a.example.com", "scim_config": map[string]any{"enabled": true,
			"authentication": map[string]any{"scheme": "httpbasic", "user": "u", "password": "app-password-text"}}})
	keep("app-password-text")
	key := f.Want(200, "POST", "/tokens", f.TokenBody("a", apitest.ReadApps))
	keep(key["value"])
	var rolled string
	if err := json.Unmarshal(f.Do("PUT", "/tokens/"+apitest.Text(key, "id")+"/value", nil).Result, &rolled); err != nil {
		t.Fatal(err)
	}
	keep(rolled)

	var stream bytes.Buffer
	events := f.Events()
	for _, e := range events {
		fmt.Fprintf(&stream, "%+v %s %s\n", *e, e.Before, e.After)
	}
	answer := f.Do("GET", "/audit_logs?per_page=1000", nil)
	if len(events) < 12 || answer.ResultInfo["count"] != float64(len(events)) {
		t.Fatalf("%d events, %v shown", len(events), answer.ResultInfo)
	}
	for _, secret := range secrets {
		if len(secret) < 8 {
			t.Fatalf("%q is no secret", secret)
		}
		for what, text := range map[string]string{"the stream": stream.String(), "the answer": string(answer.Body),
			"the log": f.Log.String()} {
			if strings.Contains(text, secret) {
				t.Errorf("%s has the secret %q", what, secret)
			}
		}
	}
}

// Poll now is an action too.
func TestPollNowIsRecorded(t *testing.T) {
	t.Parallel()
	f := apitest.Start(t)
	i := f.Want(200, "POST", "/devices/posture/integration", apitest.IntegrationBody())
	f.Want(200, "POST", "/plumbline/integrations/"+apitest.Text(i, "id")+"/poll", nil)
	events := f.Events()[1:]
	if len(events) != 1 || events[0].Action != "poll" || events[0].Resource != apitest.Text(i, "id") || events[0].Unsure {
		t.Errorf("recorded %s", apitest.JSON(t, events))
	}
}

// TestChangeOfAClientThatLeftIsRecorded sends a request whose client is already gone: the change and its event are
// stored, or neither.
func TestChangeOfAClientThatLeftIsRecorded(t *testing.T) {
	t.Parallel()
	f := apitest.Start(t)
	ctx, leave := context.WithCancel(t.Context())
	req := f.Request("POST", f.Path("/access/tags"), map[string]any{"name": "a"}).WithContext(ctx)
	leave()
	f.Handler.ServeHTTP(httptest.NewRecorder(), req)
	bustest.Eventually(t, "tag and event, or neither", func() bool {
		r := f.Do("GET", "/access/tags", nil)
		return strings.Count(string(r.Result), `"name"`) == len(f.Events())
	})
}
