package api

import (
	"context"
	"encoding/json"
	"strings"
	"testing"
	"time"

	"plumbline.dev/bus"
	"plumbline.dev/bus/topology"
	"plumbline.dev/proto"
	"plumbline.dev/services/api/access"
	"plumbline.dev/services/api/apitoken"
	"plumbline.dev/services/api/v4"
)

func (y *system) storedOrganization() proto.Organization {
	y.t.Helper()
	var o proto.Organization
	if _, err := y.conn.Get(y.t.Context(), topology.Config, topology.ConfigKey(y.account, topology.KindOrganization, topology.OrganizationID(y.account)), &o); err != nil {
		y.t.Fatal(err)
	}
	return o
}

func TestOrganization(t *testing.T) {
	const path = "/access/organizations"
	y := start(t)
	if got := y.want(200, "GET", path, nil); got["strict_service_token_auth"] != true || got["auth_domain"] != "team.example.com" || got["name"] != nil {
		t.Errorf("by default %v", got)
	}
	made := y.want(201, "POST", path, map[string]any{"name": "Example", "auth_domain": "x.example.com", "session_duration": "12h",
		"login_design": map[string]any{"background_color": "#fff", "header_text": "Hello"}, "is_ui_read_only": nil})
	if made["name"] != "Example" || made["auth_domain"] != "x.example.com" || made["strict_service_token_auth"] != true {
		t.Errorf("made %v", made)
	}
	// Logins stay at the team domain, and the answer says that another one changes nothing.
	if jsonText(t, made["x_unsupported"]) != `["auth_domain"]` {
		t.Errorf("made %v", made)
	}
	if own := y.want(200, "PATCH", path, map[string]any{"auth_domain": "team.example.com"}); own["x_unsupported"] != nil {
		t.Errorf("the team domain: %v", own)
	}
	y.refused(409, v4.CodeConflict, "POST", path, map[string]any{"name": "Again"})
	inactivity := map[string]any{"enabled": true, "inactivity_threshold_days": 90, "action": "delete"}
	patched := y.want(200, "PATCH", path, map[string]any{"strict_service_token_auth": false, "service_token_inactivity": inactivity, "login_design": map[string]any{"header_text": nil, "footer_text": "Bye"}})
	if patched["name"] != "Example" || patched["session_duration"] != "12h" || patched["strict_service_token_auth"] != false ||
		jsonText(t, patched["login_design"]) != `{"background_color":"#fff","footer_text":"Bye"}` || jsonText(t, patched["service_token_inactivity"]) != jsonText(t, inactivity) {
		t.Errorf("patched %v", patched)
	}
	if o := y.storedOrganization(); !o.Lenient || o.SessionDuration != 12*time.Hour || o.Inactivity != (proto.Inactivity{Enabled: true, Days: 90, Delete: true}) {
		t.Errorf("stored %+v", o)
	}
	y.clock.Advance(time.Hour)
	// A client that does not know the two members does not change them; the others it replaces.
	put := y.want(200, "PUT", path, map[string]any{"name": "Other"})
	if o := y.storedOrganization(); !o.Lenient || o.SessionDuration != 0 || !o.Inactivity.Enabled || put["login_design"] != nil || put["created_at"] != made["created_at"] || put["updated_at"] == made["updated_at"] {
		t.Errorf("put %v, stored %+v", put, o)
	}
	y.want(200, "PATCH", path, map[string]any{"service_token_inactivity": map[string]any{"action": "disable"}})
	if o := y.storedOrganization(); o.Inactivity != (proto.Inactivity{Enabled: true, Days: 90}) {
		t.Errorf("stored %+v", o)
	}
	y.want(200, "PATCH", path, map[string]any{"service_token_inactivity": nil, "strict_service_token_auth": nil})
	if o := y.storedOrganization(); o.Lenient || o.Inactivity.Enabled {
		t.Errorf("stored %+v", o)
	}
	for _, body := range []any{
		`{"name":5}`, `{"session_duration":"x"}`, `{"session_duration":"721h"}`, `{"strict_service_token_auth":"no"}`, `{"service_token_inactivity":true}`,
		`{"service_token_inactivity":{"enabled":true,"inactivity_threshold_days":29,"action":"disable"}}`,
		`{"service_token_inactivity":{"enabled":true,"inactivity_threshold_days":366,"action":"disable"}}`,
		`{"service_token_inactivity":{"enabled":true,"inactivity_threshold_days":60,"action":"report"}}`,
		`{"service_token_inactivity":{"enabled":true,"action":"disable"}}`, `{"service_token_inactivity":{"enabled":true,"inactivity_threshold_days":60}}`,
		`{"login_design":"x"}`, `{"deny_unmatched_requests_exempted_zone_names":"x"}`, `[]`,
	} {
		for _, method := range []string{"PUT", "PATCH"} {
			y.refused(400, v4.CodeInvalid, method, path, body)
		}
	}
}

// fakeExchange answers about keys.
func (y *system) fakeExchange(answer func(*proto.KeysCommand) *proto.KeysAnswer) {
	listening := make(chan struct{})
	ctx, cancel := context.WithCancel(context.Background())
	ended := make(chan error, 1)
	conn := y.bus.Conn(topology.Exchange)
	go func() {
		ended <- conn.Answer(ctx, bus.Endpoint{Subject: topology.KeysCommands, Role: topology.Exchange, Listening: func() { close(listening) },
			Handle: func(_ context.Context, m *bus.Msg) proto.Message {
				var c proto.KeysCommand
				if err := m.Decode(&c); err != nil {
					return &proto.KeysAnswer{Error: &proto.Error{Code: "bad", Message: err.Error()}}
				}
				return answer(&c)
			},
			Refuse: func(err error) proto.Message {
				return &proto.KeysAnswer{Error: &proto.Error{Code: "busy", Message: err.Error()}}
			}})
	}()
	<-listening
	y.t.Cleanup(func() {
		cancel()
		if err := <-ended; err != nil {
			y.t.Error(err)
		}
	})
}

func TestKeys(t *testing.T) {
	const path = "/access/keys"
	y := start(t)
	if r := y.do("GET", path, nil); r.Status != 503 || r.Header.Get("X-Should-Retry") != "false" {
		t.Errorf("without an exchange: %d %s", r.Status, r.Body)
	}
	state := proto.KeysAnswer{IntervalDays: 42, LastRotation: proto.At(y.clock.Now())}
	state.NextRotation = state.LastRotation.Add(42*24*time.Hour - time.Minute)
	var broken *proto.Error
	y.fakeExchange(func(c *proto.KeysCommand) *proto.KeysAnswer {
		if c.IntervalDays > 0 {
			state.IntervalDays = c.IntervalDays
		}
		if c.Rotate {
			state.LastRotation = state.LastRotation.Add(time.Hour)
		}
		a := state
		a.Error = broken
		return &a
	})
	r := y.do("GET", path, nil)
	const members = `"days_until_next_rotation":42,"key_rotation_interval_days":42,"last_key_rotation_at":"2026-03-01T12:00:00Z"`
	if want := `{` + members + `,"success":true,"errors":[],"messages":[],"result":{` + members + `}}`; string(r.Body) != want && string(r.Body) != want+"\n" {
		t.Errorf("%s", r.Body)
	}
	if got := y.want(200, "PUT", path, map[string]any{"key_rotation_interval_days": 21.0}); got["key_rotation_interval_days"] != 21.0 {
		t.Errorf("changed %v", got)
	}
	for _, body := range []any{nil, `{}`, `{"key_rotation_interval_days":20}`, `{"key_rotation_interval_days":366}`, `{"key_rotation_interval_days":"30"}`} {
		y.refused(400, v4.CodeInvalid, "PUT", path, body)
	}
	for _, body := range []any{nil, `{}`} {
		y.want(200, "POST", path+"/rotate", body)
	}
	if got := y.want(200, "GET", path, nil); got["last_key_rotation_at"] != "2026-03-01T14:00:00Z" {
		t.Errorf("rotated %v", got)
	}
	if got := summary(y.trailOf(y.account)); got != "update keys, rotate keys, rotate keys" {
		t.Errorf("recorded %s", got)
	}
	// They are everybody's: another account sees how they stand, and changes nothing.
	other, token := proto.NewAccount(), strings.Repeat("another_", 6)
	if _, err := apitoken.Bootstrap(t.Context(), y.conn, y.clock, other, token, ""); err != nil {
		t.Fatal(err)
	}
	for _, c := range []struct {
		method, path string
		body         any
		status       int
	}{{"GET", path, nil, 200}, {"PUT", path, map[string]any{"key_rotation_interval_days": 21}, 403}, {"POST", path + "/rotate", nil, 403}} {
		req := y.request(c.method, "/client/v4/accounts/"+other.String()+c.path, c.body)
		req.Header.Set("Authorization", "Bearer "+token)
		if r := y.raw(req); r.Status != c.status {
			t.Errorf("%s %s of another account: %d %s", c.method, c.path, r.Status, r.Body)
		}
	}
	broken = &proto.Error{Code: "unavailable", Message: "not now"}
	y.refused(503, v4.CodeUnavailable, "GET", path, nil)
	y.refused(503, v4.CodeUnavailable, "POST", path+"/rotate", nil)
}

func TestZones(t *testing.T) {
	zone, other := "0123456789abcdef0123456789abcdef", "fedcba9876543210fedcba9876543210"
	y := start(t, func(c *Config) {
		c.Zones = []access.Zone{{ID: must(proto.ParseAccount(zone)), Hosts: []string{"example.com"}}, {ID: must(proto.ParseAccount(other)), Hosts: []string{"example.org"}}}
	})
	do := func(method, zone, path string, body any) response {
		t.Helper()
		return y.raw(y.request(method, "/client/v4/zones/"+zone+path, body))
	}
	id := func(r response) string {
		t.Helper()
		var one struct{ ID string }
		if r.Status != 201 || json.Unmarshal(r.Result, &one) != nil {
			t.Fatalf("%d %s", r.Status, r.Body)
		}
		return one.ID
	}
	for path, body := range map[string]any{
		"/access/service_tokens":     map[string]any{"name": "t"},
		"/access/apps":               map[string]any{"name": "a", "domain": "a.example.com", "policies": []any{policyBody("p", "x")}},
		"/access/groups":             groupBody("g"),
		"/access/identity_providers": oidcBody(),
	} {
		one := path + "/" + id(do("POST", zone, path, body))
		for at, want := range map[string]int{zone: 200, other: 404} {
			if r := do("GET", at, one, nil); r.Status != want {
				t.Errorf("%s in %s: %d", path, at, r.Status)
			}
			if r := do("GET", at, path, nil); r.ResultInfo["total_count"] != map[int]float64{200: 1, 404: 0}[want] {
				t.Errorf("%s in %s: %s", path, at, r.Body)
			}
		}
		y.want(200, "GET", one, nil) // the account has its zones' too
		if r := do("DELETE", other, one, nil); r.Status != 404 {
			t.Errorf("delete of %s: %d", path, r.Status)
		}
		if r := do("DELETE", zone, one, nil); r.Status/100 != 2 {
			t.Errorf("delete of %s: %d %s", path, r.Status, r.Body)
		}
	}
	for at, want := range map[string]int{"00000000000000000000000000000001": 403, "x": 404} {
		if r := do("GET", at, "/access/groups", nil); r.Status != want {
			t.Errorf("zone %s: %d %s", at, r.Status, r.Body)
		}
	}
	if r := do("GET", zone, "/access/policies", nil); r.Status != 404 {
		t.Errorf("reusable policies are the account's: %d", r.Status)
	}
	stranger := y.request("GET", "/client/v4/zones/"+zone+"/access/groups", nil)
	stranger.Header.Set("Authorization", "Bearer "+bootstrap+"x")
	if r := y.raw(stranger); r.Status != 403 {
		t.Errorf("a stranger: %d", r.Status)
	}
}
