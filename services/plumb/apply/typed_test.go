package apply_test

import (
	"strings"
	"testing"

	"plumbline.dev/services/plumb/apply"
	"plumbline.dev/services/plumb/document"
)

// YAML makes numbers and switches of text that looks like them: apply asks for quotes, and never sends another value.
func TestTypesAreChecked(t *testing.T) {
	for text, want := range map[string]string{
		"kind: check\nname: a\nspec: {input: {version: 14.10}}":                          `input.version must be a string, not the number 14.10: quote it, as in version: "14.10"`,
		"kind: check\nname: a\nspec: {input: {version: 0x10}}":                           `input.version must be a string, not the number 16`,
		"kind: check\nname: a\nspec: {input: {version: 1e3}}":                            `not the number 1e3: quote it, as in version: "1e3"`,
		"kind: check\nname: a\nspec: {input: {version: true}}":                           `input.version must be a string, not true: quote it`,
		"kind: check\nname: a\nspec: {expiration: 60}":                                   `expiration must be a string, not the number 60`,
		"kind: check\nname: a\nspec: {input: {score: true}}":                             `input.score must be a number`,
		"kind: check\nname: a\nspec: {match: [{platform: 1}]}":                           `match[0].platform must be a string`,
		"kind: integration\nname: a\nspec: {x_paused: no}":                               `x_paused must be true or false, not the string "no": write false`,
		"kind: integration\nname: a\nspec: {x_paused: 1}":                                `x_paused must be true or false`,
		"kind: integration\nname: a\nspec: {config: {customer_id: 123}}":                 `config.customer_id must be a string, not the number 123`,
		"kind: policy\nname: a\nspec: {include: [{common_name: {common_name: 12}}]}":     `include[0].common_name.common_name must be a string`,
		"kind: group\nname: a\nspec: {exclude: [{ip: {ip: 10.1}}]}":                      `exclude[0].ip.ip must be a string, not the number 10.1`,
		"kind: application\nname: a\nspec: {tags: [a, 2026]}":                            `tags[1] must be a string, not the number 2026: quote it, as in - "2026"`,
		"kind: application\nname: a\nspec: {policies: [1]}":                              `policies[0] must be a string`,
		"kind: application\nname: a\nspec: {destinations: [{port_range: 443}]}":          `destinations[0].port_range must be a string`,
		"kind: application\nname: a\nspec: {http_only_cookie_attribute: off}":            `not the string "off": write false`,
		"kind: application\nname: a\nspec: {policies: [{name: p, session_duration: 1}]}": `policies[0].session_duration must be a string`,
		"kind: organization\nspec: {service_token_inactivity: {enabled: yes}}":           `service_token_inactivity.enabled must be true or false, not the string "yes": write true`,
		"kind: service_token\nname: a\nspec: {duration: 8760}":                           `duration must be a string`,
		"kind: identity_provider\nname: a\nspec: {config: {client_id: 0123}}":            `line 3: 0123 is ambiguous in YAML`,
		`[{"kind":"check","name":"a","spec":{"input":{"version":14.10}}}]`:               `input.version must be a string`,
	} {
		docs, err := document.Parse("f", strings.NewReader(text))
		if err == nil {
			_, err = apply.New(docs, apply.State{"organization": {{"name": "o"}}}, secrets, apply.Options{})
		}
		if err == nil || !strings.Contains(err.Error(), want) {
			t.Errorf("%s\ngives %v, want %s", text, err, want)
		}
	}
	for _, text := range []string{
		"kind: check\nname: '2026'\n" +
			"spec: {input: {version: '14.10', score: 60, total_score: 1.50, exists: false}, expiration: 1h}",
		"kind: application\nname: a\nspec: {domain: a.example.com, http_only_cookie_attribute: false, " +
			"cors_headers: {max_age: -1}, logo_url: null}",
		"kind: policy\nname: a\nspec: {decision: deny, include: [{user_risk_score: {user_risk_score: [low]}}], " +
			"approval_groups: [{approvals_needed: 1}]}",
	} {
		docs, err := document.Parse("f", strings.NewReader(text))
		if err == nil {
			_, err = apply.New(docs, apply.State{}, secrets, apply.Options{})
		}
		if err != nil {
			t.Errorf("%s\ngives %v", text, err)
		}
	}
}
