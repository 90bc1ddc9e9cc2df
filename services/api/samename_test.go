package api

import (
	"strings"
	"testing"
)

// The first resource with a name comes without a message, the second with one that names the first.
func TestASecondResourceOfAName(t *testing.T) {
	y := start(t)
	integration := text(y.want(200, "POST", "/devices/posture/integration", integrationBody()), "id")
	for _, c := range []struct {
		path string
		body func(n string) map[string]any
	}{
		{"/devices/posture/integration", func(string) map[string]any { return with2(integrationBody(), "name", "twice") }},
		{"/devices/posture", func(string) map[string]any { return with2(ruleBody(integration), "name", "twice") }},
		{"/access/service_tokens", func(string) map[string]any { return map[string]any{"name": "twice"} }},
		{"/access/identity_providers", func(string) map[string]any { return with2(oidcBody(), "name", "twice") }},
		{"/access/apps", func(n string) map[string]any { return map[string]any{"name": "twice", "domain": n + ".example.com"} }},
	} {
		var says []string
		for _, n := range []string{"a", "b"} {
			r := y.do("POST", c.path, c.body(n))
			if r.Status/100 != 2 {
				t.Fatalf("%s: %d %s", c.path, r.Status, r.Body)
			}
			text := ""
			for _, m := range r.Messages {
				if m.Code == codeSameName {
					text += m.Message
				}
			}
			says = append(says, text)
		}
		if says[0] != "" || !strings.Contains(says[1], `with the name "twice": `) {
			t.Errorf("%s: %q", c.path, says)
		}
	}
}
