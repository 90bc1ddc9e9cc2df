package dashboard_test

import (
	"encoding/json"
	"testing"
	"time"

	"plumbline.dev/bus/bustest"
	"plumbline.dev/bus/topology"
	"plumbline.dev/proto"
	"plumbline.dev/services/api/apitest"
)

const path = "/plumbline/overview"

func TestOverviewOfAnEmptyAccount(t *testing.T) {
	t.Parallel()
	f := apitest.Start(t)
	v := f.Want(200, "GET", path, nil)
	apitest.Same(t, "the overview", v, map[string]any{
		"at": "2026-03-01T12:00:00Z", "devices": 0.0, "checks": []any{}, "integrations": []any{}, "applications": 0.0,
		"policies": 0.0, "exemptions": map[string]any{"active": 0.0, "ending": []any{}},
		"service_tokens": map[string]any{"count": 0.0, "expiring": []any{}},
		"api_tokens":     map[string]any{"count": 1.0, "expiring": []any{}},
	})
}

// first returns the first element of a list in a response.
func first(t *testing.T, v map[string]any, list string) map[string]any {
	t.Helper()
	all, _ := v[list].([]any)
	if len(all) == 0 {
		t.Fatalf("%s is empty: %v", list, v)
	}
	return all[0].(map[string]any)
}

func TestOverviewOfAFleet(t *testing.T) {
	t.Parallel()
	f := apitest.StartFleet(t)
	group := f.Want(201, "POST", "/access/groups", map[string]any{"name": "healthy", "include": []any{map[string]any{
		"device_posture": map[string]any{"integration_uid": f.Check.String()}}}})
	through := map[string]any{"name": "through a group", "decision": "allow", "include": []any{apitest.Everyone()},
		"require": []any{map[string]any{"group": map[string]any{"id": group["id"]}}}}
	for domain, policy := range map[string]map[string]any{"a.example.com": through,
		"b.example.com": apitest.PolicyBody("another", proto.NewID().String())} {
		f.Want(201, "POST", "/access/apps", map[string]any{"domain": domain, "policies": []any{policy}})
	}
	f.Evaluate(1, 80, proto.OutcomePass)
	bustest.Eventually(t, "the overview has the first poll", func() bool {
		return first(t, f.Want(200, "GET", path, nil), "checks")["pass"] == 1.0
	})
	f.Clock.Advance(10 * time.Minute)
	f.Evaluate(2, 20, proto.OutcomeFail)
	var check map[string]any
	bustest.Eventually(t, "the overview has the second poll", func() bool {
		check = first(t, f.Want(200, "GET", path, nil), "checks")
		return check["fail"] == 1.0
	})
	apitest.Same(t, "the check", check, map[string]any{
		"id": f.Check.String(), "name": "Healthy", "integration_id": f.Integration.String(), "evaluated": true,
		"mode": "enforce", "pass": 0.0, "fail": 1.0, "unknown": 1.0, "observe_only": 0.0, "exempt": 0.0, "grace": 0.0,
		"held": 0.0, "changed": 1.0, "applications": 1.0,
		"past": []any{map[string]any{"at": "2026-03-01T12:00:00Z", "pass": 1.0, "fail": 0.0, "unknown": 1.0}},
	})
	integration := first(t, f.Want(200, "GET", path, nil), "integrations")
	if integration["freshness"] != "0" || integration["name"] != "Scores" || integration["standing"] != "on_time" ||
		integration["type"] != "custom_s2s" {
		t.Errorf("%v", integration)
	}
	f.Hold(3, proto.At(f.Clock.Now()))
	bustest.Eventually(t, "the overview counts a held device", func() bool {
		return first(t, f.Want(200, "GET", path, nil), "checks")["held"] == 1.0
	})
	f.Clock.Advance(time.Hour)
	if i := first(t, f.Want(200, "GET", path, nil), "integrations"); i["freshness"] != "3" || i["overdue"] != true {
		t.Errorf("an hour later: %v", i)
	}
}

func TestWhatEndsSoon(t *testing.T) {
	t.Parallel()
	f := apitest.StartFleet(t)
	now := proto.At(f.Clock.Now())
	for name, ends := range map[string]time.Duration{"soon": 6 * 24 * time.Hour, "later": 90 * 24 * time.Hour,
		"yesterday": -24 * time.Hour, "long ago": -30 * 24 * time.Hour} {
		token := proto.ServiceToken{ID: proto.NewID(), Name: name, ExpiresAt: now.Add(ends), DurationText: "1h",
			ClientID: "0123456789abcdef0123456789abcde" + string("0123456789"[len(name)%10]) + ".access", CreatedAt: now}
		key := apitest.Must(topology.ServiceTokenKey(f.Account, token.ClientID))
		if _, err := f.Conn.Put(t.Context(), topology.Tokens, key, &token, 0); err != nil {
			t.Fatal(err)
		}
	}
	f.StoreToken(func(a *proto.APIToken) { a.Name, a.ExpiresAt = "robot", now.Add(time.Hour) })
	for n, until := range []string{"2026-03-20T00:00:00Z", "2026-03-02T00:00:00Z"} {
		f.Want(200, "POST", "/plumbline/exemptions", map[string]any{"device_id": f.Devices[n].String(), "until": until,
			"reason": "a new laptop is on its way"})
	}
	v := f.Want(200, "GET", path, nil)
	names := func(of string) (all []any) {
		list, _ := v[of].(map[string]any)
		for _, one := range list["expiring"].([]any) {
			all = append(all, one.(map[string]any)["name"])
		}
		return all
	}
	apitest.Same(t, "service tokens", names("service_tokens"), []any{"yesterday", "soon"})
	apitest.Same(t, "API tokens", names("api_tokens"), []any{"robot"})
	exemptions := v["exemptions"].(map[string]any)
	ending := exemptions["ending"].([]any)
	if exemptions["active"] != 2.0 || len(ending) != 1 ||
		ending[0].(map[string]any)["device_id"] != f.Devices[1].String() {
		t.Errorf("%v", exemptions)
	}

	only := f.StoreToken(nil, apitest.GroupID("Posture Results Read"))
	status, body := f.Status(only, "GET", f.Path(path))
	var reply struct{ Result map[string]any }
	if err := json.Unmarshal([]byte(body), &reply); err != nil || status != 200 {
		t.Fatalf("%d, %v: %s", status, err, body)
	}
	for _, name := range []string{"exemptions", "service_tokens", "api_tokens"} {
		if v, there := reply.Result[name]; v != nil || !there {
			t.Errorf("without the permission, %s is %v", name, v)
		}
	}
}
