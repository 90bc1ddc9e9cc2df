package integration_test

import (
	"net/http"
	"strings"
	"testing"

	"plumbline.dev/services/console/consoletest"
)

// copied returns the form of a tool in which the page of an integration shows it.
func copied(t *testing.T, i object, tool string) string {
	t.Helper()
	c := start(t, map[string]http.HandlerFunc{"GET /devices/posture/integration/i1": consoletest.Answer(i)})
	for _, text := range c.Get("/integrations/i1").Has(http.StatusOK).Safe().Texts("pre", "") {
		if strings.HasPrefix(text, tool) {
			return text
		}
	}
	t.Fatalf("there is nothing for %s", tool)
	return ""
}

// Only the secret is a reference in a file for plumb apply: a stored ${env:...} stays text.
func TestYAMLHasTheSecretsReferenceOnly(t *testing.T) {
	url := "https://scores.example.com/${env:PLUMB_TOKEN}"
	config := object{"api_url": url, "access_client_id": "${file:a}"}
	text := copied(t, stored(func(i object) { i["config"] = config }), "kind:")
	if !strings.Contains(text, "/$${env:PLUMB_TOKEN}") || !strings.Contains(text, `"$${file:a}"`) ||
		!strings.Contains(text, "access_client_secret: ${env:CLIENT_SECRET}") {
		t.Error(text)
	}
}

// The secret stands at its own place only, whatever an editor called the integration.
func TestCurlHasTheSecretOnce(t *testing.T) {
	name := "CLIENT_SECRET_GOES_HERE"
	text := copied(t, stored(func(i object) { i["name"] = name }), "curl")
	if strings.Count(text, "$CLIENT_SECRET") != 1 || !strings.Contains(text, `"name": "`+name+`"`) ||
		!strings.Contains(text, `"access_client_secret": "'"$CLIENT_SECRET"'"`) {
		t.Error(text)
	}
}
