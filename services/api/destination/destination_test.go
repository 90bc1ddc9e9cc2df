package destination_test

import (
	"context"
	"fmt"
	"strings"
	"testing"
	"time"

	"filippo.io/age"
	"plumbline.dev/bus"
	"plumbline.dev/bus/bustest"
	"plumbline.dev/bus/topology"
	"plumbline.dev/proto"
	"plumbline.dev/services/api"
	"plumbline.dev/services/api/apitest"
	"plumbline.dev/services/api/v4"
	"plumbline.dev/services/dispatcher/standardwebhook"
	"plumbline.dev/services/internal/destination"
	"plumbline.dev/services/internal/seal"
)

const path = "/plumbline/destinations"

const hookURL = "https://hooks.example.com:8443/services/URLSECRET?x=URLSECRET"

func body() map[string]any {
	return map[string]any{"name": "SOC", "url": hookURL, "events": []string{"posture.outcome.changed"},
		"headers":  []any{map[string]any{"name": "Authorization", "value": "Bearer HEADERSECRET"}},
		"template": `{"text": {{json .type}}}`}
}

// record returns the stored destination.
func record(f *apitest.Fixture, id string) *proto.Destination {
	f.T.Helper()
	parsed, err := proto.ParseID(id)
	if err != nil {
		f.T.Fatal(err)
	}
	d := new(proto.Destination)
	key := topology.ConfigKey(f.Account, topology.KindDestination, parsed)
	if _, err := f.Conn.Get(f.T.Context(), topology.Config, key, d); err != nil {
		f.T.Fatal(err)
	}
	return d
}

func open(f *apitest.Fixture, label string, sealed []byte) string {
	f.T.Helper()
	text, err := seal.Open([]age.Identity{f.Identity}, label, sealed)
	if err != nil {
		f.T.Fatal(err)
	}
	return string(text)
}

// The secret is shown once, and the URL and the values of headers never. All are sealed for the dispatchers.
func TestSecretsAreShownOnce(t *testing.T) {
	t.Parallel()
	f := apitest.Start(t)
	made := f.Want(201, "POST", path, body())
	id, secret := made["id"].(string), made["secret"].(string)
	if _, err := standardwebhook.ParseSecret(secret); err != nil {
		t.Errorf("%q: %v", secret, err)
	}
	if made["endpoint"] != "https://hooks.example.com:8443" || made["url"] != nil ||
		apitest.At(made, "state", "status") != "starting" || made["kind"] != "webhook" {
		t.Errorf("%v", made)
	}
	d := record(f, id)
	if open(f, destination.URLLabel(d.ID), d.SealedURL) != hookURL ||
		open(f, destination.SecretLabel(d.ID), d.Secrets[0].Sealed) != secret ||
		open(f, destination.HeaderLabel(d.ID, "authorization"), d.Headers[0].Sealed) != "Bearer HEADERSECRET" {
		t.Errorf("%+v", d)
	}
	rotated := f.Want(200, "POST", path+"/"+id+"/rotate", map[string]any{"overlap": "1h"})
	next := rotated["secret"].(string)
	if next == secret || rotated["previous_secret_expires_at"] != "2026-03-01T13:00:00Z" {
		t.Errorf("%v", rotated)
	}
	shown := []string{fmt.Sprint(f.Want(200, "GET", path+"/"+id, nil)), string(f.Do("GET", path, nil).Body),
		fmt.Sprint(f.Want(200, "PUT", path+"/"+id, map[string]any{"name": "other",
			"headers": []any{map[string]any{"name": "authorization"}}}))}
	bustest.Eventually(t, "the audit log has the changes", func() bool { return len(f.Events()) == 3 })
	for _, e := range f.Events() {
		shown = append(shown, string(e.Before), string(e.After))
	}
	for _, text := range shown {
		for _, hidden := range []string{secret, next, "URLSECRET", "HEADERSECRET"} {
			if strings.Contains(text, hidden) {
				t.Errorf("%s is in %s", hidden, text)
			}
		}
	}
	if d := record(f, id); open(f, destination.HeaderLabel(d.ID, "Authorization"), d.Headers[0].Sealed) !=
		"Bearer HEADERSECRET" || d.Origin != "https://hooks.example.com:8443" || d.Template != "" {
		t.Errorf("%+v", d)
	}
}

func TestInvalidDestinations(t *testing.T) {
	t.Parallel()
	f := apitest.Start(t)
	long := strings.Repeat("a", 9000)
	for name, edit := range map[string]map[string]any{
		"no name": {"name": ""}, "another kind": {"kind": "pager"}, "no URL": {"url": nil},
		"another scheme": {"url": "ftp://example.com"}, "credentials": {"url": "https://a:b@example.com"},
		"a fragment": {"url": "https://example.com/#x"}, "a line break": {"url": "https://example.com/\r\nX: y"},
		"a weak secret":             {"secret": "whsec_YWJj"},
		"an unknown event":          {"events": []string{"test.ping"}},
		"events as text":            {"events": "posture.outcome.changed"},
		"a header of HTTP":          {"headers": []any{map[string]any{"name": "Content-Length", "value": "1"}}},
		"a header of the signature": {"headers": []any{map[string]any{"name": "webhook-id", "value": "1"}}},
		"an injected header":        {"headers": []any{map[string]any{"name": "X", "value": "a\r\nHost: b"}}},
		"a header without a value":  {"headers": []any{map[string]any{"name": "X"}}},
		"a header twice": {"headers": []any{map[string]any{"name": "X", "value": "1"},
			map[string]any{"name": "x", "value": "2"}}},
		"an endless template":     {"template": "{{range 9000000000000000000}}{{end}}1"},
		"a template without JSON": {"template": "hello"},
		"a broken template":       {"template": "{{"},
		"a long template":         {"template": long},
	} {
		r := f.Do("POST", path, apitest.Plus(body(), edit))
		if r.Status != 400 || strings.Contains(string(r.Body), long) {
			t.Errorf("%s: %d %s", name, r.Status, r.Body)
		}
	}
	made := f.Want(201, "POST", path, body())
	one := path + "/" + made["id"].(string)
	f.WantError(400, v4.CodeInvalid, "PUT", one, map[string]any{"name": "a", "url": "https://other.example.com",
		"headers": []any{map[string]any{"name": "Authorization"}}})
	f.WantError(400, v4.CodeInvalid, "PUT", one, map[string]any{"name": "a", "secret": made["secret"]})
	f.WantError(400, v4.CodeInvalid, "POST", one+"/rotate", map[string]any{"overlap": "-1h"})
	f.WantError(400, v4.CodeInvalid, "POST", one+"/rotate", map[string]any{"overlap": "31d"})
	f.WantError(400, v4.CodeInvalid, "POST", one+"/replay", map[string]any{"since": "yesterday"})
	f.WantError(400, v4.CodeInvalid, "POST", one+"/replay", map[string]any{"since": "2030-01-01T00:00:00Z"})
	f.WantError(404, v4.CodeNotFound, "POST", path+"/"+proto.NewID().String()+"/rotate", nil)
}

func TestWithoutARecipient(t *testing.T) {
	t.Parallel()
	f := apitest.Start(t, func(c *api.Config) { c.SealDispatcher = nil })
	f.WantError(400, v4.CodeInvalid, "POST", path, body())
}

// Rotations in a row keep a bounded number of secrets.
func TestRotations(t *testing.T) {
	t.Parallel()
	f := apitest.Start(t)
	id := f.Want(201, "POST", path, body())["id"].(string)
	for range 5 {
		f.Want(200, "POST", path+"/"+id+"/rotate", nil)
	}
	now := proto.At(f.Clock.Now())
	if n := len(record(f, id).Signing(now)); n != 3 {
		t.Errorf("%d secrets sign", n)
	}
	f.Want(200, "POST", path+"/"+id+"/rotate", map[string]any{"overlap": "0s"})
	if n := len(record(f, id).Signing(now)); n != 1 {
		t.Errorf("%d secrets sign after a rotation without an overlap", n)
	}
}

func TestReplayIsStored(t *testing.T) {
	t.Parallel()
	f := apitest.Start(t)
	id := f.Want(201, "POST", path, body())["id"].(string)
	f.Want(200, "POST", path+"/"+id+"/replay", map[string]any{"since": "2026-02-01T00:00:00Z"})
	f.Want(200, "PUT", path+"/"+id, map[string]any{"name": "an edit keeps it"})
	since := time.Date(2026, 2, 1, 0, 0, 0, 0, time.UTC)
	if d := record(f, id); d.Replays != 1 || !d.ReplayFrom.Time().Equal(since) {
		t.Errorf("%+v", d)
	}
}

// The state that a dispatcher stores is shown.
func TestState(t *testing.T) {
	t.Parallel()
	f := apitest.Start(t)
	id := f.Want(201, "POST", path, body())["id"].(string)
	parsed, _ := proto.ParseID(id)
	key, revision := topology.DeliveryKey(f.Account, parsed), uint64(0)
	for _, c := range []struct {
		state proto.Delivery
		want  string
	}{
		{proto.Delivery{Owner: proto.NewID(), Delivered: 7}, "delivering"},
		{proto.Delivery{Owner: proto.NewID(), Waiting: "msg_1", WaitingSince: 1, Attempts: 2, LastStatus: 500}, "retrying"},
		{proto.Delivery{Disabled: "the receiver answered 410 Gone", DisabledAt: 5}, "disabled"},
	} {
		var err error
		if revision, err = f.Conn.Put(t.Context(), topology.Deliveries, key, &c.state, revision); err != nil {
			t.Fatal(err)
		}
		bustest.Eventually(t, c.want, func() bool {
			one, list := f.Want(200, "GET", path+"/"+id, nil), string(f.Do("GET", path, nil).Body)
			return apitest.At(one, "state", "status") == c.want && strings.Contains(list, `"status":"`+c.want+`"`)
		})
	}
	f.Want(200, "PUT", path+"/"+id, map[string]any{"name": "a", "paused": true})
	if got := f.Want(200, "GET", path+"/"+id, nil); apitest.At(got, "state", "status") != "paused" {
		t.Errorf("%v", got)
	}
}

func TestTest(t *testing.T) {
	t.Parallel()
	f := apitest.Start(t)
	id := f.Want(201, "POST", path, body())["id"].(string)
	f.WantError(503, v4.CodeUnavailable, "POST", path+"/"+id+"/test", nil)
	dispatcher := f.Bus.Conn(topology.Dispatcher)
	listening := make(chan struct{})
	bustest.Run(t, func(ctx context.Context) error {
		return dispatcher.Answer(ctx, bus.Endpoint{Subject: topology.AllDestinationTests, Role: topology.Dispatcher,
			Listening: func() { close(listening) },
			Handle: func(context.Context, *bus.Msg) proto.Message {
				return &proto.DestinationTestResult{Event: "msg_1", Status: 500, Took: time.Second, Error: "No."}
			},
			Refuse: func(error) proto.Message { return &proto.DestinationTestResult{Error: "busy"} }})
	})
	<-listening
	got := f.Want(200, "POST", path+"/"+id+"/test", nil)
	if got["delivered"] != false || got["status"] != 500.0 || got["took_ms"] != 1000.0 || got["error"] != "No." {
		t.Errorf("%v", got)
	}
}
