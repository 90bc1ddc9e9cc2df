package gate

import (
	"crypto/x509"
	"crypto/x509/pkix"
	"net/http"
	"net/url"
	"testing"
	"time"

	"plumbline.dev/bus/topology"
	"plumbline.dev/proto"
	"plumbline.dev/services/internal/keycache"
	"plumbline.dev/services/internal/policy"
)

// TestWhyATokenDoesNotCount: a user with an invalid token is redirected to the login, and the log records the reason.
func TestWhyATokenDoesNotCount(t *testing.T) {
	w := newFixture(t)
	w.save(topology.KindOrganization, topology.OrganizationID(w.account), &proto.Organization{Lenient: true})
	app := w.app("app.example.com", proto.Gate{}, w.policy(proto.DecisionNonIdentity, w.robot()),
		w.policy(proto.DecisionAllow, emailRule("ada@example.com")))
	now := w.clock.Now()
	service := func(clientID string) string {
		return w.keys.issue(app.AUD,
			&keycache.Claims{Type: "app", CommonName: clientID, IssuedAt: now, Expires: now.Add(time.Hour)})
	}
	ended := w.logIn("ada@example.com", app)
	delete(w.people, w.keys.tokens[ended].Nonce)
	old := w.logIn("ada@example.com", app)
	w.keys.tokens[old].IssuedAt = now.Add(-time.Hour)
	app.Gate.RevokedAt = proto.At(now.Add(-time.Minute))
	w.save(topology.KindApplication, app.ID, app)
	elsewhere := w.logIn("ada@example.com", app)
	w.people[w.keys.tokens[elsewhere].Nonce].IDP = proto.NewID()
	header := func(token string) http.Header { return http.Header{"Cf-Access-Token": {token}} }
	for _, c := range []struct {
		name string
		h    http.Header
		want policy.Reason
	}{
		{"forged", header("x"), policy.BadToken},
		{"expired", header(w.keys.issue(app.AUD, &keycache.Claims{IssuedAt: now, Expires: now.Add(-time.Hour)})), policy.AppTokenExpired},
		{"revoked", header(old), policy.TokenRevoked},
		{"logged out", header(ended), policy.SessionEnded},
		{"of an identity provider that is not there", header(elsewhere), policy.ProviderNotAllowed},
		{"logged out, as a cookie, and a forged one", http.Header{"Cookie": {"CF_Authorization=" + ended + "; CF_Authorization=x"}}, policy.SessionEnded},
		{"a service that is not there", header(service("gone.access")), policy.UnknownCredentials},
		{"nobody's", header(service("")), policy.BadToken},
		{"half-given", http.Header{idHeader: {w.token.ClientID}}, policy.MalformedCredentials},
		{"nothing", nil, policy.LoginRequired},
	} {
		w.log.take()
		a := w.ask("GET", "https://app.example.com/", c.h)
		all := w.log.take()
		if a.Decision.Reason != c.want || a.Response.Status != http.StatusFound || len(all) != 1 ||
			all[0].Reason != c.want.String() || all[0].Allowed {
			t.Errorf("%s: %v %d, recorded %+v", c.name, a.Decision.Reason, a.Response.Status, all)
		}
	}
	token := service(w.token.ClientID)
	if a := w.ask("GET", "https://app.example.com/", header(token)); !a.Admitted() {
		t.Errorf("a service's token: %v", a.Decision.Reason)
	}
	w.token.Disabled = true
	w.saveToken()
	if a := w.ask("GET", "https://app.example.com/", header(token)); a.Decision.Reason != policy.TokenDisabled {
		t.Errorf("a disabled service's token: %v", a.Decision.Reason)
	}
}

// TestNobodyHasAnAssertion: who is admitted for the address, or the certificate, comes with a token all the same.
func TestNobodyHasAnAssertion(t *testing.T) {
	w := newFixture(t)
	anybody := w.policy(proto.DecisionNonIdentity, everyone())
	app := w.app("app.example.com", proto.Gate{}, anybody)
	w.app("open.example.com", proto.Gate{}, w.policy(proto.DecisionBypass, everyone()))
	u := &url.URL{Scheme: "https", Host: "app.example.com", Path: "/"}
	for _, cert := range []*x509.Certificate{nil, {Subject: pkix.Name{CommonName: "laptop"}}} {
		w.keys.anybody = nil
		a := w.gate.Check(t.Context(), &Request{Method: "GET", URL: u, Header: http.Header{}, Peer: peer, Certificate: cert})
		want := keycache.AnybodyRequest{Account: w.account, App: app.ID, AppRevision: a.App.Revision, Policy: anybody.ID}
		if cert != nil {
			want.CommonName = "laptop"
		}
		if !a.Admitted() || a.Assertion != "assertion of nobody" || a.Email != "" || len(w.keys.anybody) != 1 ||
			w.keys.anybody[0] != want {
			t.Errorf("%+v, asked %+v", a, w.keys.anybody)
		}
	}
	if a := w.ask("GET", "https://open.example.com/", nil); !a.Admitted() || a.Assertion != "" {
		t.Errorf("a Bypass policy: %+v", a)
	}
	w.keys.fail = keycache.ErrUnavailable
	if a := w.ask("GET", "https://app.example.com/", nil); a.Admitted() ||
		a.Response.Status != http.StatusServiceUnavailable || a.Decision.Reason != policy.Unavailable {
		t.Errorf("without the exchange: %+v", a)
	}
}
