package posture_test

import (
	"encoding/json"
	"slices"
	"strings"
	"testing"
	"time"

	"plumbline.dev/proto"
	"plumbline.dev/services/api/apitest"
	"plumbline.dev/services/api/permission"
	"plumbline.dev/services/api/v4"
)

func TestResults(t *testing.T) {
	t.Parallel()
	f := apitest.StartFleet(t)
	path := "/plumbline/results/devices/" + f.Devices[0].String()
	before := apitest.JSON(t, f.Want(200, "GET", path, nil))
	if !strings.Contains(before, `"reason":"never_polled"`) || !strings.Contains(before, `"score":null`) ||
		!strings.Contains(before, `"poll":null`) {
		t.Errorf("before the first poll: %s", before)
	}
	f.Evaluate(7, 80, proto.OutcomePass)
	got := f.Want(200, "GET", path, nil)
	want := map[string]any{"device_id": f.Devices[0].String(), "page": 0.0, "integrations": []any{map[string]any{
		"integration_id": f.Integration.String(), "name": "Scores", "tick": 7.0, "polled_at": "2026-03-01T12:00:00Z",
		"evaluated_at": "2026-03-01T12:00:00Z",
		"poll":         map[string]any{"attempts": 2.0, "status": 200.0, "took_ms": 1500.0, "error": "", "detail": ""},
		"score":        80.0, "observed_at": "2026-03-01T12:00:00Z", "problem": "", "s2s_id": "s2s",
		"checks": []any{map[string]any{"check_id": f.Check.String(), "name": "Healthy", "outcome": "pass",
			"reason": "score", "observed": "pass"}},
	}}}
	if apitest.JSON(t, got) != apitest.JSON(t, want) {
		t.Errorf("got %s, want %s", apitest.JSON(t, got), apitest.JSON(t, want))
	}
	missing := apitest.JSON(t, f.Want(200, "GET", "/plumbline/results/devices/"+f.Devices[1].String(), nil))
	if !strings.Contains(missing, `"problem":"missing"`) || !strings.Contains(missing, `"outcome":"unknown"`) ||
		!strings.Contains(missing, `"observed_at":null`) {
		t.Errorf("a device that was missing: %s", missing)
	}
	if page := apitest.JSON(t, f.Want(200, "GET", "/plumbline/results/pages/0", nil)); strings.Count(page,
		`"device_id"`) != 2 || !strings.Contains(page, `"score":80`) {
		t.Errorf("page %s", page)
	}
	if page := apitest.JSON(t,
		f.Want(200, "GET", "/plumbline/results/pages/0?integration_id="+proto.NewID().String(),
			nil)); strings.Contains(page, `"device_id"`) {
		t.Errorf("another integration's: %s", page)
	}
	f.WantError(404, v4.CodeNotFound, "GET", "/plumbline/results/devices/"+proto.NewID().String(), nil)
	for _, page := range []string{"1", "-1", "x", "4294967296"} {
		f.WantError(404, v4.CodeNotFound, "GET", "/plumbline/results/pages/"+page, nil)
	}
	// The state has results dropped by the log.
	f.AwaitState(f.Last)
	f.PurgeLog()
	if again := f.Want(200, "GET", path, nil); apitest.JSON(t, again) != apitest.JSON(t, got) {
		t.Errorf("after the log's end: %s", apitest.JSON(t, again))
	}
}

// An explanation names the applications with a policy that uses the check, and the text for users.
func TestExplainNamesApplications(t *testing.T) {
	t.Parallel()
	f := apitest.StartFleet(t)
	f.Want(200, "PUT", "/devices/posture/"+f.Check.String(),
		apitest.With(apitest.CheckBody(f.Integration), "x_remediation", "Call **IT**."))
	for _, name := range []string{"wiki", "open"} {
		policy := map[string]any{"name": name, "decision": "allow",
			"include": []any{map[string]any{"everyone": map[string]any{}}}}
		if name == "wiki" {
			policy["require"] = []any{map[string]any{"device_posture": map[string]any{"integration_uid": f.Check}}}
		}
		f.Want(201, "POST", "/access/apps", map[string]any{"name": name, "domain": name + ".example.com",
			"policies": []any{policy}})
	}
	x := f.Want(200, "GET", "/plumbline/explain/"+f.Devices[0].String(), nil)["checks"].([]any)[0].(map[string]any)
	apps := x["applications"].([]any)
	if len(apps) != 1 || apitest.Text(apps[0].(map[string]any), "name") != "wiki" || x["remediation"] != "Call **IT**." {
		t.Errorf("%v", x)
	}
	// They are for tokens that may read applications.
	for want, groups := range map[int][]string{0: {"Posture Results Read"},
		1: {"Posture Results Read", "Access: Apps and Policies Read"}} {
		named := func(g permission.Group) bool { return slices.Contains(groups, g.Name) }
		token := f.StoreToken(nil, apitest.GroupIDs(named)...)
		r := f.As(token, "GET", "/plumbline/explain/"+f.Devices[0].String(), nil)
		var seen struct {
			Checks []struct{ Applications []any }
		}
		if err := json.Unmarshal(r.Result, &seen); err != nil || len(seen.Checks) != 1 {
			t.Fatalf("%d %s", r.Status, r.Body)
		}
		if got := len(seen.Checks[0].Applications); got != want {
			t.Errorf("with %q, an explanation names %d applications, want %d", groups, got, want)
		}
	}
}

func TestExplain(t *testing.T) {
	t.Parallel()
	f := apitest.StartFleet(t)
	path := "/plumbline/explain/" + f.Devices[0].String()
	explained := func(path string) map[string]any {
		t.Helper()
		checks := f.Want(200, "GET", path, nil)["checks"].([]any)
		if len(checks) != 1 {
			t.Fatalf("%s: %v", path, checks)
		}
		return checks[0].(map[string]any)
	}
	if x := explained(path); x["reason"] != "never_polled" || x["outcome"] != "unknown" || x["batch"] != "" ||
		x["age_ms"] != nil {
		t.Errorf("before the first poll: %v", x)
	}
	f.Evaluate(7, 80, proto.OutcomePass)
	f.Clock.Advance(10 * time.Minute)
	x := explained(path + "?check=" + f.Check.String())
	delete(x, "check_revision")
	apitest.Same(t, "why", x,
		map[string]any{"check_id": f.Check.String(), "name": "Healthy", "type": "custom_s2s", "operator": ">=",
			"wanted_score": 60.0,
			"outcome":      "pass", "reason": "score", "observed": "pass", "score": 80.0, "problem": "", "s2s_id": "s2s",
			"observed_at": "2026-03-01T12:00:00Z",
			"age_ms":      600000.0, "expires_at": "2026-03-01T13:00:00Z", "used_check_revision": 0.0, "batch": "7:0",
			"paused": false, "mode": "enforce", "remediation": "", "applications": []any{},
			"sentence": "The newest score is 80, and it must be at least 60.",
			"integration": map[string]any{"integration_id": f.Integration.String(), "name": "Scores", "tick": 7.0,
				"polled_at":    "2026-03-01T12:00:00Z",
				"evaluated_at": "2026-03-01T12:00:00Z",
				"poll": map[string]any{"attempts": 2.0, "status": 200.0, "took_ms": 1500.0, "error": "",
					"detail": ""}}})
	if x := explained("/plumbline/explain/" + f.Devices[1].String()); x["reason"] != "missing" ||
		x["sentence"] != "The newest poll gave no score (missing)." {
		t.Errorf("a device that was missing: %v", x)
	}
	f.Want(200, "POST", "/devices/physical-devices/"+f.Devices[0].String()+"/revoke", nil)
	if x := explained(path); x["reason"] != "removed" || x["outcome"] != "unknown" || x["score"] != nil {
		t.Errorf("a revoked device: %v", x)
	}
	f.WantError(404, v4.CodeNotFound, "GET", "/plumbline/explain/"+proto.NewID().String(), nil)
	f.WantError(404, v4.CodeUnknownRule, "GET", path+"?check="+proto.NewID().String(), nil)
	f.WantError(400, v4.CodeInvalid, "GET", path+"?check=x", nil)
}
