package exchange

import (
	"encoding/json"
	"strings"
	"testing"

	"github.com/coreos/go-oidc/v3/oidc"
	"github.com/google/go-cmp/cmp"
	"plumbline.dev/bus/topology"
	"plumbline.dev/proto"
)

func TestStatements(t *testing.T) {
	w := newFixture(t)
	s, _ := w.start(w.deps(nil))
	now := float64(w.clock.Now().Unix())
	applications := oidc.NewVerifier(team, oidc.NewRemoteKeySet(t.Context(), w.serveCerts(s)),
		&oidc.Config{ClientID: w.app.AUD, Now: w.clock.Now})
	for _, c := range []struct {
		name string
		q    proto.Statement
		want map[string]any
	}{
		{"meta", proto.Statement{Kind: proto.StatementMeta, Hostname: "app.example.com", RedirectURL: "/a?b=c",
			ServiceTokenStatus: true}, map[string]any{
			"type": "meta", "aud": w.app.AUD, "hostname": "app.example.com", "redirect_url": "/a?b=c", "service_token_status": true,
			"is_warp": false, "is_gateway": false, "iat": now, "nbf": now, "exp": now + 300, "auth_status": "NONE",
			"mtls_auth": map[string]any{"cert_issuer_ski": "", "cert_presented": false, "cert_serial": "", "cert_issuer_dn": "", "auth_status": "NONE"},
		}},
		{"match", proto.Statement{Kind: proto.StatementMatch, Hostname: "app.example.com:8443"}, map[string]any{
			"type": "match", "aud": w.app.AUD, "hostname": "app.example.com:8443", "auth_domain": "team.example.com",
			"app_hostname": "api.example.com", "iat": now,
		}},
		{"external", proto.Statement{Kind: proto.StatementExternal, Audience: "https://evaluate.example.com/",
			Identity: json.RawMessage(`{"email":"ada@example.com"}`), Nonce: "n"}, map[string]any{
			"type": "external", "iss": team, "aud": []any{"https://evaluate.example.com/"}, "iat": now, "nbf": now, "exp": now + 60,
			"identity": map[string]any{"email": "ada@example.com"}, "nonce": "n",
		}},
	} {
		c.q.Account, c.q.Application = w.account, w.app.ID
		answer := w.from(w.gateway, topology.Statements, &c.q)
		if answer.Error != nil {
			t.Errorf("%s: %+v", c.name, answer)
			continue
		}
		if diff := cmp.Diff(c.want, part(t, answer.Token, 1)); diff != "" {
			t.Errorf("%s: %s", c.name, diff)
		}
		// It admits no request: it is not accepted as an application token.
		if _, err := applications.Verify(t.Context(), answer.Token); err == nil {
			t.Errorf("%s passes for an application token", c.name)
		}
	}
}

func TestStatementsAreRefused(t *testing.T) {
	w := newFixture(t)
	w.start(w.deps(nil))
	external := proto.Statement{Kind: proto.StatementExternal, Account: w.account, Application: w.app.ID,
		Audience: "https://evaluate.example.com", Identity: json.RawMessage(`{}`), Nonce: "n"}
	match := proto.Statement{Kind: proto.StatementMatch, Account: w.account, Application: w.app.ID,
		Hostname: "app.example.com"}
	for _, c := range []struct {
		name   string
		base   proto.Statement
		change func(q *proto.Statement)
		want   string
	}{
		{"nothing wrong", match, func(*proto.Statement) {}, ""},
		{"nor here", external, func(*proto.Statement) {}, ""},
		{"unknown application", match, func(q *proto.Statement) { q.Application = proto.NewID() }, "unknown_application"},
		{"another account", match, func(q *proto.Statement) { q.Account = proto.NewAccount() }, "unknown_application"},
		{"another kind", match, func(q *proto.Statement) { q.Kind = "app" }, "bad_request"},
		{"no host", match, func(q *proto.Statement) { q.Hostname = "" }, "bad_request"},
		{"no host name", match, func(q *proto.Statement) { q.Hostname = "a b" }, "bad_request"},
		{"a long host name", match, func(q *proto.Statement) { q.Hostname = strings.Repeat("a", 256) }, "bad_request"},
		{"a long URL", match, func(q *proto.Statement) {
			q.Kind, q.RedirectURL = proto.StatementMeta, strings.Repeat("a", maxURL+1)
		}, "bad_request"},
		{"an AUD for an audience", external, func(q *proto.Statement) { q.Audience = w.app.AUD }, "bad_request"},
		{"no nonce", external, func(q *proto.Statement) { q.Nonce = "" }, "bad_request"},
		{"identity is no object", external, func(q *proto.Statement) { q.Identity = json.RawMessage(`"x"`) }, "bad_request"},
		{"a large identity", external, func(q *proto.Statement) {
			q.Identity = json.RawMessage(`{"a":"` + strings.Repeat("a", maxIdentity) + `"}`)
		}, "bad_request"},
	} {
		q := c.base
		c.change(&q)
		if answer := w.from(w.gateway, topology.Statements, &q); code(answer) != c.want {
			t.Errorf("%s: %+v", c.name, answer)
		}
	}
	if answer := w.from(w.bus.Conn(topology.Operator), topology.Statements, &match); code(answer) != "bad_request" {
		t.Errorf("%+v", answer)
	}
}

func TestAppHostname(t *testing.T) {
	for _, c := range []struct {
		domains []string
		want    string
	}{
		{nil, "asked"}, {[]string{"*.example.com", "app.example.com/path"}, "app.example.com"}, {[]string{"*.example.com/x"}, "asked"},
	} {
		if got := appHostname(&proto.Application{Domains: c.domains}, "asked"); got != c.want {
			t.Errorf("%v: %s", c.domains, got)
		}
	}
}
