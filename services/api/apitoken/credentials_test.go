package apitoken_test

import (
	"net/http"
	"testing"

	"plumbline.dev/bus/topology"
	"plumbline.dev/proto"
	"plumbline.dev/services/api"
	"plumbline.dev/services/api/apitest"
	"plumbline.dev/services/api/permission"
	"plumbline.dev/services/api/v4"
	"plumbline.dev/services/internal/credential"
)

func TestInvalidCredentialsAreRejected(t *testing.T) {
	t.Parallel()
	f := apitest.Start(t)
	expired, elsewhere := credential.NewAPIToken(), credential.NewAPIToken()
	for token, record := range map[string]proto.APIToken{
		expired:   {ExpiresAt: proto.At(f.Clock.Now())},
		elsewhere: {},
	} {
		record.ID, record.SecretHash = proto.NewID(), credential.Hash(token)
		account := f.Account
		if token == elsewhere {
			account = proto.NewAccount()
		}
		key := topology.APITokenKey(account, record.SecretHash)
		if _, err := f.Conn.Put(t.Context(), topology.Tokens, key, &record, 0); err != nil {
			t.Fatal(err)
		}
	}
	for _, c := range []struct {
		name, header string
		status, code int
	}{
		{"nothing", "", 403, v4.CodeAuthentication},
		{"an empty token", "Bearer ", 403, v4.CodeAuthentication},
		{"blanks", "Bearer    ", 403, v4.CodeAuthentication},
		{"another scheme", "Basic " + apitest.Bootstrap, 403, v4.CodeAuthentication},
		{"no scheme", apitest.Bootstrap, 403, v4.CodeAuthentication},
		{"a wrong token", "Bearer " + apitest.Bootstrap + "x", 403, v4.CodeAuthentication},
		{"an expired token", "Bearer " + expired, 403, v4.CodeAuthentication},
		{"a token of another account", "Bearer " + elsewhere, 403, v4.CodeUnauthorized},
		{"the token", "Bearer " + apitest.Bootstrap, 200, 0},
		{"the scheme in lower case", "bearer " + apitest.Bootstrap, 200, 0},
	} {
		t.Run(c.name, func(t *testing.T) {
			req := f.Request("GET", f.Path("/access/service_tokens"), nil)
			req.Header.Del("Authorization")
			if c.header != "" {
				req.Header.Set("Authorization", c.header)
			}
			r := f.Send(req)
			if r.Status != c.status || c.code != 0 && r.Errors[0].Code != c.code {
				t.Errorf("%d %s", r.Status, r.Body)
			}
		})
	}
}

// TestHeadersOfCredentials checks each header that clients send credentials in (api/README.md 1.2). Different
// credentials in one request are rejected.
func TestHeadersOfCredentials(t *testing.T) {
	t.Parallel()
	f := apitest.Start(t, func(c *api.Config) { c.BootstrapEmail = "Admin@Example.com" })
	other := f.StoreToken(nil, apitest.GroupIDs(func(g permission.Group) bool { return !g.ForZone })...)
	const email = "admin@example.com"
	for _, c := range []struct {
		name   string
		header http.Header
		status int
	}{
		{"a bearer token", http.Header{v4.HeaderBearer: {"Bearer " + apitest.Bootstrap}}, 200},
		{"twice the same", http.Header{v4.HeaderBearer: {"Bearer " + apitest.Bootstrap, "Bearer " + apitest.Bootstrap}},
			200},
		{"a key and its address", http.Header{v4.HeaderKey: {apitest.Bootstrap}, v4.HeaderEmail: {email}}, 200},
		{"the address in another case",
			http.Header{v4.HeaderKey: {apitest.Bootstrap}, v4.HeaderEmail: {"ADMIN@example.COM"}}, 200},
		{"an empty bearer token beside a key",
			http.Header{v4.HeaderBearer: {"Bearer "}, v4.HeaderKey: {apitest.Bootstrap}, v4.HeaderEmail: {email}}, 200},
		{"the same as token and key",
			http.Header{v4.HeaderBearer: {"Bearer " + apitest.Bootstrap}, v4.HeaderKey: {apitest.Bootstrap},
				v4.HeaderEmail: {email}}, 200},
		{"a service key", http.Header{v4.HeaderServiceKey: {apitest.Bootstrap}}, 200},
		{"a token and an address alone",
			http.Header{v4.HeaderBearer: {"Bearer " + other}, v4.HeaderEmail: {"x@example.com"}}, 200},
		{"an empty key", http.Header{v4.HeaderBearer: {"Bearer " + other}, v4.HeaderKey: {""}, v4.HeaderEmail: {""}}, 200},

		{"nothing", http.Header{}, 403},
		{"a key alone", http.Header{v4.HeaderKey: {apitest.Bootstrap}}, 403},
		{"an address alone", http.Header{v4.HeaderEmail: {email}}, 403},
		{"a key and another address", http.Header{v4.HeaderKey: {apitest.Bootstrap}, v4.HeaderEmail: {"else@example.com"}},
			403},
		{"a key that was made for no address", http.Header{v4.HeaderKey: {other}, v4.HeaderEmail: {email}}, 403},
		{"two tokens", http.Header{v4.HeaderBearer: {"Bearer " + apitest.Bootstrap, "Bearer " + other}}, 403},
		{"a token and another key",
			http.Header{v4.HeaderBearer: {"Bearer " + other}, v4.HeaderKey: {apitest.Bootstrap}, v4.HeaderEmail: {email}},
			403},
		{"a token and another service key",
			http.Header{v4.HeaderBearer: {"Bearer " + other}, v4.HeaderServiceKey: {apitest.Bootstrap}}, 403},
		{"two addresses", http.Header{v4.HeaderKey: {apitest.Bootstrap}, v4.HeaderEmail: {email, "else@example.com"}}, 403},
		{"a right token and a wrong address beside its key",
			http.Header{v4.HeaderBearer: {"Bearer " + apitest.Bootstrap}, v4.HeaderKey: {apitest.Bootstrap},
				v4.HeaderEmail: {"else@example.com"}}, 403},
		{"another scheme beside a key",
			http.Header{v4.HeaderBearer: {"Basic eDp5"}, v4.HeaderKey: {apitest.Bootstrap}, v4.HeaderEmail: {email}}, 403},
	} {
		t.Run(c.name, func(t *testing.T) {
			for _, path := range []string{f.Path("/tokens/verify"), "/client/v4/user/tokens/verify"} {
				req := f.Request("GET", path, nil)
				req.Header = c.header
				if r := f.Send(req); r.Status != c.status || r.Status == 403 && r.Errors[0].Code != v4.CodeAuthentication {
					t.Errorf("%s: %d %s", path, r.Status, r.Body)
				}
			}
		})
	}
}

// TestValidityOfTokens checks the limits of tokens by time and address.
func TestValidityOfTokens(t *testing.T) {
	t.Parallel()
	f := apitest.Start(t)
	now := proto.At(f.Clock.Now())
	all := apitest.GroupIDs(func(permission.Group) bool { return true })
	for _, c := range []struct {
		name   string
		change func(*proto.APIToken)
		status int
	}{
		{"active", func(*proto.APIToken) {}, 200},
		{"turned off", func(t *proto.APIToken) { t.Disabled = true }, 403},
		{"expires later", func(t *proto.APIToken) { t.ExpiresAt = now + 1 }, 200},
		{"expires now", func(t *proto.APIToken) { t.ExpiresAt = now }, 403},
		{"from now on", func(t *proto.APIToken) { t.NotBefore = now }, 200},
		{"from later on", func(t *proto.APIToken) { t.NotBefore = now + 1 }, 403},
		{"from here", func(t *proto.APIToken) { t.AllowFrom = []string{"192.0.2.0/24"} }, 200},
		{"from elsewhere", func(t *proto.APIToken) { t.AllowFrom = []string{"198.51.100.0/24", "2001:db8::/32"} }, 403},
		{"not from here", func(t *proto.APIToken) { t.DenyFrom = []string{"192.0.2.1/32"} }, 403},
		{"from here but for one", func(t *proto.APIToken) {
			t.AllowFrom, t.DenyFrom = []string{"192.0.2.0/24"}, []string{"192.0.2.9/32"}
		}, 200},
	} {
		token := f.StoreToken(c.change, all...)
		// Headers with an address can be forged.
		req := f.Request("GET", f.Path("/access/groups"), nil)
		req.Header.Set("Authorization", "Bearer "+token)
		req.Header.Set("X-Forwarded-For", "198.51.100.7")
		req.Header.Set("Cf-Connecting-Ip", "198.51.100.7")
		if r := f.Send(req); r.Status != c.status {
			t.Errorf("%s: %d %s", c.name, r.Status, r.Body)
		}
	}
}

// TestTokensOfAZone checks that the permissions of a token for a zone hold in that zone only.
func TestTokensOfAZone(t *testing.T) {
	t.Parallel()
	f := apitest.Start(t)
	mine, other := proto.NewAccount(), proto.NewAccount()
	token := f.StoreToken(func(t *proto.APIToken) { t.Policies[0].Zones = []proto.Account{mine} },
		"959972745952452f8be2452be8cbb9f2")
	every := f.StoreToken(func(t *proto.APIToken) { t.Policies[0].Zones = []proto.Account{{}} },
		"eb258a38ea634c86a0c89da6b27cb6b6")
	for _, c := range []struct {
		token, method, path string
		status              int
	}{
		{token, "GET", "/client/v4/zones/" + mine.String() + "/access/apps", 200},
		{token, "POST", "/client/v4/zones/" + mine.String() + "/access/apps", 400},
		{token, "GET", "/client/v4/zones/" + other.String() + "/access/apps", 403},
		{token, "GET", f.Path("/access/apps"), 403},
		{token, "GET", "/client/v4/zones/" + mine.String() + "/access/groups", 403},
		{every, "GET", "/client/v4/zones/" + other.String() + "/access/apps", 200},
		{every, "POST", "/client/v4/zones/" + other.String() + "/access/apps", 403},
		{every, "GET", f.Path("/access/apps"), 403},
	} {
		if status, body := f.Status(c.token, c.method, c.path); status != c.status {
			t.Errorf("%s %s: %d %s", c.method, c.path, status, body)
		}
	}
}
