package access

import (
	"strings"
	"testing"

	"github.com/google/go-cmp/cmp"
	"plumbline.dev/proto"
	"plumbline.dev/services/api/v4"
)

func TestReadGate(t *testing.T) {
	id, err := proto.ParseID("00112233-4455-4677-8899-aabbccddeeff")
	if err != nil {
		t.Fatal(err)
	}
	for sent, want := range map[string]proto.Gate{
		`{}`: {},
		`{"read_service_tokens_from_header":"Authorization","service_auth_401_redirect":true}`: {TokenHeader: "Authorization", Refuse401: true},
		`{"allowed_idps":["` + id.String() + `","` + id.String() +
			`"],"auto_redirect_to_identity":true}`: {IDPs: []proto.ID{id}, AutoRedirect: true},
		`{"allowed_idps":[],"cors_headers":{},"custom_deny_url":"","read_service_tokens_from_header":null}`: {},
		`{"http_only_cookie_attribute":true,"path_cookie_attribute":true,"enable_binding_cookie":true,` +
			`"same_site_cookie_attribute":"Lax"}`: {CookiePath: true, CookieBinding: true, SameSite: "lax"},
		`{"http_only_cookie_attribute":false}`:                  {CookieScripts: true},
		`{"options_preflight_bypass":true,"cors_headers":null}`: {OptionsBypass: true},
		`{"custom_deny_message":"Ask\nus","custom_deny_url":"https://deny.example.com/x",` +
			`"custom_non_identity_deny_url":"http://10.0.0.1"}`: {DenyMessage: "Ask\nus",
			DenyURL: "https://deny.example.com/x", NonIdentityDenyURL: "http://10.0.0.1"},
		`{"cors_headers":{"allow_all_headers":true,"allow_credentials":true,"allowed_methods":["GET","PATCH"],` +
			`"allowed_origins":["https://a.example.com:8443"],"max_age":-1}}`: {
			CORS: &proto.CORS{AllHeaders: true, Credentials: true, Methods: []string{"GET", "PATCH"},
				Origins: []string{"https://a.example.com:8443"}, MaxAge: -1}},
		`{"cors_headers":{"allowed_headers":["*"],"allowed_methods":["*"],"allowed_origins":["*"]}}`: {CORS: &proto.CORS{AllHeaders: true, AllMethods: true, AllOrigins: true}},
	} {
		got, err := readGate(must(v4.ParseObject([]byte(sent))))
		if err != nil {
			t.Errorf("%s: %v", sent, err)
		}
		if diff := cmp.Diff(want, got); diff != "" {
			t.Errorf("%s (-want +got):\n%s", sent, diff)
		}
	}
}

func TestGatesThatAreRefused(t *testing.T) {
	for _, sent := range []string{
		`{"service_auth_401_redirect":"yes"}`, `{"http_only_cookie_attribute":1}`, `{"read_service_tokens_from_header":5}`,
		`{"allowed_idps":["x"]}`, `{"allowed_idps":"x"}`, `{"allowed_idps":["00000000-0000-0000-0000-000000000000"]}`,
		`{"auto_redirect_to_identity":true}`, `{"same_site_cookie_attribute":"always"}`,
		`{"custom_deny_url":"javascript:alert(1)"}`, `{"custom_deny_url":"/relative"}`,
		`{"custom_non_identity_deny_url":"https://u:p@x"}`,
		`{"custom_deny_url":"//host"}`, `{"custom_deny_message":"` + strings.Repeat("x", maxDenyMessage+1) + `"}`,
		`{"cors_headers":{"max_age":86401}}`, `{"cors_headers":{"max_age":-2}}`, `{"cors_headers":{"max_age":1.5}}`,
		`{"cors_headers":{"allowed_methods":["get"]}}`, `{"cors_headers":{"allowed_methods":["LINK"]}}`,
		`{"cors_headers":{"allowed_methods":"GET"}}`,
		`{"cors_headers":{"allowed_headers":["a b"]}}`, `{"cors_headers":{"allowed_headers":["a\r\nb"]}}`,
		`{"cors_headers":{"allow_credentials":"x"}}`,
		`{"cors_headers":{"allowed_origins":["a.example.com"]}}`,
		`{"cors_headers":{"allowed_origins":["https://a.example.com/"]}}`,
		`{"cors_headers":{"allowed_origins":["https://a.example.com\n"]}}`,
		`{"cors_headers":{"allow_all_origins":true,"allow_credentials":true}}`,
		`{"cors_headers":{"allowed_origins":["*"],"allow_credentials":true}}`,
		`{"cors_headers":{"max_age":1},"options_preflight_bypass":true}`,
	} {
		if g, err := readGate(must(v4.ParseObject([]byte(sent)))); err == nil {
			t.Errorf("%s: %+v", sent, g)
		}
	}
}

func TestHeadersThatCannotCarryCredentials(t *testing.T) {
	for _, name := range []string{
		"Host", "cookie", "COOKIE", "Connection", "Keep-Alive", "keep_alive", "Proxy-Authorization", "Proxy-Connection",
		"proxy_x", "TE", "Trailer",
		"Transfer-Encoding", "transfer_encoding", "Upgrade", "Content-Length", "Cf-Access-Client-Id",
		"cf-access-jwt-assertion", "CF_Access_Token",
		"Cf-Other", "X-Forwarded-For", "x_forwarded_host", "Forwarded", "X-Real-IP", "Content-Type", "True-Client-Ip",
		"a b", "a:b", "a\nb", "ä", strings.Repeat("x", 129),
	} {
		body := v4.Object{}
		body.Set("read_service_tokens_from_header", name)
		if g, err := readGate(body); err == nil {
			t.Errorf("%q: %+v", name, g)
		}
	}
	for _, name := range []string{"Authorization", "X-Service-Token", "x_token", "Hostname"} {
		body := v4.Object{}
		body.Set("read_service_tokens_from_header", name)
		if g, err := readGate(body); err != nil || g.TokenHeader != name {
			t.Errorf("%q: %+v, %v", name, g, err)
		}
	}
}

// must returns the value of a call without an error.
func must[T any](v T, err error) T {
	if err != nil {
		panic(err)
	}
	return v
}
