package gate

import (
	"net/http"
	"net/url"
	"testing"
	"time"

	"plumbline.dev/bus/topology"
	"plumbline.dev/proto"
	"plumbline.dev/services/internal/policy"
)

// TestStill: what is open is decided about again as its next request would be, and recorded once it ends.
func TestStill(t *testing.T) {
	check := proto.NewID()
	for _, c := range []struct {
		name   string
		change func(w *fixture, app *proto.Application, ada string)
		robot  policy.Reason // Undecided: still admitted
		person policy.Reason
	}{
		{"nothing changed", func(*fixture, *proto.Application, string) {}, policy.Undecided, policy.Undecided},
		{"the service token is turned off", func(w *fixture, _ *proto.Application, _ string) {
			w.token.Disabled = true
			w.saveToken()
		}, policy.TokenDisabled, policy.Undecided},
		{"logout", func(w *fixture, _ *proto.Application, ada string) { delete(w.people, w.keys.tokens[ada].Nonce) }, policy.Undecided, policy.SessionEnded},
		{"the identity provider is deleted", func(w *fixture, _ *proto.Application, _ string) {
			w.save(topology.KindIDP, w.provider, nil)
		}, policy.Undecided, policy.ProviderNotAllowed},
		{"the identity provider is of a type that is not served", func(w *fixture, _ *proto.Application, _ string) {
			w.save(topology.KindIDP, w.provider, &proto.IdentityProvider{ID: w.provider, Type: "github"})
		}, policy.Undecided, policy.ProviderNotAllowed},
		{"the identity provider is removed from allowed_idps", func(w *fixture, app *proto.Application, _ string) {
			app.Gate.IDPs = []proto.ID{proto.NewID()}
			w.save(topology.KindApplication, app.ID, app)
		}, policy.Undecided, policy.ProviderNotAllowed},
		{"the identity provider is among the allowed_idps", func(w *fixture, app *proto.Application, _ string) {
			app.Gate.IDPs = []proto.ID{proto.NewID(), w.provider}
			w.save(topology.KindApplication, app.ID, app)
		}, policy.Undecided, policy.Undecided},
		{"the tokens are revoked", func(w *fixture, app *proto.Application, _ string) {
			w.clock.Advance(time.Minute)
			app.Gate.RevokedAt = proto.At(w.clock.Now())
			w.save(topology.KindApplication, app.ID, app)
		}, policy.Undecided, policy.TokenRevoked},
		{"the device fails", func(w *fixture, _ *proto.Application, _ string) {
			w.devices.posture[check] = Posture{Outcome: proto.OutcomeFail}
		}, policy.PostureFailed, policy.PostureFailed},
		{"the application is gone", func(w *fixture, app *proto.Application, _ string) {
			app.Domains = []string{"other.example.com"}
			w.save(topology.KindApplication, app.ID, app)
		}, policy.UnknownHost, policy.UnknownHost},
		{"another application has the place", func(w *fixture, app *proto.Application, _ string) {
			w.app("app.example.com/socket", proto.Gate{}, w.policy(proto.DecisionBypass, everyone()))
		}, policy.UnknownApplication, policy.UnknownApplication},
		{"nothing is known for long", func(w *fixture, _ *proto.Application, _ string) { w.stale = true }, policy.Stale, policy.Stale},
	} {
		t.Run(c.name, func(t *testing.T) {
			w := newFixture(t)
			w.devices.behind, w.devices.posture[check] = proto.NewID(), Posture{Outcome: proto.OutcomePass}
			demand := func(p *proto.Policy) *proto.Policy {
				p.Require = []proto.Rule{postureRule(check)}
				w.save(topology.KindPolicy, p.ID, p)
				return p
			}
			app := w.app("app.example.com", proto.Gate{}, demand(w.policy(proto.DecisionNonIdentity, w.robot())),
				demand(w.policy(proto.DecisionAllow, emailRule("ada@example.com"))))
			ada := w.logIn("ada@example.com", app)
			u := &url.URL{Scheme: "https", Host: "app.example.com", Path: "/socket"}
			robot := &Request{Method: "GET", URL: u, Header: w.credentials(), Peer: peer}
			person := &Request{Method: "GET", URL: u, Header: http.Header{"Cookie": {"CF_Authorization=" + ada}}, Peer: peer}
			was := map[*Request]*Answer{robot: w.gate.Check(t.Context(), robot), person: w.gate.Check(t.Context(), person)}
			user := was[person].Identity.Session.User
			w.keys.asked, w.log.notes = nil, nil
			c.change(w, app, ada)
			for r, want := range map[*Request]policy.Reason{robot: c.robot, person: c.person} {
				if !was[r].Admitted() {
					t.Fatalf("%v at first", was[r].Decision.Reason)
				}
				w.log.take()
				now := w.gate.Still(t.Context(), r, was[r])
				all := w.log.take()
				if want == policy.Undecided {
					if now != nil || len(all) != 0 {
						t.Errorf("ended: %+v, recorded %+v", now, all)
					}
					continue
				}
				if now == nil || now.Admitted() || now.Decision.Reason != want || now.Response == nil ||
					now.Response.Status == http.StatusFound {
					t.Errorf("%+v, want %v", now, want)
					continue
				}
				if len(all) != 1 || all[0].Reason != want.String() || all[0].Allowed || all[0].Ray != was[r].Ray ||
					all[0].Application != app.ID ||
					r == robot && all[0].TokenID != w.token.ID || r == person && all[0].User != user {
					t.Errorf("recorded %+v", all)
				}
			}
			if len(w.keys.asked) > 0 || len(w.log.notes) > 0 {
				t.Errorf("a token was asked for (%v), or a use noted (%v), for what is open already", w.keys.asked, w.log.notes)
			}
		})
	}
}

// TestStillTheSame: a user admitted with another identity than the origin received does not keep an open connection.
func TestStillTheSame(t *testing.T) {
	w := newFixture(t)
	w.save(topology.KindOrganization, topology.OrganizationID(w.account), &proto.Organization{Lenient: true})
	app := w.app("app.example.com", proto.Gate{}, w.policy(proto.DecisionNonIdentity, w.robot()),
		w.policy(proto.DecisionAllow, emailRule("ada@example.com")))
	r := &Request{Method: "GET", URL: &url.URL{Scheme: "https", Host: "app.example.com", Path: "/"}, Peer: peer,
		Header: with(w.credentials(), "Cookie", "CF_Authorization="+w.logIn("ada@example.com", app))}
	was := w.gate.Check(t.Context(), r)
	if was.Decision.Reason != policy.ServiceAuth || was.Identity.Session != nil {
		t.Fatalf("%+v", was)
	}
	w.token.Disabled = true
	w.saveToken()
	if a := w.gate.Check(t.Context(), r); a.Decision.Reason != policy.Allow {
		t.Errorf("the next request: %v", a.Decision.Reason)
	}
	if now := w.gate.Still(t.Context(), r, was); now == nil || now.Decision.Reason != policy.TokenDisabled {
		t.Errorf("as another: %+v", now)
	}
}
