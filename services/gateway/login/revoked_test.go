package login

import (
	"net/http"
	"testing"
	"time"

	"plumbline.dev/bus/bustest"
	"plumbline.dev/bus/topology"
	"plumbline.dev/proto"
)

// TestARevokedPersonLogsInAgain: a revocation ends the sessions of every application and of the team domain, also if
// its record is garbage, and leaves a login afterwards.
func TestARevokedPersonLogsInAgain(t *testing.T) {
	t.Parallel()
	for name, revoke := range map[string]func(w *fixture, s *proto.Session) (topology.Kind, proto.ID, proto.Message){
		"by address": func(w *fixture, s *proto.Session) (topology.Kind, proto.ID, proto.Message) {
			id := topology.EmailRevocationID(w.account, "ADA@example.com")
			return topology.KindRevocation, id, &proto.Revocation{ID: id, Before: proto.At(w.clock.Now())}
		},
		"by id": func(w *fixture, s *proto.Session) (topology.Kind, proto.ID, proto.Message) {
			id := topology.UserRevocationID(w.account, s.User)
			return topology.KindRevocation, id, &proto.Revocation{ID: id, User: s.User, Before: proto.At(w.clock.Now())}
		},
		"of another person's record": func(w *fixture, s *proto.Session) (topology.Kind, proto.ID, proto.Message) {
			return topology.KindRevocation, topology.UserRevocationID(w.account, s.User), &proto.Revocation{ID: proto.NewID()}
		},
	} {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			w := newFixture(t, teamURL)
			w.app("app.example.test")
			w.app("app2.example.test")
			b := w.browser()
			b.follow(appURL + "/")
			nonce, calls := w.keys.asked[0].Session, w.idp.calls
			s, ok := w.sessions.Session(w.account, nonce)
			if !ok {
				t.Fatal("no session")
			}
			kind, id, m := revoke(w, s)
			w.put(kind, id, m)
			bustest.Eventually(t, "the session is revoked", func() bool {
				_, ok := w.sessions.Session(w.account, nonce)
				return !ok
			})
			if got := b.get(appURL + "/"); got.StatusCode != http.StatusFound {
				t.Errorf("with the old token: %d %s", got.StatusCode, got.body)
			}
			w.clock.Advance(time.Second)
			garbage := name == "of another person's record"
			if got := b.follow("https://app2.example.test/"); w.idp.calls == calls {
				t.Errorf("the session at the team domain still counts: %d %s", got.StatusCode, got.body)
			} else if (got.StatusCode == http.StatusOK) == garbage {
				t.Errorf("after another login: %d %s", got.StatusCode, got.body)
			}
		})
	}
}
