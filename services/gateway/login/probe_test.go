package login

import (
	"crypto/x509"
	"net"
	"net/http"
	"net/http/httptest"
	"strings"
	"testing"

	"filippo.io/age"
	"plumbline.dev/bus/bustest"
	"plumbline.dev/bus/topology"
	"plumbline.dev/proto"
	"plumbline.dev/services/internal/egress"
	"plumbline.dev/services/internal/seal"
)

// A probe finds misconfigurations that would fail logins, and names the setting.
func TestProbe(t *testing.T) {
	at := func(path string, answer http.HandlerFunc) func(w http.ResponseWriter, r *http.Request) bool {
		return func(w http.ResponseWriter, r *http.Request) bool {
			if r.URL.Path == path {
				answer(w, r)
			}
			return r.URL.Path == path
		}
	}
	const discovery = "/.well-known/openid-configuration"
	missing := func(w http.ResponseWriter, _ *http.Request) { w.WriteHeader(http.StatusNotFound) }
	page := func(w http.ResponseWriter, _ *http.Request) { _, _ = w.Write([]byte("<html>Log in</html>")) }
	endless := func(w http.ResponseWriter, _ *http.Request) { _, _ = w.Write([]byte(strings.Repeat(" ", callSize+1))) }
	keyless := func(w http.ResponseWriter, _ *http.Request) { answerJSON(w, map[string]any{"keys": []any{}}) }
	complete := func(q *proto.ProviderProbe) {
		q.Complete, q.TokenURL, q.CertsURL = true, idpURL+"/token", idpURL+"/keys"
	}
	w := newFixture(t, teamURL)
	run(t, w.login.AnswerProbes)
	for name, c := range map[string]struct {
		change  func(*proto.ProviderProbe)
		broken  func(w http.ResponseWriter, r *http.Request) bool
		failure string
		says    string
	}{
		"discovered":                {},
		"endpoints":                 {change: func(q *proto.ProviderProbe) { complete(q); q.Issuer = "" }},
		"a token endpoint for POST": {broken: at("/token", missing)},
		"no URL that is called":     {change: func(q *proto.ProviderProbe) { q.Issuer = "http://8.8.8.8" }, failure: "denied", says: "public address"},
		"status":                    {broken: at(discovery, missing), failure: "status", says: "answered 404"},
		"redirect": {broken: at(discovery,
			func(w http.ResponseWriter, r *http.Request) { http.Redirect(w, r, "/elsewhere", http.StatusFound) }),
			failure: "status", says: "answered 302"},
		"a page":    {broken: at(discovery, page), failure: "document", says: "is no discovery document"},
		"too large": {broken: at(discovery, endless), failure: "document", says: "bytes"},
		"another issuer": {change: func(q *proto.ProviderProbe) { q.Issuer = idpURL + "/" }, failure: "issuer",
			says: `The provider calls itself "` + idpURL + `" and config.x_issuer is "` + idpURL + `/"`},
		"no keys named": {broken: at(discovery, func(w http.ResponseWriter, _ *http.Request) { answerJSON(w, map[string]any{"issuer": idpURL}) }),
			failure: "document", says: "set config.certs_url"},
		"no keys":              {broken: at("/keys", missing), failure: "status", says: "Check config.certs_url."},
		"keys that are none":   {broken: at("/keys", page), failure: "keys", says: "has no keys"},
		"an empty set of keys": {broken: at("/keys", keyless), failure: "keys", says: "has no keys"},
		"described by nobody, endpoints set": {change: complete, broken: at(discovery, missing), failure: "status",
			says: "Logins use the endpoints that are set meanwhile."},
		"no token endpoint that is called": {change: func(q *proto.ProviderProbe) { q.TokenURL = "http://8.8.8.8/" },
			failure: "denied",
			says:    "Check config.token_url."},
		"another gateway's secret": {change: func(q *proto.ProviderProbe) {
			other, _ := age.GenerateX25519Identity()
			q.SealedSecret, _ = seal.Seal([]age.Recipient{other.Recipient()}, q.Provider.String(), []byte("secret"))
		}, failure: "secret", says: "--seal-gateway"},
	} {
		t.Run(name, func(t *testing.T) {
			w.idp.mu.Lock()
			w.idp.broken = c.broken
			w.idp.mu.Unlock()
			q := proto.ProviderProbe{Provider: w.provider.ID, Issuer: idpURL, SealedSecret: w.provider.SealedSecret}
			if c.change != nil {
				c.change(&q)
			}
			got := askProbe(t, w, &q)
			if got.Failure != c.failure || !strings.Contains(strings.ToLower(got.Detail), strings.ToLower(c.says)) ||
				(c.says == "") != (got.Detail == "") {
				t.Errorf("%q: %s", got.Failure, got.Detail)
			}
		})
	}
}

func askProbe(t *testing.T, w *fixture, q *proto.ProviderProbe) proto.ProviderProbeAnswer {
	t.Helper()
	var got proto.ProviderProbeAnswer
	asker := w.bus.Conn(topology.API)
	bustest.Eventually(t, "a gateway answers", func() bool {
		return asker.Request(t.Context(), topology.ProviderProbe(w.account), q, &got) == nil
	})
	return got
}

// Certificates, names and addresses are judged as they are for logins: by the egress rules of the gateway.
func TestProbeOverTheNetwork(t *testing.T) {
	server := httptest.NewTLSServer(http.NotFoundHandler())
	defer server.Close()
	silent, err := net.Listen("tcp", "127.0.0.1:0")
	if err != nil {
		t.Fatal(err)
	}
	closed := silent.Addr().String()
	silent.Close()
	trusted := x509.NewCertPool()
	trusted.AddCert(server.Certificate())
	for name, c := range map[string]struct {
		issuer  string
		cfg     egress.Config
		failure string
	}{
		"an authority nobody knows": {server.URL, egress.Config{RootCAs: x509.NewCertPool()}, "untrusted"},
		"no such host":              {"https://nobody.invalid", egress.Config{}, "transport"},
		"nothing listens":           {"http://" + closed, egress.Config{}, "transport"},
		"one of our own listeners":  {server.URL, egress.Config{DenyAddrs: []string{server.Listener.Addr().String()}}, "denied"},
		"a trusted authority":       {server.URL, egress.Config{RootCAs: trusted}, "status"},
	} {
		client, err := egress.New(c.cfg)
		if err != nil {
			t.Fatal(err)
		}
		p := &providers{client: bounded(client)}
		if got := p.probe(t.Context(), &proto.ProviderProbe{Issuer: c.issuer}); got.kind != c.failure ||
			!strings.HasSuffix(got.text, ".") {
			t.Errorf("%s: %+v", name, got)
		}
	}
}
