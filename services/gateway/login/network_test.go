package login_test

import (
	"bytes"
	"context"
	"encoding/json"
	"fmt"
	"io"
	"log/slog"
	"net"
	"net/http"
	"net/http/cookiejar"
	"net/http/httptest"
	"strings"
	"testing"
	"time"

	"filippo.io/age"
	"github.com/prometheus/client_golang/prometheus"
	"plumbline.dev/bus/bustest"
	"plumbline.dev/bus/topology"
	"plumbline.dev/proto"
	"plumbline.dev/services/exchange"
	"plumbline.dev/services/gateway"
	"plumbline.dev/services/gateway/login"
	"plumbline.dev/services/internal/clock"
	"plumbline.dev/services/internal/seal"
)

const team = "http://team.example.test"

// fixture is two gateways, an exchange, a provider and an origin, over TCP.
type fixture struct {
	testing.TB
	gateways [2]*gateway.Service
	account  proto.Account
	aud      string
	// at is the gateway of the browsers' requests, as behind a load balancer.
	at func() int
}

func start(t testing.TB) *fixture {
	t.Helper()
	w := &fixture{TB: t, account: proto.NewAccount(), aud: strings.Repeat("5e", 32), at: func() int { return 0 }}
	b := bustest.Start(t)
	api := b.Conn(topology.API)
	identity, err := age.GenerateX25519Identity()
	if err != nil {
		t.Fatal(err)
	}
	ids := []age.Identity{identity}
	run := func(part func(context.Context) error) {
		bustest.Run(t, part)
	}
	origin := httptest.NewServer(http.HandlerFunc(func(rw http.ResponseWriter, r *http.Request) {
		var names []string
		for _, c := range r.Cookies() {
			names = append(names, c.Name)
		}
		fmt.Fprintf(rw, "origin: %s for %s, assertion %t, cookies %s", r.URL.Path,
			r.Header.Get("Cf-Access-Authenticated-User-Email"), r.Header.Get("Cf-Access-Jwt-Assertion") != "", names)
	}))
	t.Cleanup(origin.Close)
	provider := httptest.NewUnstartedServer(nil)
	idp := login.NewIDP(t, "http://"+provider.Listener.Addr().String(), team+"/cdn-cgi/access/callback", time.Now)
	provider.Config.Handler = idp
	provider.Start()
	t.Cleanup(provider.Close)

	put := func(kind topology.Kind, id proto.ID, m proto.Message) {
		t.Helper()
		if _, err := api.Put(t.Context(), topology.Config, topology.ConfigKey(w.account, kind, id), m, 0); err != nil {
			t.Fatal(err)
		}
	}
	client, secret := idp.Credentials()
	r := proto.IdentityProvider{ID: proto.NewID(), Name: "Example", Type: proto.TypeOIDC, ClientID: client,
		Issuer: provider.URL}
	if r.SealedSecret, err = seal.Seal([]age.Recipient{identity.Recipient()}, r.ID.String(), []byte(secret)); err != nil {
		t.Fatal(err)
	}
	put(topology.KindIDP, r.ID, &r)
	p := proto.Policy{ID: proto.NewID(), Decision: proto.DecisionAllow,
		Include: []proto.Rule{{Selector: "email_domain", Body: json.RawMessage(`{"domain":"example.com"}`)}}}
	put(topology.KindPolicy, p.ID, &p)
	for i, host := range []string{"app.example.test", "other.example.test"} {
		a := proto.Application{ID: proto.NewID(), AUD: strings.Repeat([]string{"5e", "6f"}[i], 32), Name: host,
			Type: "self_hosted", Domains: []string{host}, OriginURL: origin.URL,
			Policies: []proto.PolicyLink{{Policy: p.ID, Precedence: 1}}}
		put(topology.KindApplication, a.ID, &a)
	}

	quiet := slog.New(slog.DiscardHandler)
	ex, err := exchange.New(exchange.Config{TeamDomain: team},
		exchange.Deps{Bus: b.Conn(topology.Exchange), Log: quiet, Metrics: prometheus.NewRegistry(),
			Clock: clock.System, Identities: ids})
	if err != nil {
		t.Fatal(err)
	}
	run(ex.Run)
	for i := range w.gateways {
		w.gateways[i], err = gateway.New(gateway.Config{AccessAddr: "127.0.0.1:0", TeamDomain: team,
			SessionKey: bytes.Repeat([]byte{7}, login.KeySize)},
			gateway.Deps{Bus: b.Conn(topology.Gateway), Log: quiet, Metrics: prometheus.NewRegistry(), Clock: clock.System,
				Identities: ids})
		if err != nil {
			t.Fatal(err)
		}
		run(w.gateways[i].Run)
	}
	bustest.Eventually(t, "everything is ready", func() bool {
		return ex.Ready(t.Context()) == nil && w.gateways[0].Ready(t.Context()) == nil &&
			w.gateways[1].Ready(t.Context()) == nil
	})
	return w
}

// browser keeps cookies and finds the gateways under every name of example.test.
func (w *fixture) browser() *http.Client {
	jar, err := cookiejar.New(nil)
	if err != nil {
		w.Fatal(err)
	}
	dial := func(ctx context.Context, network, addr string) (net.Conn, error) {
		if host, _, _ := net.SplitHostPort(addr); strings.HasSuffix(host, ".example.test") {
			addr = w.gateways[w.at()].AccessAddr()
		}
		return new(net.Dialer).DialContext(ctx, network, addr)
	}
	return &http.Client{Jar: jar, Transport: &http.Transport{DialContext: dial, DisableKeepAlives: true}}
}

func (w *fixture) get(c *http.Client, url string) (*http.Response, string) {
	w.Helper()
	r, err := http.NewRequestWithContext(w.Context(), http.MethodGet, url, nil)
	if err != nil {
		w.Fatal(err)
	}
	resp, err := c.Do(r)
	if err != nil {
		w.Fatal(err)
	}
	defer resp.Body.Close()
	body, err := io.ReadAll(resp.Body)
	if err != nil {
		w.Fatal(err)
	}
	return resp, string(body)
}

// From end to end: real tokens, real keys, a real gate, and at each step of the way another gateway.
func TestWholeLogin(t *testing.T) {
	w := start(t)
	turn := 0
	w.at = func() int { turn++; return turn % 2 }
	c := w.browser()
	want := `origin: /reports for ada@example.com, assertion true, cookies [CF_Authorization]`
	if resp, body := w.get(c, "http://app.example.test/reports?a=b"); resp.StatusCode != http.StatusOK || body != want ||
		resp.Request.URL.RequestURI() != "/reports?a=b" {
		t.Fatalf("%d at %s: %s", resp.StatusCode, resp.Request.URL, body)
	}
	for range 4 {
		if resp, body := w.get(c, "http://app.example.test/reports"); resp.StatusCode != http.StatusOK || body != want {
			t.Fatalf("%d %s", resp.StatusCode, body)
		}
	}
	for _, host := range []string{"app.example.test", "team.example.test"} {
		resp, body := w.get(c, "http://"+host+"/cdn-cgi/access/get-identity")
		if resp.StatusCode != http.StatusOK || !strings.Contains(body, `"email":"ada@example.com"`) {
			t.Errorf("%s: %d %s", host, resp.StatusCode, body)
		}
	}
	if resp, body := w.get(c, "http://other.example.test/reports"); resp.StatusCode != http.StatusOK || body != want {
		t.Errorf("the other application: %d %s", resp.StatusCode, body)
	}
	// After the logout at one gateway no cookie of hers is worth anything at the other.
	hers := c.Jar
	once := func(*http.Request, []*http.Request) error { return http.ErrUseLastResponse }
	copied := w.browser()
	copied.CheckRedirect = once
	for _, host := range []string{"app", "other", "team"} {
		u, _ := http.NewRequest(http.MethodGet, "http://"+host+".example.test/", nil)
		copied.Jar.SetCookies(u.URL, hers.Cookies(u.URL))
	}
	if resp, body := w.get(copied, "http://app.example.test/"); resp.StatusCode != http.StatusOK {
		t.Fatalf("a copy of her cookies, before: %d %s", resp.StatusCode, body)
	}
	w.at = func() int { return 0 }
	if resp, body := w.get(c, "http://app.example.test/cdn-cgi/access/logout"); resp.StatusCode != http.StatusOK ||
		!strings.Contains(body, "logged out") {
		t.Fatalf("%d %s", resp.StatusCode, body)
	}
	w.at = func() int { return 1 }
	bustest.Eventually(t, "the other gateway knows of the logout", func() bool {
		resp, _ := w.get(copied, "http://app.example.test/")
		return resp.StatusCode == http.StatusFound
	})
	if resp, _ := w.get(copied, "http://other.example.test/"); resp.StatusCode != http.StatusFound {
		t.Errorf("the other application: %d", resp.StatusCode)
	}
	if resp, _ := w.get(copied,
		"http://team.example.test/cdn-cgi/access/get-identity"); resp.StatusCode != http.StatusUnauthorized {
		t.Errorf("the global session: %d", resp.StatusCode)
	}
}

// The redirect of api/README.md 8.5.
func TestWholeRedirect(t *testing.T) {
	w := start(t)
	c := w.browser()
	c.CheckRedirect = func(*http.Request, []*http.Request) error { return http.ErrUseLastResponse }
	resp, _ := w.get(c, "http://app.example.test/deep/er?x=1")
	to, err := resp.Location()
	if err != nil || resp.StatusCode != http.StatusFound {
		t.Fatalf("%d %v", resp.StatusCode, err)
	}
	q := to.Query()
	if !strings.HasPrefix(to.String(), team+"/cdn-cgi/access/login/app.example.test?kid="+w.aud+"&meta=ey") ||
		q.Get("redirect_url") != "/deep/er?x=1" {
		t.Errorf("to %s", to)
	}
	for name, want := range map[string]string{
		"Www-Authenticate": `Cloudflare-Access resource_metadata="http://app.example.test/.well-known/cloudflare-access-protected-resource/deep/er"`,
		"Cache-Control":    "private, max-age=0, no-store, no-cache, must-revalidate",
	} {
		if got := resp.Header[name]; len(got) != 1 || got[0] != want {
			t.Errorf("%s: %q", name, got)
		}
	}
	if got := resp.Header["Cf-Ray"]; len(got) != 1 {
		t.Errorf("Cf-Ray %q", got)
	}
}
