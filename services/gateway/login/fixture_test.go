package login

import (
	"context"
	"crypto/rand"
	"crypto/x509"
	"encoding/base64"
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"log/slog"
	"net/http"
	"net/http/cookiejar"
	"net/http/httptest"
	"net/netip"
	"net/url"
	"strings"
	"sync"
	"testing"
	"time"

	"filippo.io/age"
	"github.com/prometheus/client_golang/prometheus"
	"plumbline.dev/bus"
	"plumbline.dev/bus/bustest"
	"plumbline.dev/bus/topology"
	"plumbline.dev/proto"
	"plumbline.dev/services/gateway/gate"
	"plumbline.dev/services/internal/appmatch"
	"plumbline.dev/services/internal/catalog"
	"plumbline.dev/services/internal/clock"
	"plumbline.dev/services/internal/keycache"
	"plumbline.dev/services/internal/policy"
	"plumbline.dev/services/internal/seal"
)

const (
	teamURL = "https://team.example.test"
	idpURL  = "https://idp.example.test"
)

// fixture is a gateway's logins, the provider, and applications, without a network between them: browsers call
// the handlers.
type fixture struct {
	t        testing.TB
	bus      *bustest.Bus
	operator *bus.Conn
	clock    *clock.Fake
	catalog  *catalog.Catalog
	account  proto.Account
	login    *Login
	sessions *Sessions
	idp      *idp
	other    *idp // a second provider, at other.example.test
	keys     *keys
	gate     *doorkeeper
	devices  *devices
	records  *records
	hosts    map[string]http.Handler // of other services
	provider proto.IdentityProvider
	secret   func(id proto.ID, s string) []byte
	logs     *strings.Builder
}

func newFixture(t testing.TB, team string) *fixture {
	t.Helper()
	w := &fixture{t: t, bus: bustest.Start(t), clock: clock.NewFake(time.Now().Truncate(time.Second)),
		account: proto.NewAccount(), hosts: map[string]http.Handler{}}
	w.operator = w.bus.Conn(topology.Operator)
	conn := w.bus.Conn(topology.Gateway)
	w.logs = &strings.Builder{}
	log := slog.New(slog.NewTextHandler(&locked{b: w.logs}, &slog.HandlerOptions{Level: slog.LevelDebug}))
	w.catalog = catalog.New(conn)
	w.sessions = NewSessions(conn, log, w.clock, w.catalog.Revoked)
	run(t, w.catalog.Run)
	run(t, w.sessions.Run)
	identity, err := age.GenerateX25519Identity()
	if err != nil {
		t.Fatal(err)
	}
	w.secret = func(id proto.ID, s string) []byte {
		sealed, err := seal.Seal([]age.Recipient{identity.Recipient()}, id.String(), []byte(s))
		if err != nil {
			t.Fatal(err)
		}
		return sealed
	}
	w.keys = &keys{clock: w.clock, made: map[string]*keycache.Claims{}, aud: map[string]string{}, fixture: w}
	w.gate = &doorkeeper{fixture: w, decide: func(gate.Application, *proto.Session) policy.Decision {
		return policy.Decision{Reason: policy.Allow, Policy: proto.ID{9}}
	}}
	w.devices = &devices{}
	w.records = &records{}
	w.idp = newIDP(t, idpURL, team+pathCallback, w.clock.Now)
	w.hosts["idp.example.test"] = w.idp
	key := make([]byte, KeySize)
	rand.Read(key)
	w.login, err = New(Config{TeamDomain: team, SessionKey: key},
		Deps{Bus: conn, Log: log, Metrics: prometheus.NewRegistry(), Clock: w.clock,
			Catalog: w.catalog, Sessions: w.sessions, Gate: w.gate, Keys: w.keys, Devices: w.devices, Recorder: w.records,
			Identities: []age.Identity{identity}, HTTP: &http.Client{Transport: inside{w}}})
	if err != nil {
		t.Fatal(err)
	}
	w.provider = proto.IdentityProvider{ID: proto.NewID(), Name: "Example", Type: proto.TypeOIDC, ClientID: "plumbline",
		Issuer: idpURL}
	w.provider.SealedSecret = w.secret(w.provider.ID, w.idp.secret)
	w.put(topology.KindIDP, w.provider.ID, &w.provider)
	return w
}

type locked struct {
	mu sync.Mutex
	b  *strings.Builder
}

func (l *locked) Write(p []byte) (int, error) {
	l.mu.Lock()
	defer l.mu.Unlock()
	return l.b.Write(p)
}

func run(t testing.TB, part func(context.Context) error) {
	bustest.Run(t, part)
}

// put writes a record of CONFIG and waits until it counts.
func (w *fixture) put(kind topology.Kind, id proto.ID, m proto.Message) {
	w.t.Helper()
	key := topology.ConfigKey(w.account, kind, id)
	last, err := w.operator.Last(w.t.Context(), topology.BucketStream(topology.Config),
		topology.BucketSubject(topology.Config, key))
	expect := uint64(0)
	if err == nil {
		expect = last.Seq
	}
	revision, err := w.operator.Put(w.t.Context(), topology.Config, key, m, expect)
	if err != nil {
		w.t.Fatal(err)
	}
	if err := w.catalog.AwaitRevision(w.t.Context(), revision); err != nil {
		w.t.Fatal(err)
	}
}

// app adds an application.
func (w *fixture) app(domain string, change ...func(*proto.Application)) gate.Application {
	w.t.Helper()
	var aud [32]byte
	rand.Read(aud[:])
	a := &proto.Application{ID: proto.NewID(), AUD: fmt.Sprintf("%x", aud), Name: "App of " + domain, Type: "self_hosted",
		Domains: []string{domain}}
	for _, c := range change {
		c(a)
	}
	w.put(topology.KindApplication, a.ID, a)
	app, _ := w.catalog.Application(w.account, a.ID)
	return app
}

// addIDP adds a second provider.
func (w *fixture) addIDP(team string) proto.IdentityProvider {
	w.other = newIDP(w.t, "https://other.example.test", team+pathCallback, w.clock.Now)
	w.other.person = map[string]any{"sub": "o-1", "email": "bob@example.org"}
	w.hosts["other.example.test"] = w.other
	r := proto.IdentityProvider{ID: proto.NewID(), Name: "Other", Type: proto.TypeOIDC, ClientID: "plumbline",
		Issuer: w.other.issuer}
	r.SealedSecret = w.secret(r.ID, w.other.secret)
	w.put(topology.KindIDP, r.ID, &r)
	return r
}

// inside answers requests in the process.
type inside struct{ *fixture }

func (i inside) RoundTrip(r *http.Request) (*http.Response, error) {
	h := http.Handler(http.HandlerFunc(i.gateway))
	if other, ok := i.hosts[r.URL.Host]; ok {
		h = other
	}
	rec := httptest.NewRecorder()
	r.Host = r.URL.Host
	if r.Body == nil {
		r.Body = http.NoBody
	}
	h.ServeHTTP(rec, r)
	resp := rec.Result()
	resp.Request = r
	return resp, nil
}

// gateway is the rest of it: what needs no login is not asked about, the rest only for a session.
func (w *fixture) gateway(rw http.ResponseWriter, r *http.Request) {
	u := *r.URL
	q := &gate.Request{Method: r.Method, URL: &u, Header: r.Header, Peer: netip.MustParseAddr("192.0.2.7")}
	if strings.HasPrefix(u.Path, ourPaths+"/") || w.login.IsTeam(&u) {
		w.login.ServeHTTP(rw, r, q)
		return
	}
	app, ok := w.gate.Find(&u)
	if !ok {
		http.NotFound(rw, r)
		return
	}
	for _, token := range cookies(r.Header, cookieToken) {
		c, err := w.keys.Verify(token, app.Value.AUD)
		if err != nil {
			continue
		}
		if s, ok := w.sessions.Session(app.Account, c.Nonce); ok {
			fmt.Fprintf(rw, "hello %s at %s", s.Email, u.RequestURI())
			return
		}
	}
	if denial, ok := w.login.Denied(q, app); ok {
		if s, live := w.sessions.Session(app.Account, denial.Session); live {
			if d := w.gate.decide(app, s); !d.Admitted() {
				rw.WriteHeader(http.StatusForbidden)
				fmt.Fprintf(rw, "refused: %s %s", d.Reason, s.Email)
				return
			}
		}
	}
	answer := w.login.Redirect(r.Context(), q, app, false)
	if answer == nil {
		rw.WriteHeader(http.StatusForbidden)
		return
	}
	for name, values := range answer.Header {
		rw.Header()[name] = values
	}
	rw.WriteHeader(answer.Status)
	_, _ = rw.Write(answer.Body)
}

// doorkeeper stands for the gate.
type doorkeeper struct {
	*fixture
	decide func(gate.Application, *proto.Session) policy.Decision
}

func (d *doorkeeper) Decide(_ context.Context, r *gate.Request, app gate.Application,
	s *proto.Session) policy.Decision {
	if !strings.Contains(r.URL.Host, "app") && !strings.Contains(r.URL.Host, "localhost") {
		d.t.Errorf("policies are asked about a request for %s", r.URL)
	}
	return d.decide(app, s)
}

func (d *doorkeeper) Find(u *url.URL) (gate.Application, bool) {
	return appmatch.Find(d.catalog.AllApplications(), u)
}

// keys stands for the key cache and the exchange behind it. Its tokens look like real ones.
type keys struct {
	*fixture
	clock clock.Clock
	mu    sync.Mutex
	made  map[string]*keycache.Claims
	aud   map[string]string
	asked []*proto.UserExchange
	pad   int // makes tokens longer
	fail  error
	meta  error
}

var errToken = errors.New("not a token for this audience")

func (k *keys) Verify(token, aud string) (*keycache.Claims, error) {
	k.mu.Lock()
	defer k.mu.Unlock()
	c := k.made[token]
	if c == nil || k.aud[token] != aud || !k.clock.Now().Before(c.Expires) {
		return nil, errToken
	}
	return c, nil
}

func (k *keys) VerifyGlobal(token string, a proto.Account) (*keycache.Claims, error) {
	return k.Verify(token, "org "+a.String())
}

func (k *keys) User(_ context.Context, q *proto.UserExchange) (*proto.TokenAnswer, error) {
	k.mu.Lock()
	defer k.mu.Unlock()
	if k.fail != nil {
		return nil, k.fail
	}
	k.asked = append(k.asked, q)
	aud := "org " + q.Account.String()
	if !q.Application.IsZero() {
		app, _ := k.catalog.Application(q.Account, q.Application)
		aud = app.Value.AUD
	}
	now := k.clock.Now().Truncate(time.Second)
	payload, _ := json.Marshal(map[string]any{"aud": []string{aud}, "identity_nonce": q.Session, "jti": newSecret(),
		"pad": strings.Repeat("x", k.pad)})
	token := "e30." + base64.RawURLEncoding.EncodeToString(payload) + ".c2ln"
	expires := q.Until.Time()
	if day := now.Add(24 * time.Hour); day.Before(expires) {
		expires = day
	}
	k.made[token] = &keycache.Claims{Subject: q.User.String(), Email: q.Email, Nonce: q.Session, IssuedAt: now,
		Expires: expires}
	k.aud[token] = aud
	return &proto.TokenAnswer{Token: token, ExpiresAt: proto.At(expires), Policy: q.Policy}, nil
}

func (k *keys) Statement(_ context.Context, s *proto.Statement) (string, error) {
	if k.meta != nil {
		return "", k.meta
	}
	return "meta." + s.Hostname + ".sig", nil
}

type devices struct {
	device proto.ID
	found  map[proto.ID]gate.Posture
}

func (d *devices) Behind(proto.Account, netip.Addr, *x509.Certificate) (proto.ID, bool) {
	return d.device, !d.device.IsZero()
}

func (d *devices) Posture(_ proto.Account, _, check proto.ID) gate.Posture { return d.found[check] }

type records struct {
	mu  sync.Mutex
	all []proto.Authentication
}

func (r *records) Record(_ proto.Account, a proto.Authentication) {
	r.mu.Lock()
	defer r.mu.Unlock()
	r.all = append(r.all, a)
}

func (r *records) last() proto.Authentication {
	r.mu.Lock()
	defer r.mu.Unlock()
	if len(r.all) == 0 {
		return proto.Authentication{}
	}
	return r.all[len(r.all)-1]
}

// browser has cookies, and follows redirects only on request.
type browser struct {
	*fixture
	client *http.Client
	header http.Header
}

func (w *fixture) browser() *browser {
	jar, err := cookiejar.New(nil)
	if err != nil {
		w.t.Fatal(err)
	}
	return &browser{fixture: w, client: &http.Client{Transport: inside{w}, Jar: jar,
		CheckRedirect: func(*http.Request, []*http.Request) error { return http.ErrUseLastResponse }}, header: http.Header{}}
}

// answered is a response with its body already read.
type answered struct {
	*http.Response
	url, body string
}

func (b *browser) get(to string) answered {
	b.t.Helper()
	r, err := http.NewRequestWithContext(b.t.Context(), http.MethodGet, to, nil)
	if err != nil {
		b.t.Fatal(err)
	}
	for name, values := range b.header {
		r.Header[name] = values
	}
	resp, err := b.client.Do(r)
	if err != nil {
		b.t.Fatal(err)
	}
	defer resp.Body.Close()
	body, err := io.ReadAll(resp.Body)
	if err != nil {
		b.t.Fatal(err)
	}
	return answered{resp, to, string(body)}
}

// next returns the target of a redirect.
func (a answered) next(t testing.TB) string {
	t.Helper()
	to, err := a.Location()
	if err != nil || a.StatusCode != http.StatusFound {
		t.Fatalf("%s: status %d, no redirect: %s", a.url, a.StatusCode, a.body)
	}
	return to.String()
}

// until follows redirects until the next one's path is path, and returns its URL.
func (b *browser) until(from, path string) string {
	b.t.Helper()
	at := b.get(from)
	for range 10 {
		to := at.next(b.t)
		u, _ := url.Parse(to)
		if strings.HasPrefix(u.Path, path) {
			return to
		}
		at = b.get(to)
	}
	b.t.Fatalf("%s does not lead to %s", from, path)
	return ""
}

// follow follows redirects to the end.
func (b *browser) follow(from string) answered {
	b.t.Helper()
	at := b.get(from)
	for range 12 {
		if at.StatusCode != http.StatusFound {
			return at
		}
		at = b.get(at.next(b.t))
	}
	b.t.Fatalf("%s redirects for ever, last to %s", from, at.url)
	return at
}

// wantRefusal checks the reason on a deny page.
func (a answered) wantRefusal(t testing.TB, why policy.Reason) {
	t.Helper()
	if a.StatusCode < 400 || !strings.Contains(a.body, why.String()) {
		t.Errorf("%s: status %d, %s wanted: %s", a.url, a.StatusCode, why, a.body)
	}
}
