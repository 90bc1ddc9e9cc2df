//go:build terraform

package terraform

import (
	"net/http"
	"reflect"
	"strings"
	"testing"
)

// The provider does not know the members for enforcement: an apply that renames a posture rule keeps what another
// client set, and plans nothing because of them.
func TestAnApplyKeepsEnforcement(t *testing.T) {
	w := start(t)
	s := w.workspace(t)
	text := file(t, "testdata/drift.tf")
	s.write("main.tf", text)
	s.apply()
	var path string
	for _, r := range s.resources() {
		if r.Type == "cloudflare_zero_trust_device_posture_rule" {
			path = "/devices/posture/" + r.text("id")
		}
	}
	members := map[string]any{"x_mode": "observe", "x_recover_score": 90.5, "x_grace": "14d",
		"x_breaker":     map[string]any{"share": 0.1, "floor": 3., "window": "30m", "max_hold": "2h"},
		"x_remediation": "Start the *agent*."}
	shown := func() (rule map[string]any) {
		t.Helper()
		if err := w.control.Call(t.Context(), http.MethodGet, path, nil, &rule); err != nil {
			t.Fatal(err)
		}
		return rule
	}
	body := shown()
	for name, value := range members {
		body[name] = value
	}
	if err := w.control.Call(t.Context(), http.MethodPut, path, body, nil); err != nil {
		t.Fatal(err)
	}
	s.unchanged("after another client set the members")
	rule := strings.Index(text, `resource "cloudflare_zero_trust_device_posture_rule"`)
	if rule < 0 {
		t.Fatal("testdata/drift.tf has no posture rule")
	}
	s.write("main.tf", text[:rule]+strings.Replace(text[rule:], `= "it"`, `= "renamed"`, 1))
	s.apply()
	got := shown()
	if got["name"] != "renamed" {
		t.Errorf("the rule is %v", got)
	}
	for name, value := range members {
		if !reflect.DeepEqual(got[name], value) {
			t.Errorf("%s is %v after the apply, want %v", name, got[name], value)
		}
	}
	s.unchanged("renamed")
	s.destroy()
	w.nothingLeft(t)
}
