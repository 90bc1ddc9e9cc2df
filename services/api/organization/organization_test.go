package organization_test

import (
	"strings"
	"testing"
	"time"

	"github.com/google/go-cmp/cmp"
	"plumbline.dev/bus/topology"
	"plumbline.dev/proto"
	"plumbline.dev/services/api/apitest"
	"plumbline.dev/services/api/v4"
)

func TestOrganization(t *testing.T) {
	t.Parallel()
	const path = "/access/organizations"
	f := apitest.Start(t)
	if got := f.Want(200, "GET", path, nil); got["strict_service_token_auth"] != true ||
		got["auth_domain"] != "team.example.com" || got["name"] != nil {
		t.Errorf("by default %v", got)
	}
	made := f.Want(201, "POST", path,
		map[string]any{"name": "Example", "auth_domain": "x.example.com", "session_duration": "12h",
			"login_design": map[string]any{"background_color": "#fff", "header_text": "Hello"}, "is_ui_read_only": nil})
	if made["name"] != "Example" || made["auth_domain"] != "x.example.com" || made["strict_service_token_auth"] != true {
		t.Errorf("made %v", made)
	}
	// Logins stay at the team domain, and the response lists another auth_domain as unsupported.
	if apitest.JSON(t, made["x_unsupported"]) != `["auth_domain"]` {
		t.Errorf("made %v", made)
	}
	if own := f.Want(200, "PATCH", path, map[string]any{"auth_domain": "team.example.com"}); own["x_unsupported"] != nil {
		t.Errorf("the team domain: %v", own)
	}
	f.WantError(409, v4.CodeConflict, "POST", path, map[string]any{"name": "Again"})
	inactivity := map[string]any{"enabled": true, "inactivity_threshold_days": 90, "action": "delete"}
	patched := f.Want(200, "PATCH", path,
		map[string]any{"strict_service_token_auth": false, "service_token_inactivity": inactivity,
			"login_design": map[string]any{"header_text": nil, "footer_text": "Bye"}})
	if patched["name"] != "Example" || patched["session_duration"] != "12h" ||
		patched["strict_service_token_auth"] != false ||
		apitest.JSON(t, patched["login_design"]) != `{"background_color":"#fff","footer_text":"Bye"}` ||
		apitest.JSON(t, patched["service_token_inactivity"]) != apitest.JSON(t, inactivity) {
		t.Errorf("patched %v", patched)
	}
	if o := storedOrganization(f); !o.Lenient || o.SessionDuration != 12*time.Hour ||
		o.Inactivity != (proto.Inactivity{Enabled: true, Days: 90, Delete: true}) {
		t.Errorf("stored %+v", o)
	}
	f.Clock.Advance(time.Hour)
	// PUT replaces all members but two, which remain if they are absent.
	put := f.Want(200, "PUT", path, map[string]any{"name": "Other"})
	if o := storedOrganization(f); !o.Lenient || o.SessionDuration != 0 || !o.Inactivity.Enabled ||
		put["login_design"] != nil || put["created_at"] != made["created_at"] || put["updated_at"] == made["updated_at"] {
		t.Errorf("put %v, stored %+v", put, o)
	}
	f.Want(200, "PATCH", path, map[string]any{"service_token_inactivity": map[string]any{"action": "disable"}})
	if o := storedOrganization(f); o.Inactivity != (proto.Inactivity{Enabled: true, Days: 90}) {
		t.Errorf("stored %+v", o)
	}
	f.Want(200, "PATCH", path, map[string]any{"service_token_inactivity": nil, "strict_service_token_auth": nil})
	if o := storedOrganization(f); o.Lenient || o.Inactivity.Enabled {
		t.Errorf("stored %+v", o)
	}
	for _, body := range []any{
		`{"name":5}`, `{"session_duration":"x"}`, `{"session_duration":"721h"}`, `{"strict_service_token_auth":"no"}`,
		`{"service_token_inactivity":true}`,
		`{"service_token_inactivity":{"enabled":true,"inactivity_threshold_days":29,"action":"disable"}}`,
		`{"service_token_inactivity":{"enabled":true,"inactivity_threshold_days":366,"action":"disable"}}`,
		`{"service_token_inactivity":{"enabled":true,"inactivity_threshold_days":60,"action":"report"}}`,
		`{"service_token_inactivity":{"enabled":true,"action":"disable"}}`,
		`{"service_token_inactivity":{"enabled":true,"inactivity_threshold_days":60}}`,
		`{"login_design":"x"}`, `{"deny_unmatched_requests_exempted_zone_names":"x"}`, `[]`,
	} {
		for _, method := range []string{"PUT", "PATCH"} {
			f.WantError(400, v4.CodeInvalid, method, path, body)
		}
	}
}

// TestBreakerOfTheAccount checks that the settings of the account's breaker are kept unless a request has them, that
// null resets them, and that a patch merges them.
func TestBreakerOfTheAccount(t *testing.T) {
	t.Parallel()
	f := apitest.Start(t)
	const path = "/access/organizations"
	stored := func(what string, want *proto.BreakerSettings) {
		t.Helper()
		if diff := cmp.Diff(want, storedOrganization(f).Breaker); diff != "" {
			t.Errorf("%s: -want +stored:\n%s", what, diff)
		}
	}
	made := f.Want(201, "POST", path,
		map[string]any{"name": "o", "x_breaker": map[string]any{"share": 0.1, "max_hold": "1d"}})
	if apitest.JSON(t, made["x_breaker"]) != `{"max_hold":"1d","share":0.1}` {
		t.Errorf("%v", made)
	}
	d := proto.BreakerSettings{Share: new(0.1), MaxHold: 24 * time.Hour}
	stored("made", &d)
	if put := f.Want(200, "PUT", path, map[string]any{"name": "p"}); put["x_breaker"] == nil {
		t.Errorf("%v", put)
	}
	stored("a PUT without it", &d)
	f.Want(200, "PATCH", path, map[string]any{"name": "q"})
	stored("a PATCH without it", &d)
	f.Want(200, "PATCH", path, map[string]any{"x_breaker": map[string]any{"enabled": false, "share": nil}})
	d.Off, d.Share = new(true), nil
	stored("a PATCH of a part", &d)
	for _, method := range []string{"PUT", "PATCH"} {
		for _, bad := range []string{`true`, `{"share":1.1}`, `{"floor":-1}`, `{"max_hold":"0s"}`, `{"shares":1}`} {
			if m := f.WantError(400, v4.CodeInvalid, method, path, `{"x_breaker":`+bad+`}`); !strings.Contains(m, "x_breaker") {
				t.Errorf("%s %s: %s", method, bad, m)
			}
		}
	}
	stored("invalid ones", &d)
	if put := f.Want(200, "PUT", path, map[string]any{"name": "p", "x_breaker": nil}); put["x_breaker"] != nil {
		t.Errorf("%v", put)
	}
	stored("null", nil)
	f.Want(200, "PUT", path, map[string]any{"x_breaker": map[string]any{}})
	stored("an empty one", &proto.BreakerSettings{})
	f.Want(200, "PATCH", path, map[string]any{"x_breaker": nil})
	stored("a PATCH with null", nil)
}

// TestAWriteKeepsTheObserveSwitch checks that no write of the organization ends the observe switch.
func TestAWriteKeepsTheObserveSwitch(t *testing.T) {
	t.Parallel()
	f := apitest.Start(t)
	const path = "/access/organizations"
	f.Want(201, "POST", path, map[string]any{"name": "o"})
	o := storedOrganization(f)
	o.Observe = &proto.ObserveSwitch{Until: proto.At(f.Clock.Now()) + 1000, Reason: "down", By: "a"}
	key := topology.ConfigKey(f.Account, topology.KindOrganization, topology.OrganizationID(f.Account))
	revision, err := f.Conn.Get(t.Context(), topology.Config, key, new(proto.Organization))
	if err == nil {
		_, err = f.Conn.Put(t.Context(), topology.Config, key, &o, revision)
	}
	if err != nil {
		t.Fatal(err)
	}
	for _, method := range []string{"PUT", "PATCH"} {
		f.Want(200, method, path, map[string]any{"name": "p"})
		if diff := cmp.Diff(o.Observe, storedOrganization(f).Observe); diff != "" {
			t.Errorf("%s: %s", method, diff)
		}
	}
}

// TestGlobalSessionsThatExpireImmediately checks that a duration of zero is returned as sent, and stored as the
// constant that the gateway reads.
func TestGlobalSessionsThatExpireImmediately(t *testing.T) {
	t.Parallel()
	f := apitest.Start(t)
	if org := f.Want(201, "POST", "/access/organizations",
		map[string]any{"name": "Example", "session_duration": "0s"}); org["session_duration"] != "0s" {
		t.Errorf("shown %v", org)
	}
	if got := storedOrganization(f).SessionDuration; got != proto.Immediately {
		t.Errorf("global sessions last %v", got)
	}
}
