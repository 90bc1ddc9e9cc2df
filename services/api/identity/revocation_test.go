package identity_test

import (
	"net/http"
	"strings"
	"testing"
	"time"

	"plumbline.dev/bus/topology"
	"plumbline.dev/proto"
	"plumbline.dev/services/api/apitest"
	"plumbline.dev/services/api/v4"
)

const revokePath = "/access/organizations/revoke_user"

// activeOf returns the names of the active sessions of a user.
func activeOf(f *apitest.Fixture, user proto.ID) (names []string) {
	all, _ := f.List("/access/users/" + user.String() + "/active_sessions")
	for _, s := range all {
		names = append(names, apitest.Text(s, "name"))
	}
	return names
}

// TestRevokeUser ends the sessions of one person, by address and by id, and leaves later ones and those of others.
func TestRevokeUser(t *testing.T) {
	t.Parallel()
	f := apitest.Start(t)
	login := func(email, nonce string) proto.ID {
		s := &proto.Session{Nonce: nonce, Email: email, StartedAt: proto.At(f.Clock.Now()),
			ExpiresAt: proto.At(f.Clock.Now().Add(time.Hour))}
		return f.StoreLogin(s).ID
	}
	ada, bob := login("Ada@example.com", "ada0"), login("bob@example.com", "bob0")
	for _, body := range []map[string]any{{}, {"email": " ada@example.com"}, {"email": 1}, {"user_uid": "x"},
		{"email": strings.Repeat("a", 255)}, {"user_uid": ada.String(), "devices": true}, {"email": "a", "devices": "yes"}} {
		f.WantError(400, v4.CodeInvalid, "POST", revokePath, body)
	}
	f.WantError(400, v4.CodeInvalid, "POST", revokePath+"?devices=maybe", map[string]any{"email": "a@example.com"})
	if got := activeOf(f, ada); len(got) != 1 {
		t.Fatalf("refused requests ended sessions: %v", got)
	}
	r := f.Do("POST", revokePath, map[string]any{"email": "ADA@example.com", "warp_session_reauth": true})
	if r.Status != 200 || string(r.Result) != "true" || !strings.Contains(string(r.Body), "no WARP sessions") {
		t.Errorf("%d %s", r.Status, r.Body)
	}
	if got := activeOf(f, ada); len(got) != 0 {
		t.Errorf("active afterwards: %v", got)
	}
	if s := f.Want(200, "GET", "/access/users/"+ada.String()+"/active_sessions/ada0", nil); s["isActive"] != false {
		t.Errorf("session %v", s)
	}
	if got := activeOf(f, bob); len(got) != 1 {
		t.Errorf("of another person: %v", got)
	}
	f.Clock.Advance(time.Second)
	login("ada@example.com", "ada1")
	if got := activeOf(f, ada); len(got) != 1 || got[0] != "ada1" {
		t.Errorf("after another login: %v", got)
	}
	if r := f.Do("POST", revokePath, map[string]any{"user_uid": ada.String()}); r.Status != 200 {
		t.Errorf("%d %s", r.Status, r.Body)
	}
	if got := activeOf(f, ada); len(got) != 0 {
		t.Errorf("after a revocation by id: %v", got)
	}
	var told []string
	for _, e := range f.Events() {
		if e.Kind == "session" && e.Action == "revoke" {
			told = append(told, e.Name)
		}
	}
	if len(told) != 2 || told[0] != "ada@example.com" {
		t.Errorf("audited: %q", told)
	}
}

// TestRevokeUserNeedsPermissionForTheAccount: sessions are those of every application of the account.
func TestRevokeUserNeedsPermissionForTheAccount(t *testing.T) {
	t.Parallel()
	f := apitest.Start(t)
	body := map[string]any{"email": "ada@example.com"}
	reader := f.StoreToken(nil, apitest.ReadApps)
	if r := f.As(reader, "POST", revokePath, body); r.Status != http.StatusForbidden {
		t.Errorf("%d %s", r.Status, r.Body)
	}
	if keys := f.ConfigKeys(topology.KindRevocation); len(keys) != 0 {
		t.Errorf("stored: %v", keys)
	}
}

// TestARevocationThatCannotBeRead ends every session of its person, and a new revocation repairs it.
func TestARevocationThatCannotBeRead(t *testing.T) {
	t.Parallel()
	f := apitest.Start(t)
	user := proto.DeriveID(f.Account, "ada@example.com")
	s := &proto.Session{Nonce: "ada0", User: user, Email: "ada@example.com", StartedAt: proto.At(f.Clock.Now()),
		ExpiresAt: proto.At(f.Clock.Now().Add(time.Hour))}
	f.StoreLogin(s)
	// The record of another person does not match its key.
	f.StoreConfig(topology.KindRevocation, topology.EmailRevocationID(f.Account, s.Email),
		&proto.Revocation{ID: proto.NewID(), Email: "eve@example.com"})
	if got := activeOf(f, user); len(got) != 0 {
		t.Errorf("active: %v", got)
	}
	if r := f.Do("POST", revokePath, map[string]any{"email": s.Email}); r.Status != 200 {
		t.Fatalf("%d %s", r.Status, r.Body)
	}
	f.Clock.Advance(time.Second)
	s.StartedAt = proto.At(f.Clock.Now())
	f.StoreLogin(s)
	if got := activeOf(f, user); len(got) != 1 {
		t.Errorf("after the repair: %v", got)
	}
}
