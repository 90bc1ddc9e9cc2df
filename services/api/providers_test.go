package api

import (
	"fmt"
	"strings"
	"testing"

	"filippo.io/age"
	"plumbline.dev/bus/topology"
	"plumbline.dev/proto"
	"plumbline.dev/services/api/v4"
	"plumbline.dev/services/internal/seal"
)

func oidcBody(changes ...func(body, config map[string]any)) map[string]any {
	config := map[string]any{
		"client_id": "plumbline", "client_secret": secretText, "auth_url": "https://id.example.com/auth", "token_url": "https://id.example.com/token",
		"certs_url": "https://id.example.com/certs", "scopes": []any{"openid", "email"}, "claims": []any{"groups"}, "email_claim_name": "mail", "pkce_enabled": true,
	}
	body := map[string]any{"name": "SSO", "type": "oidc", "config": config}
	for _, change := range changes {
		change(body, config)
	}
	return body
}

func (y *system) storedProvider(id any) proto.IdentityProvider {
	y.t.Helper()
	var p proto.IdentityProvider
	key := topology.ConfigKey(y.account, topology.KindIDP, must(proto.ParseID(fmt.Sprint(id))))
	if _, err := y.conn.Get(y.t.Context(), topology.Config, key, &p); err != nil {
		y.t.Fatal(err)
	}
	return p
}

func (y *system) providerSecret(id any) string {
	y.t.Helper()
	p := y.storedProvider(id)
	if len(p.SealedSecret) == 0 {
		return ""
	}
	secret, err := seal.Open([]age.Identity{y.identity}, p.ID.String(), p.SealedSecret)
	if err != nil {
		y.t.Fatal(err)
	}
	return string(secret)
}

func TestProviderLife(t *testing.T) {
	y := start(t)
	made := y.want(201, "POST", "/access/identity_providers", oidcBody())
	path := "/access/identity_providers/" + text(made, "id")
	config := made["config"].(map[string]any)
	if config["client_secret"] != nil || config["client_id"] != "plumbline" || config["pkce_enabled"] != true || made["x_unsupported"] != nil {
		t.Errorf("made %v", made)
	}
	p := y.storedProvider(made["id"])
	if y.providerSecret(made["id"]) != secretText || p.AuthURL != "https://id.example.com/auth" || p.EmailClaim != "mail" || p.Plain || len(p.Claims) != 1 || strings.Contains(string(p.Sent), secretText) {
		t.Errorf("stored %+v", p)
	}

	// What was read is written back, with an issuer: the secret stays.
	config["x_issuer"] = "https://id.example.com"
	delete(config, "auth_url")
	made["config"] = with2(config, "pkce_enabled", false)
	y.want(200, "PUT", path, made)
	if p := y.storedProvider(made["id"]); p.Issuer != "https://id.example.com" || p.AuthURL != "" || !p.Plain || y.providerSecret(made["id"]) != secretText {
		t.Errorf("stored %+v", p)
	}
	// A client that knows no x_issuer leaves it out.
	changed := y.want(200, "PUT", path, oidcBody(func(_, c map[string]any) { c["client_secret"] = "another"; delete(c, "certs_url") }))
	if changed["config"].(map[string]any)["x_issuer"] != "https://id.example.com" || y.providerSecret(made["id"]) != "another" {
		t.Errorf("changed %v", changed)
	}
	y.want(200, "PUT", path, oidcBody(func(_, c map[string]any) { c["client_secret"] = " a secret with blanks " }))
	if secret := y.providerSecret(made["id"]); secret != " a secret with blanks " {
		t.Errorf("a secret with blanks: %q", secret)
	}
	y.want(200, "PUT", path, oidcBody(func(_, c map[string]any) { c["client_secret"] = nil }))
	if secret := y.providerSecret(made["id"]); secret != "" {
		t.Errorf("a secret that was taken away: %q", secret)
	}

	app := y.want(201, "POST", "/access/apps", map[string]any{"name": "a", "domain": "a.example.com", "allowed_idps": []any{made["id"]}})
	y.want(202, "DELETE", "/access/apps/"+text(app, "id"), nil)
	for _, rule := range []map[string]any{
		{"login_method": map[string]any{"id": made["id"]}},
		{"oidc": map[string]any{"identity_provider_id": made["id"], "claim_name": "a", "claim_value": "b"}},
	} {
		g := y.want(201, "POST", "/access/groups", groupBody("g", rule))
		y.refused(409, v4.CodeConflict, "DELETE", path, nil)
		y.want(202, "DELETE", "/access/groups/"+text(g, "id"), nil)
	}
	if gone := y.want(202, "DELETE", path, nil); gone["id"] != made["id"] {
		t.Errorf("deleted %v", gone)
	}
	for _, method := range []string{"GET", "PUT", "DELETE"} {
		y.refused(404, v4.CodeNotFound, method, path, oidcBody())
	}
}

func TestOtherProvidersAreKept(t *testing.T) {
	y := start(t)
	pin := y.want(201, "POST", "/access/identity_providers", map[string]any{"name": "", "type": "onetimepin", "config": map[string]any{}})
	if jsonText(t, pin["x_unsupported"]) != `["onetimepin"]` {
		t.Errorf("made %v", pin)
	}
	if r := y.do("POST", "/access/identity_providers", map[string]any{"type": "onetimepin"}); r.Status != 409 {
		t.Errorf("a second one: %d %s", r.Status, r.Body)
	}
	azure := y.want(201, "POST", "/access/identity_providers", map[string]any{"name": "AD", "type": "azureAD",
		"config":      map[string]any{"client_id": "c", "client_secret": secretText, "directory_id": "d"},
		"scim_config": map[string]any{"enabled": true, "secret": secretText, "user_deprovision": true}})
	if got := jsonText(t, azure); strings.Contains(got, secretText) || !strings.Contains(got, `"directory_id":"d"`) || !strings.Contains(got, `"user_deprovision":true`) {
		t.Errorf("made %s", got)
	}
	p := y.storedProvider(azure["id"])
	if strings.Contains(string(must(proto.Marshal(&p))), secretText) {
		t.Error("the secret of a provider that is only kept is stored")
	}
	y.refused(400, v4.CodeInvalid, "PUT", "/access/identity_providers/"+text(azure, "id"), oidcBody())
	for query, want := range map[string]float64{"": 2, "?type=azureAD": 1, "?name=AD": 1, "?search=ad": 1, "?scim_enabled=true": 1, "?scim_enabled=false&type=onetimepin": 1, "?scim_enabled=true&type=onetimepin": 0} {
		if r := y.do("GET", "/access/identity_providers"+query, nil); r.ResultInfo["total_count"] != want {
			t.Errorf("%s: %s", query, r.Body)
		}
	}
}

func TestProvidersThatAreRefused(t *testing.T) {
	y := start(t)
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
			y.t = t
			if m := y.refused(400, v4.CodeInvalid, "POST", "/access/identity_providers", oidcBody(change)); strings.Contains(m, secretText) {
				t.Error(m)
			}
		})
	}
}

func TestProvidersWithoutAGateway(t *testing.T) {
	y := start(t, func(c *Config) { c.SealGateway = nil })
	y.refused(400, v4.CodeInvalid, "POST", "/access/identity_providers", oidcBody())
	y.want(201, "POST", "/access/identity_providers", oidcBody(func(_, c map[string]any) { delete(c, "client_secret") }))
}

func TestTheSecretStaysWithItsHost(t *testing.T) {
	y := start(t)
	path := "/access/identity_providers/" + text(y.want(201, "POST", "/access/identity_providers", oidcBody()), "id")
	elsewhere := func(_, c map[string]any) { c["token_url"] = "https://evil.example.com/token" }
	silent := func(_, c map[string]any) { delete(c, "client_secret") }
	for _, name := range []string{"token_url", "auth_url", "certs_url", "x_issuer"} {
		moved := func(_, c map[string]any) { c[name] = "https://evil.example.com/x" }
		if says := y.refused(400, v4.CodeInvalid, "PUT", path, oidcBody(moved, silent)); !strings.Contains(says, "config."+name+" ") {
			t.Errorf("%s: %s", name, says)
		}
	}
	y.want(200, "PUT", path, oidcBody(silent))
	y.want(200, "PUT", path, oidcBody(elsewhere))
}
