package exchange

import (
	"strings"
	"testing"

	"github.com/coreos/go-oidc/v3/oidc"
	"github.com/google/go-cmp/cmp"
	"plumbline.dev/bus"
	"plumbline.dev/bus/bustest"
	"plumbline.dev/bus/topology"
	"plumbline.dev/proto"
	"plumbline.dev/services/internal/credential"
)

// TestAnybodysToken: a request without identity has an application token too (api/README.md 8.4), with the common name
// of its certificate (8.3), but never one that identifies it as a service.
func TestAnybodysToken(t *testing.T) {
	w := newFixture(t)
	allow := &proto.Policy{ID: proto.NewID(), Decision: proto.DecisionAllow, Include: w.policy.Include}
	loose := &proto.Policy{ID: proto.NewID(), Decision: proto.DecisionNonIdentity, Include: w.policy.Include}
	for _, p := range []*proto.Policy{allow, loose} {
		w.records.Configure(topology.KindPolicy, p.ID, p)
	}
	gone := proto.NewID()
	w.app.Policies = append(w.app.Policies, proto.PolicyLink{Policy: allow.ID, Precedence: 2},
		proto.PolicyLink{Policy: gone, Precedence: 3})
	w.save()
	s, _ := w.start(w.deps(nil))
	ask := func(from *bus.Conn, policy proto.ID, name string) *proto.TokenAnswer {
		return w.from(from, topology.Statements, &proto.Statement{Kind: proto.StatementAnybody, Account: w.account,
			Application: w.app.ID, Policy: policy, CommonName: name})
	}
	bustest.Eventually(t, "the configuration is there", func() bool {
		return code(ask(w.gateway, gone, "")) == "missing_policy"
	})
	for _, c := range []struct {
		name   string
		from   *bus.Conn
		policy proto.ID
		want   string
	}{
		{"an Allow policy", w.gateway, allow.ID, "no_policy_holds"},
		{"a policy of no application", w.gateway, loose.ID, "no_policy_holds"},
		{"no policy", w.gateway, proto.ID{}, "no_policy_holds"},
	} {
		if got := code(ask(c.from, c.policy, "")); got != c.want {
			t.Errorf("%s: %q, want %q", c.name, got, c.want)
		}
	}
	now := float64(w.clock.Now().Unix())
	applications := oidc.NewVerifier(team, oidc.NewRemoteKeySet(t.Context(), w.serveCerts(s)),
		&oidc.Config{ClientID: w.app.AUD, Now: w.clock.Now})
	before := w.signatures(s)
	for name, want := range map[string]string{
		"": "", "laptop": "laptop", w.token.ClientID: "", credential.NewClientID(): "",
		strings.TrimSuffix(credential.NewClientID(), "access") + "access.example.com": "",
		strings.Repeat("x", maxCommonName+1):                                          "",
	} {
		for range 2 {
			answer := ask(w.gateway, w.policy.ID, name)
			if answer.Error != nil {
				t.Fatalf("%q: %v", name, answer.Error)
			}
			if _, err := applications.Verify(t.Context(), answer.Token); err != nil {
				t.Errorf("%q: %v", name, err)
			}
			diff := cmp.Diff(map[string]any{"type": "app", "aud": w.app.AUD, "iss": team, "iat": now, "exp": now + 3600,
				"sub": "", "common_name": want}, part(t, answer.Token, 1))
			if diff != "" {
				t.Errorf("%q: %s", name, diff)
			}
		}
	}
	if n := w.signatures(s) - before; n != 2 {
		t.Errorf("%d signatures for two different tokens", n)
	}
}
