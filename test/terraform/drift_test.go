//go:build terraform

package terraform

import (
	"fmt"
	"net/http"
	"slices"
	"strings"
	"testing"
)

// Terraform detects and repairs changes made elsewhere, and creates deleted resources again.
func TestDrift(t *testing.T) {
	w := start(t)
	s := w.workspace(t)
	s.write("main.tf", file(t, "testdata/drift.tf"))
	s.apply()
	s.unchanged("made")
	paths := map[string]string{} // by address, where each is in the API
	for _, r := range s.resources() {
		paths[r.Address] = map[string]string{
			"access_application": "/access/apps/", "access_policy": "/access/policies/", "access_group": "/access/groups/",
			"access_identity_provider": "/access/identity_providers/", "access_service_token": "/access/service_tokens/",
			"device_posture_integration": "/devices/posture/integration/", "device_posture_rule": "/devices/posture/",
		}[strings.TrimPrefix(r.Type, "cloudflare_zero_trust_")] + r.text("id")
	}
	call := func(method, path string, body, result any) {
		t.Helper()
		if err := w.control.Call(t.Context(), method, path, body, result); err != nil {
			t.Fatal(err)
		}
	}
	var drifted []string
	for address, path := range paths {
		method, body := http.MethodPut, map[string]any{}
		if strings.Contains(path, "/integration/") {
			method = http.MethodPatch
		} else {
			call(http.MethodGet, path, nil, &body)
		}
		body["name"] = "another"
		call(method, path, body, nil)
		drifted = append(drifted, address)
	}
	slices.Sort(drifted)
	seen := func(action string) (all []string) {
		t.Helper()
		for _, c := range s.plan() {
			if slices.Equal(c.actions, []string{action}) {
				all = append(all, c.address)
			} else {
				t.Errorf("unexpected: %v", c)
			}
		}
		slices.Sort(all)
		return all
	}
	if got := seen("update"); !slices.Equal(got, drifted) {
		t.Errorf("changed behind its back, and seen: %v, want %v", got, drifted)
	}
	s.apply()
	s.unchanged("mended")

	// In an order without references to deleted resources.
	for _, address := range []string{"application.it", "policy.it", "group.it", "identity_provider.it",
		"service_token.it"} {
		call(http.MethodDelete, paths["cloudflare_zero_trust_access_"+address], nil, nil)
	}
	for _, address := range []string{"rule.it", "integration.it"} {
		call(http.MethodDelete, paths["cloudflare_zero_trust_device_posture_"+address], nil, nil)
	}
	if got := seen("create"); !slices.Equal(got, drifted) {
		t.Errorf("deleted behind its back, and seen: %v, want %v", got, drifted)
	}
	s.apply()
	s.unchanged("made again")
	s.destroy()
	w.nothingLeft(t)
}

// A hundred resources at once, ten requests at a time.
func TestMany(t *testing.T) {
	w := start(t)
	s := w.workspace(t)
	s.write("main.tf", file(t, "testdata/many.tf"))
	s.env = append(slices.Clone(s.env), "TF_VAR_name=first")
	s.apply("-parallelism=10")
	if n := len(s.resources()); n < 100 {
		t.Fatalf("%d resources, want a hundred", n)
	}
	s.unchanged("made")
	s.env = append(s.env, "TF_VAR_name=second")
	s.apply("-parallelism=10")
	s.unchanged("changed")
	s.destroy()
	w.nothingLeft(t)
}

// Rejected requests fail at once, with a sentence about the cause.
func TestRefused(t *testing.T) {
	w := start(t)
	resource := func(kind, body string) string {
		return fmt.Sprintf(
			"resource \"cloudflare_zero_trust_%s\" \"it\" {\n  account_id = var.account\n  name = \"it\"\n%s\n}\n", kind, body)
	}
	for name, c := range map[string]struct{ text, says string }{
		"session": {resource("access_application", `type = "self_hosted"
  domain = "a.example.com"
  session_duration = "-1h"`), `session_duration must be a duration such as "24h"`},
		"tag": {resource("access_application", `type = "self_hosted"
  domain = "a.example.com"
  tags = ["nowhere"]`), "tags contain a tag that does not exist"},
		"precedence": {resource("access_application", `type = "self_hosted"
  domain = "a.example.com"
  policies = [
    { name = "one", decision = "allow", precedence = 1, include = [{ everyone = {} }] },
    { name = "two", decision = "allow", precedence = 1, include = [{ everyone = {} }] },
  ]`), "policy precedences must be unique"},
		"group": {resource("access_policy", `decision = "allow"
  include = [{ group = { id = "aaaaaaaa-aaaa-4aaa-8aaa-aaaaaaaaaaaa" } }]`), "failed to load group"},
		"rule": {resource("access_group", `include = [{ ip = { ip = "nowhere" } }]`), "include[0].ip must be an address or a range"},
		"interval": {resource("device_posture_integration", `type = "custom_s2s"
  interval = "soon"
  config = { api_url = "https://scores.example.com", access_client_id = "id", access_client_secret = "secret" }`), "interval must be a number with"},
		"score": {resource("device_posture_rule", `type = "custom_s2s"
  input = { connection_id = "aaaaaaaa-aaaa-4aaa-8aaa-aaaaaaaaaaaa", operator = ">=", score = 101 }`), "input.score must be a number from 0 to 100"},
		"issuer": {resource("access_identity_provider", `type = "oidc"
  config = { client_id = "id" }`), "config needs auth_url, token_url and certs_url"},
		"duration": {resource("access_service_token", `duration = "a year"`), "duration"},
	} {
		t.Run(name, func(t *testing.T) {
			s := w.workspace(t)
			s.write("main.tf", c.text)
			_, err := s.run("apply", "-auto-approve", "-input=false", "-no-color")
			// Terraform breaks lines as it likes.
			if err == nil || !strings.Contains(
				strings.Join(strings.Fields(strings.NewReplacer("│", "", `\"`, `"`).Replace(err.Error())), " "), c.says) {
				t.Errorf("apply: %v, want it to say %q", err, c.says)
			}
		})
	}
	w.nothingLeft(t)
}
