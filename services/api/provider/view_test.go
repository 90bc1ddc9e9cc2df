package provider_test

import (
	"encoding/json"
	"testing"

	"plumbline.dev/services/api/apitest"
)

// TestProvidersHaveTheMembersOfTerraform checks members without which Terraform shows a difference right after it
// created a provider: scim_config, and redirect_url for one-time PINs.
func TestProvidersHaveTheMembersOfTerraform(t *testing.T) {
	t.Parallel()
	f := apitest.Start(t)
	const off = `{"enabled":false,"group_member_deprovision":false,"identity_update_behavior":"no_action",` +
		`"seat_deprovision":false,"user_deprovision":false}`
	for name, c := range map[string]struct {
		body           map[string]any
		scim, redirect string
	}{
		"oidc":           {apitest.ProviderBody(), off, ""},
		"oidc with null": {apitest.With(apitest.ProviderBody(), "scim_config", nil), off, ""},
		"github": {map[string]any{"name": "g", "type": "github", "config": map[string]any{"client_id": "a"}}, off,
			""},
		"one-time PIN": {map[string]any{"type": "onetimepin", "config": map[string]any{}}, off,
			"https://team.example.com/cdn-cgi/access/callback"},
		"saml": {map[string]any{"name": "s", "type": "saml", "config": map[string]any{"issuer_url": "i"}}, off,
			"https://team.example.com/cdn-cgi/access/callback"},
		"partly provided": {map[string]any{"name": "a", "type": "azureAD", "config": map[string]any{},
			"scim_config": map[string]any{"user_deprovision": true, "secret": nil}},
			`{"enabled":false,"group_member_deprovision":false,"identity_update_behavior":"no_action",` +
				`"seat_deprovision":false,"secret":null,"user_deprovision":true}`, ""},
	} {
		made := f.Want(201, "POST", "/access/identity_providers", c.body)
		path := "/access/identity_providers/" + apitest.Text(made, "id")
		// Sending a response back changes nothing.
		for _, got := range []map[string]any{made, f.Want(200, "GET", path, nil), f.Want(200, "PUT", path, made),
			f.Want(200, "GET", path, nil)} {
			scim, _ := json.Marshal(got["scim_config"])
			config, _ := got["config"].(map[string]any)
			if redirect, _ := config["redirect_url"].(string); string(scim) != c.scim || redirect != c.redirect {
				t.Errorf("%s: %v", name, got)
			}
		}
	}
}

// TestSCIMSecretIsReturnedOnce checks that only the response that enables SCIM has its secret.
func TestSCIMSecretIsReturnedOnce(t *testing.T) {
	t.Parallel()
	f := apitest.Start(t)
	body := func(enabled bool) map[string]any {
		return map[string]any{"name": "a", "type": "azureAD", "config": map[string]any{},
			"scim_config": map[string]any{"enabled": enabled}}
	}
	secret := func(got map[string]any) any { return got["scim_config"].(map[string]any)["secret"] }
	made := f.Want(201, "POST", "/access/identity_providers", body(true))
	first, path := secret(made), "/access/identity_providers/"+apitest.Text(made, "id")
	if s, _ := first.(string); len(s) != 64 {
		t.Errorf("%v", made)
	}
	for _, got := range []map[string]any{f.Want(200, "GET", path, nil), f.Want(200, "PUT", path, made),
		f.Want(200, "PUT", path, body(false))} {
		if secret(got) != nil {
			t.Errorf("%v", got)
		}
	}
	if again := secret(f.Want(200, "PUT", path, body(true))); again == nil || again == first {
		t.Errorf("turned on again: %v", again)
	}
}
