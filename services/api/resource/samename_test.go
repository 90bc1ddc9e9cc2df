package resource_test

import (
	"net/http"
	"slices"
	"strings"
	"testing"

	"plumbline.dev/services/api/apitest"
	"plumbline.dev/services/api/resource"
	"plumbline.dev/services/api/v4"
)

// textMessages are the resources whose messages Cloudflare's SDK for Go v0 reads as strings.
var textMessages = []string{"/access/apps", "/access/groups", "/access/policies", "/access/service_tokens"}

// TestMessagesAboutEqualNames checks that the response to the creation or renaming of a resource names another one with
// the same name, and that later changes do not repeat it.
func TestMessagesAboutEqualNames(t *testing.T) {
	t.Parallel()
	f := apitest.Start(t)
	integration := apitest.Text(f.Want(200, "POST", "/devices/posture/integration", apitest.IntegrationBody()), "id")
	everybody := []any{apitest.Everyone()}
	for _, c := range []struct {
		path string
		body func(n string) map[string]any
	}{
		{"/devices/posture/integration",
			func(string) map[string]any { return apitest.With(apitest.IntegrationBody(), "name", "twice") }},
		{"/devices/posture",
			func(string) map[string]any { return apitest.With(apitest.CheckBody(integration), "name", "twice") }},
		{"/access/service_tokens", func(string) map[string]any { return map[string]any{"name": "twice"} }},
		{"/access/identity_providers",
			func(string) map[string]any { return apitest.With(apitest.ProviderBody(), "name", "twice") }},
		{"/access/groups", func(string) map[string]any { return map[string]any{"name": "twice", "include": everybody} }},
		{"/access/policies", func(string) map[string]any {
			return map[string]any{"name": "twice", "decision": "allow", "include": everybody}
		}},
		{"/tokens", func(string) map[string]any { return f.TokenBody("twice", apitest.ReadApps) }},
		{"/access/apps",
			func(n string) map[string]any { return map[string]any{"name": "twice", "domain": n + ".example.com"} }},
	} {
		method, other := http.MethodPut, apitest.With(c.body("c"), "name", "once")
		if strings.HasSuffix(c.path, "/integration") {
			method = http.MethodPatch
		}
		ask := func(method, path string, body any) apitest.Response {
			req := f.Request(method, f.Path(path), body)
			req.Header.Set(v4.HeaderMessages, "1")
			return f.Send(req)
		}
		made := ask("POST", c.path, other)
		one := c.path + "/" + apitest.Text(made.Object(t), "id")
		var says []string
		for _, n := range []string{"a", "b"} {
			r := ask("POST", c.path, c.body(n))
			if r.Status/100 != 2 {
				t.Fatalf("%s: %d %s", c.path, r.Status, r.Body)
			}
			says = append(says, r.Message(resource.CodeSameName))
		}
		renamed := ask(method, one, apitest.With(c.body("c"), "name", "twice"))
		again := ask(method, one, apitest.With(c.body("c"), "name", "twice"))
		if says = append(says, renamed.Message(resource.CodeSameName),
			again.Message(resource.CodeSameName)); renamed.Status != 200 || again.Status != 200 ||
			made.Message(resource.CodeSameName) != "" || says[0] != "" ||
			!strings.Contains(says[1], `with the name "twice": `) ||
			!strings.Contains(says[2], `with the name "twice": `) || says[3] != "" {
			t.Errorf("%s: %d %d %q %s", c.path, renamed.Status, again.Status, says, renamed.Body)
		}
		// Cloudflare's SDK for Go v0 reads messages about some resources as strings, and fails on an object.
		r := f.Do("POST", c.path, c.body("d"))
		if silent := r.Message(resource.CodeSameName) == ""; silent != slices.Contains(textMessages, c.path) {
			t.Errorf("%s: without asking for messages: %s", c.path, r.Body)
		}
	}
}
