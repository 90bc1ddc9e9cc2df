package provider_test

import (
	"net/http"
	"strings"
	"testing"

	"plumbline.dev/proto"
	"plumbline.dev/services/api"
	"plumbline.dev/services/api/apitest"
	"plumbline.dev/services/api/v4"
)

func TestProviderLife(t *testing.T) {
	t.Parallel()
	f := apitest.Start(t)
	made := f.Want(201, "POST", "/access/identity_providers", apitest.ProviderBody())
	path := "/access/identity_providers/" + apitest.Text(made, "id")
	config := made["config"].(map[string]any)
	if config["client_secret"] != nil || config["client_id"] != "plumbline" || config["pkce_enabled"] != true ||
		made["x_unsupported"] != nil {
		t.Errorf("made %v", made)
	}
	p := storedProvider(f, made["id"])
	if providerSecret(f, made["id"]) != apitest.Secret || p.AuthURL != "https://id.example.com/auth" ||
		p.EmailClaim != "mail" || p.Plain || len(p.Claims) != 1 || strings.Contains(string(p.Sent), apitest.Secret) {
		t.Errorf("stored %+v", p)
	}

	// A response with an issuer is sent back: the secret stays.
	config["x_issuer"] = "https://id.example.com"
	delete(config, "auth_url")
	made["config"] = apitest.With(config, "pkce_enabled", false)
	f.Want(200, "PUT", path, made)
	if p := storedProvider(f, made["id"]); p.Issuer != "https://id.example.com" || p.AuthURL != "" || !p.Plain ||
		providerSecret(f, made["id"]) != apitest.Secret {
		t.Errorf("stored %+v", p)
	}
	// A client without support for x_issuer omits it.
	changed := f.Want(200, "PUT", path,
		apitest.ProviderBody(func(_, c map[string]any) { c["client_secret"] = "another"; delete(c, "certs_url") }))
	if changed["config"].(map[string]any)["x_issuer"] != "https://id.example.com" ||
		providerSecret(f, made["id"]) != "another" {
		t.Errorf("changed %v", changed)
	}
	f.Want(200, "PUT", path,
		apitest.ProviderBody(func(_, c map[string]any) { c["client_secret"] = " a secret with blanks " }))
	if secret := providerSecret(f, made["id"]); secret != " a secret with blanks " {
		t.Errorf("a secret with blanks: %q", secret)
	}
	f.Want(200, "PUT", path, apitest.ProviderBody(func(_, c map[string]any) { c["client_secret"] = nil }))
	if secret := providerSecret(f, made["id"]); secret != "" {
		t.Errorf("a secret that was taken away: %q", secret)
	}

	app := f.Want(201, "POST", "/access/apps",
		map[string]any{"name": "a", "domain": "a.example.com", "allowed_idps": []any{made["id"]}})
	f.Want(202, "DELETE", "/access/apps/"+apitest.Text(app, "id"), nil)
	for _, rule := range []map[string]any{
		{"login_method": map[string]any{"id": made["id"]}},
		{"oidc": map[string]any{"identity_provider_id": made["id"], "claim_name": "a", "claim_value": "b"}},
	} {
		g := f.Want(201, "POST", "/access/groups", apitest.GroupBody("g", rule))
		f.WantError(409, v4.CodeConflict, "DELETE", path, nil)
		f.Want(202, "DELETE", "/access/groups/"+apitest.Text(g, "id"), nil)
	}
	if gone := f.Want(202, "DELETE", path, nil); gone["id"] != made["id"] {
		t.Errorf("deleted %v", gone)
	}
	for _, method := range []string{"GET", "PUT", "DELETE"} {
		f.WantError(404, v4.CodeNotFound, method, path, apitest.ProviderBody())
	}
}

func TestUnservedProvidersAreStored(t *testing.T) {
	t.Parallel()
	f := apitest.Start(t)
	pin := f.Want(201, "POST", "/access/identity_providers",
		map[string]any{"name": "", "type": "onetimepin", "config": map[string]any{}})
	if apitest.JSON(t, pin["x_unsupported"]) != `["onetimepin"]` {
		t.Errorf("made %v", pin)
	}
	if r := f.Do("POST", "/access/identity_providers", map[string]any{"type": "onetimepin"}); r.Status != 409 {
		t.Errorf("a second one: %d %s", r.Status, r.Body)
	}
	azure := f.Want(201, "POST", "/access/identity_providers", map[string]any{"name": "AD", "type": "azureAD",
		"config":      map[string]any{"client_id": "c", "client_secret": apitest.Secret, "directory_id": "d"},
		"scim_config": map[string]any{"enabled": true, "secret": apitest.Secret, "user_deprovision": true}})
	if got := apitest.JSON(t, azure); strings.Contains(got, apitest.Secret) ||
		!strings.Contains(got, `"directory_id":"d"`) || !strings.Contains(got, `"user_deprovision":true`) {
		t.Errorf("made %s", got)
	}
	p := storedProvider(f, azure["id"])
	if strings.Contains(string(apitest.Must(proto.Marshal(&p))), apitest.Secret) {
		t.Error("the secret of a provider that is only kept is stored")
	}
	f.WantError(400, v4.CodeInvalid, "PUT", "/access/identity_providers/"+apitest.Text(azure, "id"),
		apitest.ProviderBody())
	for query, want := range map[string]float64{"": 2, "?type=azureAD": 1, "?name=AD": 1, "?search=ad": 1,
		"?scim_enabled=true": 1, "?scim_enabled=false&type=onetimepin": 1, "?scim_enabled=true&type=onetimepin": 0} {
		if r := f.Do("GET", "/access/identity_providers"+query, nil); r.ResultInfo["total_count"] != want {
			t.Errorf("%s: %s", query, r.Body)
		}
	}
}

func TestInvalidProvidersAreRejected(t *testing.T) {
	t.Parallel()
	f := apitest.Start(t)
	for name, change := range map[string]func(body, config map[string]any){
		"a type":            func(b, _ map[string]any) { b["type"] = "ldap" },
		"no type":           func(b, _ map[string]any) { delete(b, "type") },
		"no name":           func(b, _ map[string]any) { delete(b, "name") },
		"no config":         func(b, _ map[string]any) { delete(b, "config") },
		"config of a text":  func(b, _ map[string]any) { b["config"] = "x" },
		"scim of a text":    func(b, _ map[string]any) { b["scim_config"] = "x" },
		"no client":         func(_, c map[string]any) { delete(c, "client_id") },
		"a client of lines": func(_, c map[string]any) { c["client_id"] = "a\nb" },
		"a secret of lines": func(_, c map[string]any) { c["client_secret"] = "a\nb" },
		"no endpoint":       func(_, c map[string]any) { delete(c, "token_url") },
		"a file":            func(_, c map[string]any) { c["certs_url"] = "file:///etc/passwd" },
		"a password":        func(_, c map[string]any) { c["x_issuer"] = "https://a:b@id.example.com" },
		"scopes of a text":  func(_, c map[string]any) { c["scopes"] = "openid email" },
		"scopes with blank": func(_, c map[string]any) { c["scopes"] = []any{"openid email"} },
		"an empty claim":    func(_, c map[string]any) { c["claims"] = []any{""} },
		"a prompt":          func(_, c map[string]any) { c["prompt"] = "always" },
		"pkce of a text":    func(_, c map[string]any) { c["pkce_enabled"] = "yes" },
	} {
		t.Run(name, func(t *testing.T) {
			f := f.In(t)
			if m := f.WantError(400, v4.CodeInvalid, "POST", "/access/identity_providers",
				apitest.ProviderBody(change)); strings.Contains(m, apitest.Secret) {
				t.Error(m)
			}
		})
	}
}

func TestProvidersWithoutAGateway(t *testing.T) {
	t.Parallel()
	f := apitest.Start(t, func(c *api.Config) { c.SealGateway = nil })
	f.WantError(400, v4.CodeInvalid, "POST", "/access/identity_providers", apitest.ProviderBody())
	f.Want(201, "POST", "/access/identity_providers",
		apitest.ProviderBody(func(_, c map[string]any) { delete(c, "client_secret") }))
}

func TestProviderSecretStaysWithItsHost(t *testing.T) {
	t.Parallel()
	f := apitest.Start(t)
	path := "/access/identity_providers/" +
		apitest.Text(f.Want(201, "POST", "/access/identity_providers", apitest.ProviderBody()), "id")
	elsewhere := func(_, c map[string]any) { c["token_url"] = "https://evil.example.com/token" }
	silent := func(_, c map[string]any) { delete(c, "client_secret") }
	for _, name := range []string{"token_url", "auth_url", "certs_url", "x_issuer"} {
		moved := func(_, c map[string]any) { c[name] = "https://evil.example.com/x" }
		if says := f.WantError(400, v4.CodeInvalid, "PUT", path,
			apitest.ProviderBody(moved, silent)); !strings.Contains(says, "config."+name+" ") {
			t.Errorf("%s: %s", name, says)
		}
	}
	f.Want(200, "PUT", path, apitest.ProviderBody(silent))
	f.Want(200, "PUT", path, apitest.ProviderBody(elsewhere))
}

// TestOneProviderOfPINs checks that concurrent requests create one identity provider for one-time PINs.
func TestOneProviderOfPINs(t *testing.T) {
	t.Parallel()
	f := apitest.Start(t)
	replicas := []*api.Service{f.API, f.Replica()}
	body := map[string]any{"name": "pin", "type": "onetimepin", "config": map[string]any{}}
	got := f.AtOnce(replicas, 8,
		func(int) *http.Request { return f.Request("POST", f.Path("/access/identity_providers"), body) })
	if got[201] != 1 || got[409] != 7 {
		t.Fatalf("statuses %v", got)
	}
}
