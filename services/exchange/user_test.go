package exchange

import (
	"encoding/json"
	"strings"
	"testing"
	"time"

	"github.com/coreos/go-oidc/v3/oidc"
	"github.com/google/go-cmp/cmp"
	"plumbline.dev/bus/bustest"
	"plumbline.dev/bus/topology"
	"plumbline.dev/proto"
	"plumbline.dev/services/internal/claims"
)

// withAllow replaces the fixture's policy by an Allow policy for users.
func withAllow(w *fixture) {
	w.policy.Decision, w.policy.Include = proto.DecisionAllow, []proto.Rule{{Selector: "everyone", Body: []byte(`{}`)}}
	w.save()
}

func (w *fixture) person() *proto.UserExchange {
	return &proto.UserExchange{Account: w.account, Application: w.app.ID, Policy: w.policy.ID, Session: "AbCdEfGh01234567",
		User: proto.ID{15: 7}, Email: "ada@example.com", Country: "DE",
		Until: proto.At(w.clock.Now().Add(40 * 24 * time.Hour))}
}

func TestAPersonsToken(t *testing.T) {
	w := newFixture(t)
	withAllow(w)
	s, _ := w.start(w.deps(nil))
	q := w.person()
	q.Custom = json.RawMessage(`{"groups":["a","b"],"n":1}`)
	answer := w.from(w.gateway, topology.ExchangeUser, q)
	if answer.Error != nil || answer.Policy != w.policy.ID {
		t.Fatalf("%+v", answer)
	}
	now := float64(w.clock.Now().Unix())
	want := map[string]any{"type": "app", "aud": []any{w.app.AUD}, "iss": team, "iat": now, "nbf": now,
		"exp": now + 24*3600, "sub": q.User.String(), "email": q.Email, "identity_nonce": q.Session, "country": "DE",
		"custom": map[string]any{"groups": []any{"a", "b"}, "n": 1.0}}
	if diff := cmp.Diff(want, part(t, answer.Token, 1)); diff != "" {
		t.Error(diff)
	}
	verifier := oidc.NewVerifier(team, oidc.NewRemoteKeySet(t.Context(), w.serveCerts(s)),
		&oidc.Config{ClientID: w.app.AUD, Now: w.clock.Now})
	if _, err := verifier.Verify(t.Context(), answer.Token); err != nil {
		t.Error(err)
	}
}

func TestAPersonsTokenEnds(t *testing.T) {
	w := newFixture(t)
	withAllow(w)
	w.start(w.deps(nil))
	for _, c := range []struct {
		name                string
		policy, application time.Duration
		until, want         time.Duration
	}{
		{"by default", 0, 0, 30 * 24 * time.Hour, 24 * time.Hour},
		{"as the application says", 0, 2 * time.Hour, 30 * 24 * time.Hour, 2 * time.Hour},
		{"as the policy says", 30 * time.Minute, 2 * time.Hour, 30 * 24 * time.Hour, 30 * time.Minute},
		{"with the session", 0, 0, time.Hour, time.Hour},
		{"within a month", 60 * 24 * time.Hour, 0, 90 * 24 * time.Hour, topology.MaxSession},
	} {
		w.policy.SessionDuration, w.app.SessionDuration = c.policy, c.application
		w.save()
		q := w.person()
		q.Until = proto.At(w.clock.Now().Truncate(time.Second).Add(c.until))
		var life float64
		bustest.Eventually(t, c.name, func() bool {
			token := part(t, w.from(w.gateway, topology.ExchangeUser, q).Token, 1)
			life = token["exp"].(float64) - token["iat"].(float64)
			return life == c.want.Seconds()
		})
	}
}

func TestAGlobalSessionsToken(t *testing.T) {
	w := newFixture(t)
	withAllow(w)
	s, _ := w.start(w.deps(nil))
	q := w.person()
	q.Application, q.Policy, q.Country = proto.ID{}, proto.ID{}, ""
	token := w.from(w.gateway, topology.ExchangeUser, q).Token
	now := float64(w.clock.Now().Unix())
	want := map[string]any{"type": "org", "aud": []any{claims.OrgAudience(w.account)}, "iss": team, "iat": now, "nbf": now,
		"exp": now + 24*3600, "sub": q.User.String(), "email": q.Email, "identity_nonce": q.Session}
	if diff := cmp.Diff(want, part(t, token, 1)); diff != "" {
		t.Error(diff)
	}
	verifier := oidc.NewVerifier(team, oidc.NewRemoteKeySet(t.Context(), w.serveCerts(s)),
		&oidc.Config{ClientID: w.app.AUD, Now: w.clock.Now})
	if _, err := verifier.Verify(t.Context(), token); err == nil {
		t.Error("an application takes the token of the global session")
	}
	w.records.Configure(topology.KindOrganization, topology.OrganizationID(w.account),
		&proto.Organization{SessionDuration: time.Hour})
	bustest.Eventually(t, "an hour", func() bool {
		token := part(t, w.from(w.gateway, topology.ExchangeUser, q).Token, 1)
		return token["exp"].(float64)-token["iat"].(float64) == 3600
	})
}

func TestAPersonsTokenIsRefused(t *testing.T) {
	w := newFixture(t)
	withAllow(w)
	other := func(d proto.Decision, linked bool) proto.ID {
		p := &proto.Policy{ID: proto.NewID(), Decision: d, Include: []proto.Rule{{Selector: "everyone", Body: []byte(`{}`)}}}
		w.records.Configure(topology.KindPolicy, p.ID, p)
		if linked {
			w.app.Policies = append(w.app.Policies, proto.PolicyLink{Policy: p.ID, Precedence: len(w.app.Policies) + 1})
		}
		return p.ID
	}
	unlinked, deny, service, bypass := other(proto.DecisionAllow, false), other(proto.DecisionDeny, true),
		other(proto.DecisionNonIdentity, true), other(proto.DecisionBypass, true)
	missing := proto.NewID()
	w.app.Policies = append(w.app.Policies, proto.PolicyLink{Policy: missing, Precedence: 9})
	w.save()
	w.start(w.deps(nil))
	for _, c := range []struct {
		name   string
		change func(q *proto.UserExchange)
		want   string
	}{
		{"nothing wrong", func(*proto.UserExchange) {}, ""},
		{"a person without an address", func(q *proto.UserExchange) { q.Email = "" }, ""},
		{"unknown application", func(q *proto.UserExchange) { q.Application = proto.NewID() }, "unknown_application"},
		{"another account", func(q *proto.UserExchange) { q.Account = proto.NewAccount() }, "unknown_application"},
		{"a policy that does not exist", func(q *proto.UserExchange) { q.Policy = proto.NewID() }, "person_not_admitted"},
		{"a policy that is gone", func(q *proto.UserExchange) { q.Policy = missing }, "missing_policy"},
		{"a policy of others", func(q *proto.UserExchange) { q.Policy = unlinked }, "person_not_admitted"},
		{"a deny policy", func(q *proto.UserExchange) { q.Policy = deny }, "person_not_admitted"},
		{"a Service Auth policy", func(q *proto.UserExchange) { q.Policy = service }, "person_not_admitted"},
		{"a Bypass policy", func(q *proto.UserExchange) { q.Policy = bypass }, "person_not_admitted"},
		{"no policy", func(q *proto.UserExchange) { q.Policy = proto.ID{} }, "bad_request"},
		{"a policy without an application", func(q *proto.UserExchange) { q.Application = proto.ID{} }, "bad_request"},
		{"no account", func(q *proto.UserExchange) { q.Account = proto.Account{} }, "bad_request"},
		{"nobody", func(q *proto.UserExchange) { q.User = proto.ID{} }, "bad_request"},
		{"no session", func(q *proto.UserExchange) { q.Session = "" }, "bad_request"},
		{"a session that breaks out", func(q *proto.UserExchange) { q.Session = `a","type":"x` }, "bad_request"},
		{"a long session", func(q *proto.UserExchange) { q.Session = strings.Repeat("a", 65) }, "bad_request"},
		{"a long address", func(q *proto.UserExchange) { q.Email = strings.Repeat("a", 321) }, "bad_request"},
		{"an address that is not text", func(q *proto.UserExchange) { q.Email = "\xff" }, "bad_request"},
		{"claims that are no object", func(q *proto.UserExchange) { q.Custom = json.RawMessage(`["a"]`) }, "bad_request"},
		{"claims that are two", func(q *proto.UserExchange) { q.Custom = json.RawMessage(`{},"type":{}`) }, "bad_request"},
		{"too many claims", func(q *proto.UserExchange) {
			q.Custom = json.RawMessage(`{"a":"` + strings.Repeat("a", maxCustom) + `"}`)
		}, "bad_request"},
		{"a session that is over", func(q *proto.UserExchange) { q.Until = proto.At(w.clock.Now()) }, "session_ended"},
		{"a session without an end", func(q *proto.UserExchange) { q.Until = 0 }, "session_ended"},
	} {
		q := w.person()
		c.change(q)
		if answer := w.from(w.gateway, topology.ExchangeUser, q); code(answer) != c.want ||
			(answer.Token == "") == (answer.Error == nil) {
			t.Errorf("%s: %+v", c.name, answer)
		}
	}
	// The permissions of the bus keep others away; so does the exchange.
	if answer := w.from(w.bus.Conn(topology.Operator), topology.ExchangeUser, w.person()); code(answer) != "bad_request" {
		t.Errorf("%+v", answer)
	}
}

// A token that is issued after a revocation does not seem older than it, and one from before is not handed out
// again.
func TestTokensAfterARevocation(t *testing.T) {
	w := newFixture(t)
	allow := &proto.Policy{ID: proto.NewID(), Decision: proto.DecisionAllow,
		Include: []proto.Rule{{Selector: "everyone", Body: []byte(`{}`)}}}
	w.records.Configure(topology.KindPolicy, allow.ID, allow)
	w.app.Policies = append(w.app.Policies, proto.PolicyLink{Policy: allow.ID, Precedence: 2})
	w.clock.Set(w.clock.Now().Truncate(time.Second).Add(400 * time.Millisecond))
	w.save()
	w.start(w.deps(nil))
	before := w.ask(w.request()).Token
	w.app.Gate.RevokedAt = proto.At(w.clock.Now())
	w.save()
	w.clock.Advance(100 * time.Millisecond)
	var token string
	bustest.Eventually(t, "another token", func() bool { token = w.ask(w.request()).Token; return token != before })
	q := w.person()
	q.Policy = allow.ID
	for name, token := range map[string]string{"service": token,
		"person": w.from(w.gateway, topology.ExchangeUser, q).Token} {
		c := part(t, token, 1)
		if iat := int64(c["iat"].(float64)); proto.Millis(iat*1000) < w.app.Gate.RevokedAt || iat > w.clock.Now().Unix()+1 {
			t.Errorf("%s: issued at %d, revoked at %d", name, iat, w.app.Gate.RevokedAt)
		}
		if nbf, ok := c["nbf"].(float64); ok && int64(nbf) > w.clock.Now().Unix() {
			t.Errorf("%s: not yet valid", name)
		}
	}
	if again := w.ask(w.request()).Token; again != token {
		t.Error("a token is not kept after a revocation")
	}
}
