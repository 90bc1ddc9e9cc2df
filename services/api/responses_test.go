package api_test

import (
	"bytes"
	"encoding/json"
	"flag"
	"fmt"
	"os"
	"path/filepath"
	"regexp"
	"testing"

	"plumbline.dev/services/api/apitest"
)

var update = flag.Bool("update", false, "write the golden files anew")

var random = []struct {
	pattern *regexp.Regexp
	name    string
}{
	{regexp.MustCompile(`cfast_[0-9A-Za-z]{48}`), "<secret>"},
	{regexp.MustCompile(`[0-9a-f]{8}-[0-9a-f]{4}-4[0-9a-f]{3}-[0-9a-f]{4}-[0-9a-f]{12}`), "<uuid %d>"},
	{regexp.MustCompile(`"[0-9a-f]{64}"`), `"<64 hex>"`},
	{regexp.MustCompile(`[0-9a-f]{32}\.access`), "<client id>"},
}

// TestGoldenResponses compares the responses about each resource, as clients read them, with the golden file.
func TestGoldenResponses(t *testing.T) {
	t.Parallel()
	f := apitest.Start(t)
	token := f.Want(201, "POST", "/access/service_tokens", map[string]any{"name": "poller"})
	i := f.Want(200, "POST", "/devices/posture/integration", apitest.IntegrationBody())
	rule := f.Want(200, "POST", "/devices/posture", apitest.CheckBody(i["id"]))
	policy := f.Want(201, "POST", "/access/policies", apitest.PolicyBody("shared", apitest.Text(token, "id")))
	f.Want(201, "POST", "/access/tags", map[string]any{"name": "a"})
	app := f.Want(201, "POST", "/access/apps", map[string]any{
		"name": "Scores", "domain": "scores.example.com/v1",
		"policies": []any{policy["id"], map[string]any{"name": "own", "decision": "non_identity",
			"include": []any{map[string]any{"any_valid_service_token": map[string]any{}}}}},
		"x_origin_url": "http://10.0.0.5:8080", "tags": []string{"a"}, "logo_url": nil,
	})
	var out bytes.Buffer
	numbers := map[string]int{}
	for _, c := range []struct {
		method, path string
		body         any
	}{
		{"POST", "/access/service_tokens", map[string]any{"name": "another", "duration": "forever"}},
		{"GET", "/access/service_tokens?name=poller", nil},
		{"GET", "/access/service_tokens?page=2", nil},
		{"GET", "/access/service_tokens/" + apitest.Text(token, "id"), nil},
		{"GET", "/access/service_tokens/none", nil},
		{"POST", "/access/service_tokens", map[string]any{}},
		{"GET", "/devices/posture/integration", nil},
		{"GET", "/devices/posture/integration/" + apitest.Text(i, "id"), nil},
		{"GET", "/devices/posture", nil},
		{"POST", "/devices/posture", map[string]any{"name": "For ever", "type": "custom_s2s",
			"input": map[string]any{"connection_id": i["id"], "operator": "<", "score": 12.5}}},
		{"GET", "/devices/posture/" + apitest.Text(rule, "id"), nil},
		{"GET", "/access/apps", nil},
		{"GET", "/access/apps/" + apitest.Text(app, "id") + "/policies", nil},
		{"GET", "/access/policies", nil},
		{"POST", "/access/groups", apitest.GroupBody("staff", map[string]any{"geo": map[string]any{"country_code": "DE"}})},
		{"GET", "/access/groups", nil},
		{"POST", "/access/identity_providers", apitest.ProviderBody()},
		{"GET", "/access/identity_providers", nil},
		{"POST", "/access/identity_providers",
			map[string]any{"type": "onetimepin", "name": "PIN", "config": map[string]any{}}},
		{"GET", "/access/organizations", nil},
		{"PUT", "/access/organizations",
			map[string]any{"name": "Example", "auth_domain": "example.com",
				"login_design": map[string]any{"text_color": "#000"}}},
		{"GET", "/access/tags", nil},
		{"POST", "/access/service_tokens/" + apitest.Text(token, "id") + "/refresh", nil},
		{"POST", "/access/service_tokens/" + apitest.Text(token, "id") + "/rotate",
			map[string]any{"previous_client_secret_expires_at": "2026-03-02T00:00:00Z"}},
		{"POST", "/access/apps/" + apitest.Text(app, "id") + "/revoke_tokens", nil},
		{"PATCH", "/access/apps/" + apitest.Text(app, "id") + "/settings", map[string]any{"allow_iframe": true}},
		{"GET", "/plumbline/status", nil},
		{"DELETE", "/access/service_tokens/" + apitest.Text(token, "id"), nil},
		{"DELETE", "/access/apps/" + apitest.Text(app, "id"), nil},
		{"DELETE", "/devices/posture/" + apitest.Text(rule, "id"), nil},
		{"DELETE", "/devices/posture/integration/" + apitest.Text(i, "id"), nil},
		{"GET", "/nothing", nil},
		{"PUT", "/devices/posture", nil},
	} {
		r := f.Do(c.method, c.path, c.body)
		body := r.Body
		path := c.path
		for _, p := range random {
			replace := func(found string) string {
				if !bytes.Contains([]byte(p.name), []byte("%d")) {
					return p.name
				}
				if numbers[found] == 0 {
					numbers[found] = len(numbers) + 1
				}
				return fmt.Sprintf(p.name, numbers[found])
			}
			body = p.pattern.ReplaceAllFunc(body, func(b []byte) []byte { return []byte(replace(string(b))) })
			path = p.pattern.ReplaceAllStringFunc(path, replace)
		}
		fmt.Fprintf(&out, "%s %s\n%d %s\n", c.method, path, r.Status, r.Header.Get("Allow"))
		var pretty bytes.Buffer
		if err := json.Indent(&pretty, body, "", "  "); err != nil {
			t.Fatal(err)
		}
		fmt.Fprintf(&out, "%s\n", pretty.Bytes())
	}
	golden := filepath.Join("testdata", "answers.golden")
	if *update {
		if err := os.MkdirAll("testdata", 0o755); err != nil {
			t.Fatal(err)
		}
		if err := os.WriteFile(golden, out.Bytes(), 0o644); err != nil {
			t.Fatal(err)
		}
	}
	want, err := os.ReadFile(golden)
	if err != nil {
		t.Fatal(err)
	}
	if !bytes.Equal(want, out.Bytes()) {
		t.Errorf("the responses are not those of %s; run go test ./api -update and review the difference:\n%s", golden,
			out.Bytes())
	}
}
