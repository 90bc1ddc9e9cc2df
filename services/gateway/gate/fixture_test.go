package gate

import (
	"context"
	"crypto/x509"
	"encoding/json"
	"net/http"
	"net/netip"
	"net/url"
	"slices"
	"strings"
	"sync"
	"testing"
	"time"

	"plumbline.dev/bus"
	"plumbline.dev/bus/bustest"
	"plumbline.dev/bus/topology"
	"plumbline.dev/proto"
	"plumbline.dev/services/gateway/external"
	"plumbline.dev/services/internal/catalog"
	"plumbline.dev/services/internal/clock"
	"plumbline.dev/services/internal/credential"
	"plumbline.dev/services/internal/keycache"
	"plumbline.dev/services/internal/policy"
	"plumbline.dev/services/internal/policycache"
	"plumbline.dev/services/internal/servicetoken"
)

// fixture is a gate over a real bus, and fakes of what else it needs.
type fixture struct {
	testing.TB
	gate    *Gate
	api     *bus.Conn
	catalog *catalog.Catalog
	tokens  *servicetoken.View
	clock   *clock.Fake
	account proto.Account
	token   *proto.ServiceToken
	secret  string

	keys     fakeKeys
	people   fakeSessions
	login    fakeLogin
	devices  fakeDevices
	log      fakeLog
	external fakeExternal
	stale    bool
	provider proto.ID // of the sessions of logIn

	records *bustest.Records
}

func newFixture(t testing.TB) *fixture {
	t.Helper()
	b := bustest.Start(t)
	w := &fixture{TB: t, api: b.Conn(topology.API), clock: clock.NewFake(time.Date(2026, 11, 21, 12, 0, 0, 0, time.UTC)),
		account: proto.NewAccount(), secret: credential.NewServiceSecret()}
	w.records = bustest.NewRecords(t, w.api, w.account)
	w.keys.tokens, w.people, w.devices.posture = map[string]*keycache.Claims{}, fakeSessions{}, map[proto.ID]Posture{}
	conn := b.Conn(topology.Gateway)
	w.catalog, w.tokens = catalog.New(conn), servicetoken.NewView(conn)
	rules, err := policycache.New(w.catalog, bustest.Log(t), func(*policy.Problem) {})
	if err != nil {
		t.Fatal(err)
	}
	w.gate, err = New(Deps{Catalog: w.catalog, Rules: rules, Tokens: w.tokens, Keys: &w.keys, Devices: &w.devices,
		Sessions: w.people, External: &w.external, Freshness: w, Access: &w.log, Seen: &w.log, Log: bustest.Log(t),
		Clock: w.clock})
	if err != nil {
		t.Fatal(err)
	}
	w.gate.SendTo(&w.login)
	w.run(w.catalog.Run)
	w.run(w.tokens.Run)
	w.run(w.gate.Run)
	w.token = &proto.ServiceToken{ID: proto.NewID(), ClientID: credential.NewClientID(), Name: "robot",
		SecretHash: credential.Hash(w.secret), Version: 1}
	w.saveToken()
	return w
}

// Fresh implements [gate.Freshness].
func (w *fixture) Fresh(time.Time) bool { return !w.stale }

func (w *fixture) run(part func(context.Context) error) {
	bustest.Run(w, part)
}

func (w *fixture) saveToken() {
	w.Helper()
	revision := w.records.ServiceToken(w.token)
	bustest.Eventually(w, "the token is seen", func() bool { return w.tokens.Revision() >= revision })
}

// save writes a configured resource, or deletes it if m is nil, and waits until the gate has it.
func (w *fixture) save(kind topology.Kind, id proto.ID, m proto.Message) {
	w.Helper()
	var revision uint64
	if m != nil {
		revision = w.records.Configure(kind, id, m)
	} else {
		revision = w.records.Delete(topology.Config, topology.ConfigKey(w.account, kind, id))
	}
	if err := w.catalog.AwaitRevision(w.Context(), revision); err != nil {
		w.Fatal(err)
	}
	w.gate.refresh()
}

func (w *fixture) policy(d proto.Decision, include ...proto.Rule) *proto.Policy {
	w.Helper()
	p := &proto.Policy{ID: proto.NewID(), Decision: d, Include: include}
	w.save(topology.KindPolicy, p.ID, p)
	return p
}

func (w *fixture) app(domain string, gate proto.Gate, policies ...*proto.Policy) *proto.Application {
	w.Helper()
	a := &proto.Application{ID: proto.NewID(),
		AUD: strings.Repeat("a", 32) + strings.ReplaceAll(proto.NewID().String(), "-", ""), Name: "app " + domain,
		Type: "self_hosted", Domains: []string{domain}, OriginURL: "http://127.0.0.1:1", Gate: gate}
	for i, p := range policies {
		a.Policies = append(a.Policies, proto.PolicyLink{Policy: p.ID, Precedence: i + 1})
	}
	w.save(topology.KindApplication, a.ID, a)
	return a
}

func rule(selector string, body any) proto.Rule {
	b, err := json.Marshal(body)
	if err != nil {
		panic(err)
	}
	return proto.Rule{Selector: selector, Body: b}
}

func everyone() proto.Rule { return rule("everyone", struct{}{}) }

func (w *fixture) robot() proto.Rule {
	return rule("service_token", map[string]string{"token_id": w.token.ID.String()})
}

func emailRule(s string) proto.Rule { return rule("email", map[string]string{"email": s}) }

func postureRule(check proto.ID) proto.Rule {
	return rule("device_posture", map[string]string{"integration_uid": check.String()})
}

// logIn makes a session of a person and gives her application token.
func (w *fixture) logIn(email string, app *proto.Application) string {
	nonce := strings.ReplaceAll(proto.NewID().String(), "-", "")[:16]
	if w.provider.IsZero() {
		w.provider = proto.NewID()
		w.save(topology.KindIDP, w.provider, &proto.IdentityProvider{ID: w.provider, Name: "provider", Type: proto.TypeOIDC})
	}
	w.people[nonce] = &proto.Session{Nonce: nonce, User: proto.NewID(), Email: email, IDP: w.provider,
		ExpiresAt: proto.At(w.clock.Now().Add(time.Hour))}
	return w.keys.issue(app.AUD, &keycache.Claims{Type: "app", Email: email, Nonce: nonce, IssuedAt: w.clock.Now(),
		Expires: w.clock.Now().Add(time.Hour)})
}

func (w *fixture) credentials() http.Header {
	return http.Header{idHeader: {w.token.ClientID}, secretHeader: {w.secret}}
}

var peer = netip.MustParseAddr("192.0.2.7")

func (w *fixture) ask(method, target string, h http.Header) *Answer {
	w.Helper()
	u, err := url.Parse(target)
	if err != nil {
		w.Fatal(err)
	}
	if h == nil {
		h = http.Header{}
	}
	return w.gate.Check(w.Context(), &Request{Method: method, URL: u, Header: h, Peer: peer})
}

type fakeKeys struct {
	tokens  map[string]*keycache.Claims
	auds    map[string]string
	asked   []keycache.ServiceRequest
	anybody []keycache.AnybodyRequest
	fail    error
}

func (k *fakeKeys) issue(aud string, c *keycache.Claims) string {
	token := "token-" + proto.NewID().String()
	if k.auds == nil {
		k.auds = map[string]string{}
	}
	k.tokens[token], k.auds[token] = c, aud
	return token
}

func (k *fakeKeys) Verify(token, aud string) (*keycache.Claims, error) {
	c, ok := k.tokens[token]
	switch {
	case !ok:
		return nil, keycache.ErrMalformed
	case k.auds[token] != aud:
		return nil, keycache.ErrAudience
	case c.Expires.Before(c.IssuedAt):
		return nil, keycache.ErrExpired
	}
	return c, nil
}

func (k *fakeKeys) Anybody(_ context.Context, q keycache.AnybodyRequest) (string, error) {
	k.anybody = append(k.anybody, q)
	return "assertion of nobody", k.fail
}

func (k *fakeKeys) Service(_ context.Context, q keycache.ServiceRequest) (string, error) {
	k.asked = append(k.asked, q)
	return "assertion of " + q.ClientID, k.fail
}

func (k *fakeKeys) Statement(_ context.Context, s *proto.Statement) (string, error) {
	return "statement " + string(s.Kind) + " " + s.Hostname, k.fail
}

type fakeSessions map[string]*proto.Session

func (f fakeSessions) Session(_ proto.Account, nonce string) (*proto.Session, bool) {
	s, ok := f[nonce]
	return s, ok
}

type fakeLogin struct {
	nowhere bool
	status  bool
	denied  *Denial
}

func (l *fakeLogin) Redirect(_ context.Context, r *Request, app Application, serviceToken bool) *Response {
	if l.nowhere {
		return nil
	}
	l.status = serviceToken
	return &Response{Status: http.StatusFound, Header: http.Header{
		"Location": {"https://team.example.com/cdn-cgi/access/login/" + r.URL.Host + "?kid=" + app.Value.AUD}}}
}

func (l *fakeLogin) ServiceCookies(_ Application, token string, _ *url.URL) []*http.Cookie {
	return []*http.Cookie{{Name: sessionCookie, Value: token}}
}

func (l *fakeLogin) Denied(*Request, Application) (Denial, bool) {
	if l.denied == nil {
		return Denial{}, false
	}
	return *l.denied, true
}

func (l *fakeLogin) Bound(token, binding string) bool { return binding == "bound to "+token }

type fakeDevices struct {
	behind  proto.ID
	posture map[proto.ID]Posture
}

func (d *fakeDevices) Behind(proto.Account, netip.Addr, *x509.Certificate) (proto.ID, bool) {
	return d.behind, !d.behind.IsZero()
}

func (d *fakeDevices) Posture(_ proto.Account, _, check proto.ID) Posture { return d.posture[check] }

type fakeExternal map[policy.Evaluation]bool

func (e *fakeExternal) Evaluate(context.Context, *external.Ask, []policy.Evaluation) map[policy.Evaluation]bool {
	return *e
}

type fakeLog struct {
	mu    sync.Mutex
	all   []proto.Authentication
	notes []string
}

func (l *fakeLog) Record(_ proto.Account, a proto.Authentication) {
	l.mu.Lock()
	defer l.mu.Unlock()
	l.all = append(l.all, a)
}

func (l *fakeLog) Note(_ proto.Account, clientID string, _ time.Time) {
	l.mu.Lock()
	defer l.mu.Unlock()
	l.notes = append(l.notes, clientID)
}

func (l *fakeLog) take() []proto.Authentication {
	l.mu.Lock()
	defer l.mu.Unlock()
	all := slices.Clone(l.all)
	l.all = nil
	return all
}
