package exchange

import (
	"bytes"
	"encoding/base64"
	"encoding/json"
	"log/slog"
	"slices"
	"strings"
	"sync"
	"testing"
	"time"

	"github.com/coreos/go-oidc/v3/oidc"
	"github.com/google/go-cmp/cmp"
	"github.com/prometheus/client_golang/prometheus/testutil"
	"plumbline.dev/bus"
	"plumbline.dev/bus/bustest"
	"plumbline.dev/bus/bustest/machine"
	"plumbline.dev/bus/topology"
	"plumbline.dev/proto"
	"plumbline.dev/services/internal/credential"
)

func part(t testing.TB, token string, n int) map[string]any {
	t.Helper()
	parts := strings.Split(token, ".")
	if len(parts) != 3 {
		t.Fatalf("%q is not a compact JWS", token)
	}
	data, err := base64.RawURLEncoding.DecodeString(parts[n])
	if err != nil {
		t.Fatal(err)
	}
	var m map[string]any
	if err := json.Unmarshal(data, &m); err != nil {
		t.Fatal(err)
	}
	return m
}

func TestExchangesServiceCredentials(t *testing.T) {
	w := newFixture(t)
	s, _ := w.start(w.deps(nil))
	answer := w.ask(w.request())
	if answer.Error != nil || answer.Policy != w.policy.ID {
		t.Fatalf("%+v", answer)
	}
	header := part(t, answer.Token, 0)
	kid, _ := header["kid"].(string)
	if diff := cmp.Diff(map[string]any{"alg": "RS256", "kid": kid, "typ": "JWT"}, header); diff != "" || len(kid) != 64 {
		t.Error(diff)
	}
	now := w.clock.Now().Unix()
	want := map[string]any{"type": "app", "aud": w.app.AUD, "iss": team, "sub": "", "common_name": w.token.ClientID,
		"iat": float64(now), "exp": float64(now + 3600)}
	if diff := cmp.Diff(want, part(t, answer.Token, 1)); diff != "" {
		t.Error(diff)
	}
	if got := answer.ExpiresAt.Time().Unix(); got != now+3600 {
		t.Errorf("expires at %d", got)
	}
	// As any user's API checks it.
	verifier := oidc.NewVerifier(team, oidc.NewRemoteKeySet(t.Context(), w.serveCerts(s)),
		&oidc.Config{ClientID: w.app.AUD, Now: w.clock.Now})
	if _, err := verifier.Verify(t.Context(), answer.Token); err != nil {
		t.Error(err)
	}
	other := oidc.NewVerifier(team, oidc.NewRemoteKeySet(t.Context(), w.serveCerts(s)),
		&oidc.Config{ClientID: "another", Now: w.clock.Now})
	if _, err := other.Verify(t.Context(), answer.Token); err == nil {
		t.Error("the token is good for another application")
	}
	w.clock.Advance(61 * time.Minute)
	if _, err := verifier.Verify(t.Context(), answer.Token); err == nil {
		t.Error("the token outlives its hour")
	}
}

func TestRefusals(t *testing.T) {
	w := newFixture(t)
	w.start(w.deps(nil))
	for _, c := range []struct {
		name   string
		change func(q *proto.ServiceExchange)
		want   string
	}{
		{"wrong secret", func(q *proto.ServiceExchange) { q.ClientSecret = credential.NewServiceSecret() }, "unknown_credentials"},
		{"unknown id", func(q *proto.ServiceExchange) { q.ClientID = credential.NewClientID() }, "unknown_credentials"},
		{"id of another form", func(q *proto.ServiceExchange) { q.ClientID = "*.access" }, "unknown_credentials"},
		{"another account", func(q *proto.ServiceExchange) { q.Account = proto.NewAccount() }, "unknown_credentials"},
		{"unknown application", func(q *proto.ServiceExchange) { q.Application = proto.NewID() }, "unknown_application"},
		{"unknown application, wrong secret", func(q *proto.ServiceExchange) { q.Application = proto.NewID(); q.ClientSecret = "x" }, "unknown_credentials"},
		{"no secret", func(q *proto.ServiceExchange) { q.ClientSecret = "" }, "bad_request"},
		{"no id", func(q *proto.ServiceExchange) { q.ClientID = "" }, "bad_request"},
		{"no application", func(q *proto.ServiceExchange) { q.Application = proto.ID{} }, "bad_request"},
		{"no account", func(q *proto.ServiceExchange) { q.Account = proto.Account{} }, "bad_request"},
		{"not an address", func(q *proto.ServiceExchange) { q.IP = "localhost" }, "bad_request"},
		{"nothing wrong", func(*proto.ServiceExchange) {}, ""},
		{"with an address", func(q *proto.ServiceExchange) { q.IP = "192.0.2.1" }, ""},
		{"id in capitals", func(q *proto.ServiceExchange) {
			q.ClientID = strings.ToUpper(strings.TrimSuffix(q.ClientID, ".access")) + ".access"
		}, ""},
	} {
		t.Run(c.name, func(t *testing.T) {
			q := w.request()
			c.change(q)
			answer := w.ask(q)
			if code(answer) != c.want {
				t.Fatalf("%+v", answer)
			}
			if (answer.Error == nil) != (answer.Token != "") {
				t.Errorf("%+v", answer)
			}
		})
	}
	// Whether a Client ID exists does not show in the answer.
	wrong, unknown := w.request(), w.request()
	wrong.ClientSecret, unknown.ClientID = "wrong", credential.NewClientID()
	if diff := cmp.Diff(w.ask(wrong), w.ask(unknown)); diff != "" {
		t.Error(diff)
	}
}

func TestGarbageIsAnswered(t *testing.T) {
	w := newFixture(t)
	w.start(w.deps(nil))
	m, err := w.fetcher.NATS().Request(topology.ExchangeService, []byte("not msgpack"), 5*time.Second)
	if err != nil {
		t.Fatal(err)
	}
	var answer proto.TokenAnswer
	if err := proto.Unmarshal(m.Data, &answer); err != nil || code(&answer) != "bad_request" {
		t.Fatalf("%+v, %v", answer, err)
	}
}

// A change that revokes a token's access applies to the next request after its arrival, within a second; a cached
// application token does not bypass it.
func TestRightsEndWithinASecond(t *testing.T) {
	for _, c := range []struct {
		name string
		end  func(w *fixture)
		want string
	}{
		{"disabled", func(w *fixture) { w.token.Disabled = true; w.save() }, "token_disabled"},
		{"expired by the clock", func(w *fixture) { w.clock.Advance(24 * time.Hour) }, "token_expired"},
		{"expiry moved", func(w *fixture) { w.token.ExpiresAt = proto.At(w.clock.Now()); w.save() }, "token_expired"},
		{"rotated", func(w *fixture) { w.token.SecretHash = credential.Hash("another"); w.save() }, "unknown_credentials"},
		{"deleted", func(w *fixture) {
			key, _ := topology.ServiceTokenKey(w.account, w.token.ClientID)
			w.records.Delete(topology.Tokens, key)
		}, "unknown_credentials"},
		{"unreadable", func(w *fixture) {
			key, _ := topology.ServiceTokenKey(w.account, w.token.ClientID)
			if _, err := w.bus.Conn(topology.Operator).JetStream().Publish(w.Context(),
				topology.BucketSubject(topology.Tokens, key), []byte("x")); err != nil {
				w.Fatal(err)
			}
		}, "unknown_credentials"},
		{"policy changed", func(w *fixture) { w.policy.Include[0].Selector = "geo"; w.save() }, "unsupported_selector"},
		{"policy emptied", func(w *fixture) { w.policy.Include = nil; w.save() }, "no_policy_holds"},
		{"policy deleted", func(w *fixture) {
			w.records.Delete(topology.Config, topology.ConfigKey(w.account, topology.KindPolicy, w.policy.ID))
		}, "missing_policy"},
		{"policy taken out", func(w *fixture) { w.app.Policies = nil; w.save() }, "no_policies"},
		{"policy made Allow", func(w *fixture) { w.policy.Decision = proto.DecisionAllow; w.save() }, "no_policy_holds"},
		{"application deleted", func(w *fixture) {
			w.records.Delete(topology.Config, topology.ConfigKey(w.account, topology.KindApplication, w.app.ID))
		}, "unknown_application"},
	} {
		t.Run(c.name, func(t *testing.T) {
			w := newFixture(t)
			w.start(w.deps(nil))
			if answer := w.ask(w.request()); answer.Error != nil {
				t.Fatal(answer.Error)
			}
			c.end(w)
			if took := machine.Took(func() { w.eventually(c.want) }); took > 10*time.Second {
				t.Errorf("took %v", took)
			}
		})
	}
}

func TestATokenIsMadeOncePerGrant(t *testing.T) {
	w := newFixture(t)
	s, _ := w.start(w.deps(nil))
	var mu sync.Mutex
	tokens := map[string]int{}
	var asking sync.WaitGroup
	for range 40 {
		asking.Go(func() {
			answer := w.ask(w.request())
			mu.Lock()
			defer mu.Unlock()
			tokens[answer.Token]++
		})
	}
	asking.Wait()
	if len(tokens) != 1 || w.signatures(s) != 1 {
		t.Fatalf("40 requests, %d tokens, %d signatures", len(tokens), w.signatures(s))
	}
	first := w.ask(w.request())
	w.clock.Advance(54 * time.Minute)
	if again := w.ask(w.request()); again.Token != first.Token {
		t.Error("a token with six minutes left was made again")
	}
	w.clock.Advance(90 * time.Second)
	renewed := w.ask(w.request())
	if renewed.Token == first.Token {
		t.Error("a token that is about to expire was handed out")
	}
	// A new revision of the application or the token makes another cached token, even without a difference.
	tokenKey, err := topology.ServiceTokenKey(w.account, w.token.ClientID)
	if err != nil {
		t.Fatal(err)
	}
	for _, change := range []func(){
		func() {
			w.records.Configure(topology.KindApplication, w.app.ID, w.app)
		},
		func() { w.records.Put(topology.Tokens, tokenKey, w.token) },
	} {
		before := w.signatures(s)
		change()
		bustest.Eventually(t, "the change arrives", func() bool { w.ask(w.request()); return w.signatures(s) > before })
	}
	// The policy's session duration counts before the application's.
	w.app.SessionDuration, w.policy.SessionDuration = 30*time.Minute, 10*time.Minute
	w.save()
	bustest.Eventually(t, "ten minutes", func() bool {
		return w.ask(w.request()).ExpiresAt.Time().Sub(w.clock.Now()).Round(time.Minute) == 10*time.Minute
	})
}

func TestBypassAdmits(t *testing.T) {
	w := newFixture(t)
	w.policy.Decision, w.policy.Include = proto.DecisionBypass, []proto.Rule{{Selector: "everyone", Body: []byte(`{}`)}}
	w.save()
	w.start(w.deps(nil))
	if answer := w.ask(w.request()); answer.Error != nil {
		t.Fatal(answer.Error)
	}
	q := w.request()
	q.ClientSecret = "wrong"
	if answer := w.ask(q); code(answer) != "unknown_credentials" {
		t.Fatalf("with a wrong secret: %+v", answer)
	}
}

func TestPrecedenceOrdersThePolicies(t *testing.T) {
	w := newFixture(t)
	second := *w.policy
	second.ID, second.SessionDuration = proto.NewID(), 2*time.Minute
	w.records.Configure(topology.KindPolicy, second.ID, &second)
	w.app.Policies = []proto.PolicyLink{{Policy: w.policy.ID, Precedence: 2}, {Policy: second.ID, Precedence: 1}}
	w.save()
	w.start(w.deps(nil))
	if answer := w.ask(w.request()); answer.Policy != second.ID {
		t.Fatalf("%+v", answer)
	}
}

func TestAuthenticationsAreRecorded(t *testing.T) {
	w := newFixture(t)
	w.start(w.deps(nil))
	unknown, wrong, right := w.request(), w.request(), w.request()
	unknown.ClientID = credential.NewClientID()
	wrong.ClientSecret, wrong.IP = "wrong", "192.0.2.1"
	for _, q := range []*proto.ServiceExchange{unknown, wrong, right} {
		w.ask(q)
	}
	var got []proto.Authentication
	bustest.Eventually(t, "two authentications", func() bool { got = w.recorded(); return len(got) == 2 })
	at := proto.At(w.clock.Now())
	slices.SortFunc(got, func(a, b proto.Authentication) int { return strings.Compare(b.Reason, a.Reason) })
	want := []proto.Authentication{
		{Account: w.account, At: at, Application: w.app.ID, Reason: "wrong_secret", ClientID: w.token.ClientID,
			TokenID: w.token.ID, IP: "192.0.2.1", Action: proto.ActionService, Count: 1},
		{Account: w.account, At: at, Application: w.app.ID, Allowed: true, Reason: "service_auth", Policy: w.policy.ID,
			ClientID: w.token.ClientID, TokenID: w.token.ID, Action: proto.ActionService, Count: 1},
	}
	if diff := cmp.Diff(want, got); diff != "" {
		t.Error(diff)
	}
}

// No log line and no message in a stream tells a secret or a token (invariant 7).
func TestSecretsStayOutOfLogsAndStreams(t *testing.T) {
	w := newFixture(t)
	var log bytes.Buffer
	var mu sync.Mutex
	deps := w.deps(slog.New(slog.NewTextHandler(lockedWriter{&mu, &log}, &slog.HandlerOptions{Level: slog.LevelDebug})))
	_, stop := w.start(deps)
	token := w.ask(w.request()).Token
	swapped, wrong := w.request(), w.request()
	swapped.ClientID, swapped.ClientSecret = w.secret, w.token.ClientID
	wrong.ClientSecret = "hunter2-hunter2"
	w.ask(swapped)
	w.ask(wrong)
	stop()
	text := log.String()
	if !strings.Contains(text, "service credentials denied") {
		t.Fatalf("the log says nothing:\n%s", text)
	}
	for _, stream := range []string{topology.AccessLogs, topology.BucketStream(topology.Keys),
		topology.BucketStream(topology.Tokens)} {
		text += dump(t, w.bus.Conn(topology.Operator), stream)
	}
	for name, secret := range map[string]string{"secret": w.secret, "wrong secret": "hunter2",
		"token": token[len(token)-40:], "private key": "PRIVATE KEY"} {
		if strings.Contains(text, secret) {
			t.Errorf("the %s is in a log or a stream", name)
		}
	}
}

func dump(t testing.TB, c *bus.Conn, stream string) string {
	t.Helper()
	s, err := c.JetStream().Stream(t.Context(), stream)
	if err != nil {
		t.Fatal(err)
	}
	info, err := s.Info(t.Context())
	if err != nil {
		t.Fatal(err)
	}
	if info.State.Msgs == 0 {
		t.Fatalf("%s is empty", stream)
	}
	var b strings.Builder
	for seq := info.State.FirstSeq; seq <= info.State.LastSeq; seq++ {
		if m, err := s.GetMsg(t.Context(), seq); err == nil {
			b.Write(m.Data)
		}
	}
	return b.String()
}

type lockedWriter struct {
	mu *sync.Mutex
	w  *bytes.Buffer
}

func (l lockedWriter) Write(b []byte) (int, error) {
	l.mu.Lock()
	defer l.mu.Unlock()
	return l.w.Write(b)
}

func TestConfiguration(t *testing.T) {
	w := newFixture(t)
	for _, domain := range []string{"", "team.example.com", "ftp://team.example.com", "https://",
		"https://team.example.com/path", "https://u@team.example.com", "https://team.example.com?x"} {
		if _, err := New(Config{TeamDomain: domain}, w.deps(nil)); err == nil {
			t.Errorf("team domain %q is accepted", domain)
		}
	}
	if _, err := New(Config{TeamDomain: team, Workers: -1}, w.deps(nil)); err == nil {
		t.Error("-1 workers are accepted")
	}
	none := w.deps(nil)
	none.Identities = nil
	if _, err := New(Config{TeamDomain: team}, none); err == nil || !strings.Contains(err.Error(), "--identity") {
		t.Errorf("no identity: %v", err)
	}
}

func TestASelectorThatCannotBeEvaluatedIsNamedInTheMetrics(t *testing.T) {
	w := newFixture(t)
	w.policy.Include = append(w.policy.Include, proto.Rule{Selector: "geo", Body: []byte(`{"country_code":"DE"}`)},
		proto.Rule{Selector: "made up"})
	w.save()
	s, _ := w.start(w.deps(nil))
	if answer := w.ask(w.request()); answer.Error != nil {
		t.Fatal(answer.Error) // a rule beside them admits
	}
	for _, c := range [][2]string{{"unsupported_selector", "geo"}, {"unknown_selector", "other"}} {
		if n := testutil.ToFloat64(s.metrics.unevaluable.WithLabelValues(c[0], c[1])); n != 1 {
			t.Errorf("%s %s was counted %v times", c[0], c[1], n)
		}
	}
}
