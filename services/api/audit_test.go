package api

import (
	"bytes"
	"context"
	"encoding/json"
	"fmt"
	"net/http"
	"net/http/httptest"
	"strings"
	"testing"
	"time"

	"plumbline.dev/bus"
	"plumbline.dev/bus/bustest"
	"plumbline.dev/bus/topology"
	"plumbline.dev/proto"
	"plumbline.dev/services/api/access"
	"plumbline.dev/services/api/device"
	"plumbline.dev/services/api/store"
	"plumbline.dev/services/api/v4"
	"plumbline.dev/services/internal/storecheck"
)

// emptyAudit takes out of the audit log what is in it.
func (y *system) emptyAudit() {
	y.t.Helper()
	log, err := y.conn.JetStream().Stream(y.t.Context(), topology.AuditLog)
	if err == nil {
		err = log.Purge(y.t.Context())
	}
	if err != nil {
		y.t.Fatal(err)
	}
}

// trailOf reads every event of the account from the stream, once those of its changes have arrived there.
func (y *system) trailOf(account proto.Account) []*proto.AuditEvent {
	y.t.Helper()
	bustest.Eventually(y.t, "the changes are relayed", func() bool { return y.api.store.AwaitRelayed(y.t.Context(), account) })
	return y.relayed(account)
}

// relayed reads every event of the account that is in the stream already.
func (y *system) relayed(account proto.Account) []*proto.AuditEvent {
	y.t.Helper()
	var all []*proto.AuditEvent
	at, err := y.conn.Position(y.t.Context(), topology.AuditLog)
	if err == nil {
		err = y.conn.Range(y.t.Context(), topology.AuditLog, topology.Audit(account), 1, max(1, at.Last), func(m *bus.Msg) error {
			e := new(proto.AuditEvent)
			all = append(all, e)
			return m.Decode(e)
		})
	}
	if err != nil {
		y.t.Fatal(err)
	}
	return all
}

// since gives the events after the first n.
func (y *system) since(n int) []*proto.AuditEvent { y.t.Helper(); return y.trailOf(y.account)[n:] }

// complete checks that the buckets hold every change that the audit log names, and that each event of a record names
// its key.
func (y *system) complete() {
	y.t.Helper()
	for _, e := range y.trailOf(y.account) {
		if len(e.Records) == 0 && e.Kind != "devices" && e.Action != store.ActionPoll && e.Kind != "keys" {
			y.t.Errorf("%s of %s names no key", e.Action, e.Kind)
		}
	}
	report, err := storecheck.Check(y.t.Context(), y.conn, topology.Options{LogMaxBytes: 1 << 30}, false, bustest.Log(y.t))
	if err != nil || len(report.Lost)+len(report.Repaired)+len(report.Notes) > 0 {
		y.t.Errorf("check of the store: %v, %+v", err, report)
	}
}

func summary(all []*proto.AuditEvent) string {
	var lines []string
	for _, e := range all {
		lines = append(lines, e.Action+" "+e.Kind)
	}
	return strings.Join(lines, ", ")
}

func sameJSON(t testing.TB, a, b []byte) bool {
	t.Helper()
	var va, vb any
	if len(a) > 0 && json.Unmarshal(a, &va) != nil || len(b) > 0 && json.Unmarshal(b, &vb) != nil {
		t.Fatalf("no JSON: %s, %s", a, b)
	}
	return jsonText(t, va) == jsonText(t, vb)
}

// Every kind of resource: one event for each change, with the resource as it is read before and after.
func TestEveryChangeIsRecordedAsItIsRead(t *testing.T) {
	y := start(t)
	integration := y.want(200, "POST", "/devices/posture/integration", integrationBody())
	token := y.want(201, "POST", "/access/service_tokens", map[string]any{"name": "poller"})
	for _, c := range []struct {
		kind, path, key string
		made, changed   any
		method          string
		id              string // member of the path
	}{
		{"service_token", "/access/service_tokens", "", map[string]any{"name": "a"}, map[string]any{"name": "b"}, "PUT", "id"},
		{"integration", "/devices/posture/integration", "", integrationBody(), map[string]any{"name": "b"}, "PATCH", "id"},
		{"check", "/devices/posture", "", ruleBody(integration["id"]), plus(ruleBody(integration["id"]), map[string]any{"name": "b"}), "PUT", "id"},
		{"policy", "/access/policies", "app_count", policyBody("a", text(token, "id")), policyBody("b", text(token, "id")), "PUT", "id"},
		{"group", "/access/groups", "", groupBody("a", map[string]any{"everyone": map[string]any{}}), groupBody("b", map[string]any{"everyone": map[string]any{}}), "PUT", "id"},
		{"idp", "/access/identity_providers", "", oidcBody(), plus(oidcBody(), map[string]any{"name": "b"}), "PUT", "id"},
		{"tag", "/access/tags", "", map[string]any{"name": "a"}, map[string]any{"name": "a"}, "PUT", "name"},
		{"app", "/access/apps", "", map[string]any{"name": "a", "domain": "a.example.com"}, map[string]any{"name": "b", "domain": "a.example.com"}, "PUT", "id"},
		{"api_token", "/tokens", "", y.tokenBody("a", readApps), y.tokenBody("b", writeApps), "PUT", "id"},
	} {
		t.Run(c.kind, func(t *testing.T) {
			y.t = t
			seen := len(y.trailOf(y.account))
			read := func(path string) json.RawMessage {
				r := y.do("GET", path, nil)
				if r.Status != 200 || c.key == "" {
					return r.Result
				}
				view := v4.Decode(r.Result)
				delete(view, c.key) // of the list, not of the resource
				return view.Encode()
			}
			r := y.do("POST", c.path, c.made)
			var made map[string]any
			if err := json.Unmarshal(r.Result, &made); err != nil || r.Status/100 != 2 {
				t.Fatalf("%d %s", r.Status, r.Body)
			}
			path := c.path + "/" + text(made, c.id)
			first := read(path)
			y.clock.Advance(time.Minute)
			if r := y.do(c.method, path, c.changed); r.Status != 200 {
				t.Fatalf("%d %s", r.Status, r.Body)
			}
			second := read(path)
			if r := y.do("DELETE", path, nil); r.Status/100 != 2 {
				t.Fatalf("%d %s", r.Status, r.Body)
			}
			events := y.since(seen)
			if got, want := summary(events), fmt.Sprintf("create %[1]s, update %[1]s, delete %[1]s", c.kind); got != want {
				t.Fatalf("recorded %q, wanted %q", got, want)
			}
			for n, want := range [][2]json.RawMessage{{nil, first}, {first, second}, {second, nil}} {
				if e := events[n]; !sameJSON(t, e.Before, want[0]) || !sameJSON(t, e.After, want[1]) {
					t.Errorf("%s: before %s after %s, wanted %s and %s", e.Action, e.Before, e.After, want[0], want[1])
				}
				if e := events[n]; e.Actor.Name != "bootstrap" || e.Actor.Type != "token" || e.Actor.IP != "192.0.2.1" || e.Name == "" || c.id == "id" && e.Resource != text(made, "id") {
					t.Errorf("%s: %+v", e.Action, e)
				}
			}
			if events[1].At <= events[0].At {
				t.Error("the events have one time")
			}
		})
	}
	y.t = t
	y.complete()
}

// What says more than that something was updated, and what is in no bucket of the api's.
func TestActionsAreNamed(t *testing.T) {
	y := start(t, func(c *Config) { c.BootstrapEmail = "admin@example.com" })
	token := "/access/service_tokens/" + text(y.want(201, "POST", "/access/service_tokens", map[string]any{"name": "a"}), "id")
	app := y.want(201, "POST", "/access/apps", map[string]any{"name": "a", "domain": "a.example.com", "policies": []any{
		map[string]any{"name": "own", "decision": "non_identity", "include": []any{map[string]any{"any_valid_service_token": map[string]any{}}}}}})
	key := "/tokens/" + text(y.want(200, "POST", "/tokens", y.tokenBody("a", readApps)), "id")
	y.want(200, "POST", token+"/refresh", nil)
	y.want(200, "POST", token+"/rotate", nil)
	y.want(202, "POST", "/access/apps/"+text(app, "id")+"/revoke_tokens", nil)
	y.want(200, "PUT", "/access/organizations", map[string]any{"name": "o"})
	y.want(200, "PATCH", "/access/organizations", map[string]any{"name": "p"})
	if r := y.do("PUT", key+"/value", nil); r.Status != 200 {
		t.Fatal(r)
	}
	events := y.trailOf(y.account)
	want := "create service_token, create policy, create app, create api_token, refresh service_token, rotate service_token, revoke app, create org, update org, roll api_token"
	if got := summary(events); got != want {
		t.Errorf("recorded\n%s, wanted\n%s", got, want)
	}
	if linked := v4.Decode(events[2].After)["policies"]; !bytes.Contains(linked, []byte(events[1].Resource)) {
		t.Errorf("the application's policies are %s", linked)
	}
	for _, e := range events {
		if e.Actor.Type != "key" || e.Actor.Email != "admin@example.com" {
			t.Errorf("actor %+v", e.Actor)
		}
	}
	// What is refused, and what only is read, is no change.
	y.refused(400, v4.CodeInvalid, "POST", "/access/groups", map[string]any{})
	y.want(200, "GET", "/access/groups", nil)
	req := y.request("PUT", y.path(token), map[string]any{"name": "x"})
	req.Header.Set("If-Match", `"1"`)
	if r := y.raw(req); r.Status != 412 {
		t.Errorf("%d", r.Status)
	}
	if n := len(y.trailOf(y.account)); n != len(events) {
		t.Errorf("%d events, then %d", len(events), n)
	}
	y.complete()
}

// Invariant 7: no secret that any resource has is in the audit log, nor in what the API shows of it.
func TestNoSecretIsInTheAuditLog(t *testing.T) {
	y := start(t)
	secrets := []string{secretText, bootstrap}
	keep := func(v any) { secrets = append(secrets, fmt.Sprint(v)) }
	token := y.want(201, "POST", "/access/service_tokens", map[string]any{"name": "a"})
	keep(token["client_secret"])
	path := "/access/service_tokens/" + text(token, "id")
	keep(y.want(200, "POST", path+"/rotate", map[string]any{"previous_client_secret_expires_at": "2026-03-02T00:00:00Z"})["client_secret"])
	keep(y.want(200, "PUT", path, map[string]any{"client_secret_version": 2})["client_secret"])
	brought := "cfast_" + strings.Repeat("aB3dE5gHiJ7k", 4)
	keep(brought)
	y.want(201, "POST", "/access/service_tokens", map[string]any{"name": "b", "client_id": strings.Repeat("ab", 16) + ".access", "client_secret": brought})
	i := y.want(200, "POST", "/devices/posture/integration", integrationBody())
	y.want(200, "PATCH", "/devices/posture/integration/"+text(i, "id"), map[string]any{"config": map[string]any{"access_client_secret": "another-secret-text"}})
	keep("another-secret-text")
	y.want(200, "POST", "/devices/posture/integration", map[string]any{"name": "t", "type": "tanium_s2s", "interval": "10m", "config": map[string]any{"client_secret": "kept-secret-text"}})
	keep("kept-secret-text")
	idp := oidcBody()
	idp["config"].(map[string]any)["client_secret"] = "provider-secret-text"
	keep("provider-secret-text")
	made := y.want(201, "POST", "/access/identity_providers", plus(idp, map[string]any{"scim_config": map[string]any{"enabled": true, "secret": "scim-secret-text"}}))
	keep("scim-secret-text")
	y.want(200, "PUT", "/access/identity_providers/"+text(made, "id"), idp)
	y.want(201, "POST", "/access/identity_providers", map[string]any{"name": "okta", "type": "okta", "config": map[string]any{"client_secret": "okta-secret-text", "api_token": "okta-token-text"}})
	keep("okta-secret-text")
	keep("okta-token-text")
	y.want(201, "POST", "/access/apps", map[string]any{"name": "a", "domain": "a.example.com", "scim_config": map[string]any{"enabled": true,
		"authentication": map[string]any{"scheme": "httpbasic", "user": "u", "password": "app-password-text"}}})
	keep("app-password-text")
	key := y.want(200, "POST", "/tokens", y.tokenBody("a", readApps))
	keep(key["value"])
	var rolled string
	if err := json.Unmarshal(y.do("PUT", "/tokens/"+text(key, "id")+"/value", nil).Result, &rolled); err != nil {
		t.Fatal(err)
	}
	keep(rolled)

	var stream bytes.Buffer
	events := y.trailOf(y.account)
	for _, e := range events {
		fmt.Fprintf(&stream, "%+v %s %s\n", *e, e.Before, e.After)
	}
	answer := y.do("GET", "/audit_logs?per_page=1000", nil)
	if len(events) < 12 || answer.ResultInfo["count"] != float64(len(events)) {
		t.Fatalf("%d events, %v shown", len(events), answer.ResultInfo)
	}
	for _, secret := range secrets {
		if len(secret) < 8 {
			t.Fatalf("%q is no secret", secret)
		}
		for what, text := range map[string]string{"the stream": stream.String(), "the answer": string(answer.Body), "the log": y.log.String()} {
			if strings.Contains(text, secret) {
				t.Errorf("%s has the secret %q", what, secret)
			}
		}
	}
}

// A client that leaves at once does not leave unseen.
func TestAChangeWhoseClientLeftIsRecorded(t *testing.T) {
	y := start(t)
	ctx, leave := context.WithCancel(t.Context())
	req := y.request("POST", y.path("/access/tags"), map[string]any{"name": "a"}).WithContext(ctx)
	leave()
	y.handler.ServeHTTP(httptest.NewRecorder(), req)
	bustest.Eventually(t, "tag and event, or neither", func() bool {
		r := y.do("GET", "/access/tags", nil)
		return strings.Count(string(r.Result), `"name"`) == len(y.trailOf(y.account))
	})
}

// withoutAudit takes the audit log's stream away and gives what brings it back.
func (y *system) withoutAudit() (back func()) {
	y.t.Helper()
	if err := y.conn.JetStream().DeleteStream(y.t.Context(), topology.AuditLog); err != nil {
		y.t.Fatal(err)
	}
	return func() {
		y.t.Helper()
		if err := bus.Provision(y.t.Context(), y.conn, topology.Options{LogMaxBytes: 1 << 30}); err != nil {
			y.t.Fatal(err)
		}
	}
}

// While the log cannot be written, changes go on, and are recorded in their order when it can.
func TestTheAuditLogMayBeAway(t *testing.T) {
	y := start(t)
	back := y.withoutAudit()
	for _, name := range []string{"a", "b", "c"} {
		y.want(201, "POST", "/access/tags", map[string]any{"name": name})
	}
	y.refused(503, v4.CodeUnavailable, "GET", "/audit_logs", nil)
	back()
	bustest.Eventually(t, "all are recorded", func() bool {
		y.clock.Advance(2 * store.RelayRetry)
		return len(y.relayed(y.account)) == 3
	})
	for n, e := range y.trailOf(y.account) {
		if e.Name != string(rune('a'+n)) {
			t.Errorf("event %d is of %s", n, e.Name)
		}
	}
}

// What a process was about to tell the log when it ended, another tells.
func TestAChangeIsRecordedThoughNobodyToldTheLog(t *testing.T) {
	y := start(t)
	back := y.withoutAudit()
	y.want(201, "POST", "/access/tags", map[string]any{"name": "a"})
	y.want(201, "POST", "/access/service_tokens", map[string]any{"name": "a"})
	y.stop()
	back()
	if n := len(y.relayed(y.account)); n != 0 {
		t.Fatalf("%d events", n)
	}
	y.replica()
	bustest.Eventually(t, "both are recorded", func() bool {
		y.clock.Advance(2 * store.RelayRetry)
		return len(y.relayed(y.account)) == 2
	})
}

// Whenever a process ends: what there is of a change that nobody told the log of is stored with the change.
func TestNoChangeIsStoredWithoutWhatTheLogIsToBeTold(t *testing.T) {
	y := start(t)
	stored := map[string]int{}
	for _, bucket := range []string{topology.Config, topology.Tokens} {
		if err := y.conn.JetStream().DeleteConsumer(t.Context(), topology.BucketStream(bucket), topology.ConsumerAudit); err != nil {
			t.Fatal(err)
		}
	}
	app := y.want(201, "POST", "/access/apps", map[string]any{"name": "a", "domain": "a.example.com", "policies": []any{
		map[string]any{"name": "own", "decision": "bypass", "include": []any{map[string]any{"everyone": map[string]any{}}}}}})
	key := "/tokens/" + text(y.want(200, "POST", "/tokens", y.tokenBody("a", readApps)), "id")
	if r := y.do("PUT", key+"/value", nil); r.Status != 200 {
		t.Fatal(r)
	}
	y.want(202, "DELETE", "/access/apps/"+text(app, "id"), nil)
	for _, bucket := range []string{topology.Config, topology.Tokens} {
		stream := topology.BucketStream(bucket)
		at, err := y.conn.Position(t.Context(), stream)
		if err == nil {
			err = y.conn.Range(t.Context(), stream, "outbox.>", 1, at.Last, func(m *bus.Msg) error {
				var body proto.AuditOutbox
				if err := m.Decode(&body); err != nil {
					return err
				}
				for _, e := range body.Events {
					stored[e.Action+" "+e.Kind]++
				}
				return nil
			})
		}
		if err != nil {
			t.Fatal(err)
		}
	}
	for _, what := range []string{"create app", "create policy", "create api_token", "roll api_token", "delete policy", "delete app"} {
		if stored[what] == 0 {
			t.Errorf("nothing is to be told of %q: %v", what, stored)
		}
	}
}

// Once too many wait, nothing is changed that could not be recorded.
func TestChangesThatCannotBeRecordedAreRefused(t *testing.T) {
	y := start(t)
	back := y.withoutAudit()
	y.want(201, "POST", "/access/tags", map[string]any{"name": "first"})
	bustest.Eventually(t, "changes are refused", func() bool {
		y.api.store.Relay.Waiting.Store(store.MaxWaiting) // the relay counts now and then
		return y.do("POST", "/access/tags", map[string]any{"name": "a"}).Status == http.StatusServiceUnavailable
	})
	y.api.store.Relay.Waiting.Store(store.MaxWaiting)
	y.refused(503, v4.CodeUnavailable, "POST", "/access/tags", map[string]any{"name": "a"})
	y.refused(503, v4.CodeUnavailable, "POST", "/access/service_tokens", map[string]any{"name": "a"})
	y.want(200, "GET", "/access/tags", nil)
	back()
	bustest.Eventually(t, "changes are made again", func() bool {
		y.clock.Advance(2 * store.RelayRetry)
		return y.do("POST", "/access/tags", map[string]any{"name": "b"}).Status == http.StatusCreated
	})
}

// What waits is counted.
func TestWhatWaitsForTheAuditLogIsCounted(t *testing.T) {
	y := start(t)
	back := y.withoutAudit()
	for _, name := range []string{"a", "b", "c"} {
		y.want(201, "POST", "/access/tags", map[string]any{"name": name})
	}
	bustest.Eventually(t, "three wait", func() bool { y.clock.Advance(store.RelayLook); return y.api.store.Relay.Waiting.Load() == 3 })
	back()
	bustest.Eventually(t, "none waits", func() bool { y.clock.Advance(store.RelayLook); return y.api.store.Relay.Waiting.Load() == 0 })
}

// An action is told of once it is over; one that nobody tells of is told of as such.
func TestAnActionIsRecordedWhateverBecomesOfIt(t *testing.T) {
	y := start(t)
	ctx := t.Context()
	lost, err := y.api.store.BeginAction(ctx, y.account, store.Change{Action: "rotate", Kind: access.KindKeys})
	if err != nil {
		t.Fatal(err)
	}
	done, err := y.api.store.BeginAction(ctx, y.account, store.Change{Action: "revoke", Kind: device.AuditKind})
	if err != nil {
		t.Fatal(err)
	}
	refused, err := y.api.store.BeginAction(ctx, y.account, store.Change{Action: "delete", Kind: device.AuditKind})
	if err != nil {
		t.Fatal(err)
	}
	done.End(ctx, store.Change{Action: "revoke", Kind: device.AuditKind, ID: "1"}, store.Change{Action: "revoke", Kind: device.AuditKind, ID: "2"})
	refused.Settle(ctx, v4.Rejected(device.ErrNotFound))
	if got := summary(y.trailOf(y.account)); got != "revoke device, revoke device" {
		t.Errorf("recorded %s", got)
	}
	bustest.Eventually(t, "the one that was lost is recorded", func() bool {
		y.clock.Advance(store.Lease)
		return len(y.trailOf(y.account)) == 3
	})
	if e := y.trailOf(y.account)[2]; e.ID != lost.Announced.ID || !e.Unsure || e.Action != "rotate" {
		t.Errorf("recorded %+v", e)
	}
	bustest.Eventually(t, "nothing waits", func() bool {
		subjects, err := y.conn.Subjects(ctx, topology.AuditOutbox, ">")
		return err == nil && len(subjects) == 0
	})
	if n := len(y.trailOf(y.account)); n != 3 {
		t.Errorf("%d events", n)
	}
}

// Poll now is an action too.
func TestPollNowIsRecorded(t *testing.T) {
	y := start(t)
	i := y.want(200, "POST", "/devices/posture/integration", integrationBody())
	y.want(200, "POST", "/plumbline/integrations/"+text(i, "id")+"/poll", nil)
	events := y.since(1)
	if len(events) != 1 || events[0].Action != "poll" || events[0].Resource != text(i, "id") || events[0].Unsure {
		t.Errorf("recorded %s", jsonText(t, events))
	}
}

// A command of which the bus does not say whether it was stored may be carried out.
func TestAnImportThatBreaksOffIsRecorded(t *testing.T) {
	y := start(t)
	c, err := y.api.device.NewCommands(y.account)
	if err != nil {
		t.Fatal(err)
	}
	defer c.Close()
	i := &device.Importing{Permitted: t.Context(), Commands: c, Result: &device.Imported{}, Lines: map[proto.ID]int{}, Chunk: []proto.Device{{ID: proto.NewID()}}}
	if i.Action, err = y.api.store.BeginAction(t.Context(), y.account, i.Told()); err != nil {
		t.Fatal(err)
	}
	gone, leave := context.WithCancel(t.Context())
	leave()
	if err = i.Flush(gone); err == nil {
		t.Fatal("stored for a client that is gone")
	}
	i.End(gone, err)
	bustest.Eventually(t, "it is recorded", func() bool {
		all := y.trailOf(y.account)
		return len(all) == 1 && all[0].Action == store.ActionImport && all[0].Unsure
	})
}

// An action that ends after its lease may have been told of: its end is another event.
func TestAnActionThatOutlivesItsLease(t *testing.T) {
	y := start(t)
	x, err := y.api.store.BeginAction(t.Context(), y.account, store.Change{Action: "revoke", Kind: device.AuditKind})
	if err != nil {
		t.Fatal(err)
	}
	y.clock.Advance(store.Lease)
	x.End(t.Context(), store.Change{Action: "revoke", Kind: device.AuditKind, ID: "1"})
	bustest.Eventually(t, "its end is recorded", func() bool {
		all := y.trailOf(y.account)
		return len(all) > 0 && all[len(all)-1].Resource == "1" && all[len(all)-1].ID != x.Announced.ID
	})
}
