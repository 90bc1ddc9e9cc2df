package api

import (
	"encoding/json"
	"net/http"
	"strings"
	"testing"

	"plumbline.dev/services/api/resource"
	"plumbline.dev/services/api/v4"
)

// The first resource with a name comes without a message. A second one comes with a message that names the first,
// whether it is created or renamed; a change of anything else does not repeat it.
func TestASecondResourceOfAName(t *testing.T) {
	y := start(t)
	integration := text(y.want(200, "POST", "/devices/posture/integration", integrationBody()), "id")
	everybody := []any{map[string]any{"everyone": map[string]any{}}}
	for _, c := range []struct {
		path string
		body func(n string) map[string]any
	}{
		{"/devices/posture/integration", func(string) map[string]any { return with2(integrationBody(), "name", "twice") }},
		{"/devices/posture", func(string) map[string]any { return with2(ruleBody(integration), "name", "twice") }},
		{"/access/service_tokens", func(string) map[string]any { return map[string]any{"name": "twice"} }},
		{"/access/identity_providers", func(string) map[string]any { return with2(oidcBody(), "name", "twice") }},
		{"/access/groups", func(string) map[string]any { return map[string]any{"name": "twice", "include": everybody} }},
		{"/access/policies", func(string) map[string]any {
			return map[string]any{"name": "twice", "decision": "allow", "include": everybody}
		}},
		{"/tokens", func(string) map[string]any { return y.tokenBody("twice", readApps) }},
		{"/access/apps", func(n string) map[string]any { return map[string]any{"name": "twice", "domain": n + ".example.com"} }},
	} {
		method, other := http.MethodPut, with2(c.body("c"), "name", "once")
		if strings.HasSuffix(c.path, "/integration") {
			method = http.MethodPatch
		}
		ask := func(method, path string, body any) response {
			req := y.request(method, y.path(path), body)
			req.Header.Set(v4.HeaderMessages, "1")
			return y.raw(req)
		}
		made := ask("POST", c.path, other)
		one := c.path + "/" + text(resultOf(t, made), "id")
		var says []string
		for _, n := range []string{"a", "b"} {
			r := ask("POST", c.path, c.body(n))
			if r.Status/100 != 2 {
				t.Fatalf("%s: %d %s", c.path, r.Status, r.Body)
			}
			says = append(says, r.says(resource.CodeSameName))
		}
		renamed := ask(method, one, with2(c.body("c"), "name", "twice"))
		again := ask(method, one, with2(c.body("c"), "name", "twice"))
		if says = append(says, renamed.says(resource.CodeSameName), again.says(resource.CodeSameName)); renamed.Status != 200 || again.Status != 200 ||
			made.says(resource.CodeSameName) != "" || says[0] != "" || !strings.Contains(says[1], `with the name "twice": `) ||
			!strings.Contains(says[2], `with the name "twice": `) || says[3] != "" {
			t.Errorf("%s: %d %d %q %s", c.path, renamed.Status, again.Status, says, renamed.Body)
		}
		// Cloudflare's SDK for Go v0 reads messages about these as strings, and fails on an object.
		if r := y.do("POST", c.path, c.body("d")); strings.HasPrefix(c.path, "/access/") && r.says(resource.CodeSameName) != "" {
			t.Errorf("%s: a message that was not asked for: %s", c.path, r.Body)
		}
	}
}

func resultOf(t *testing.T, r response) map[string]any {
	t.Helper()
	var m map[string]any
	if err := json.Unmarshal(r.Result, &m); err != nil {
		t.Fatalf("%d %s: %v", r.Status, r.Body, err)
	}
	return m
}
