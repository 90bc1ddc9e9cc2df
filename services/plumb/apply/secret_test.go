package apply_test

import (
	"encoding/json"
	"strings"
	"testing"

	"plumbline.dev/services/plumb/apply"
	"plumbline.dev/services/plumb/document"
)

// A secret in clear text is rejected under each name that the control plane strips, in each form and place.
func TestSecretsInClearTextAreRejected(t *testing.T) {
	for _, name := range []string{"api_token", "x_password", "bearer_token", "client_secret", "password", "token",
		"private_key", "client_key", "api_key", "apiKey", "passphrase", "credentials"} {
		for _, value := range []any{"hush", json.Number("12345"), []any{"hush"}, map[string]any{"value": "hush"},
			"a ${env:A}"} {
			for _, spec := range []map[string]any{
				{name: value}, {"config": map[string]any{name: value}}, {"scim_config": map[string]any{"list": []any{map[string]any{name: value}}}},
			} {
				docs := []document.Document{{Kind: "identity_provider", Name: "a", Spec: spec, Source: "f:1"}}
				_, err := apply.New(docs, apply.State{}, secrets, apply.Options{})
				if err == nil || !strings.Contains(err.Error(), name+" is a secret") || strings.Contains(err.Error(), "hush") {
					t.Errorf("%v: %v", spec, err)
				}
			}
		}
	}
}
