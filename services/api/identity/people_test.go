package identity_test

import (
	"fmt"
	"strings"
	"testing"
	"time"

	"plumbline.dev/bus"
	"plumbline.dev/bus/topology"
	"plumbline.dev/proto"
	"plumbline.dev/services/api/apitest"
	"plumbline.dev/services/api/v4"
)

func session(f *apitest.Fleet, email, nonce string) *proto.Session {
	now := proto.At(f.Clock.Now())
	return &proto.Session{Nonce: nonce, Email: email, Name: strings.ToUpper(email[:1]) + "na", IP: "192.0.2.1",
		Country: "DE", AMR: []string{"pwd"},
		StartedAt: now, ExpiresAt: now.Add(time.Hour)}
}

func TestPeople(t *testing.T) {
	t.Parallel()
	f := apitest.StartFleet(t)
	var want []string
	for n := range 7 {
		u := f.StoreLogin(session(f, fmt.Sprintf("%c@example.com", 'a'+n), fmt.Sprint("nonce", n)))
		f.Clock.Advance(time.Minute)
		want = append(want, u.Email)
	}
	f.Import("text/csv", "serial_number,email\nX-1,A@example.com\nX-2,a@example.com\n")
	var got []string
	for page := 1; ; page++ {
		part, info := f.List(fmt.Sprint("/access/users?per_page=3&page=", page))
		if len(part) == 0 {
			break
		}
		for _, u := range part {
			got = append(got, apitest.Text(u, "email"))
		}
		if info["total_count"] != 7.0 || info["page"] != float64(page) {
			t.Errorf("info %v", info)
		}
	}
	apitest.Same(t, "people", got, want)
	for query, n := range map[string]int{"email=A@example.com": 1, "email=example.com": 0, "search=example": 7,
		"search=b@": 1, "name=ana": 1, "name=an": 0} {
		if all, _ := f.List("/access/users?" + query); len(all) != n {
			t.Errorf("%s: %v", query, all)
		}
	}
	id := proto.DeriveID(f.Account, "a@example.com").String()
	apitest.Same(t, "a person", f.Want(200, "GET", "/access/users/"+id, nil),
		map[string]any{"id": id, "uid": id, "access_seat": true, "active_device_count": 2.0,
			"created_at": "2026-03-01T12:00:00Z", "email": "a@example.com", "gateway_seat": false,
			"last_successful_login": "2026-03-01T12:00:00Z",
			"name":                  "Ana", "updated_at": "2026-03-01T12:00:00Z"})
	for _, path := range []string{"", "/last_seen_identity", "/active_sessions", "/active_sessions/nonce1",
		"/failed_logins"} {
		f.WantError(404, v4.CodeNotFound, "GET", "/access/users/"+proto.NewID().String()+path, nil)
	}
	f.WantError(404, v4.CodeNotFound, "GET", "/access/users/"+id+"/active_sessions/nonce1", nil) // of another person
	f.WantError(404, v4.CodeNotFound, "GET", "/access/users/"+id+"/active_sessions/a.b", nil)
	sessions, _ := f.List("/access/users/" + id + "/active_sessions")
	if len(sessions) != 1 || sessions[0]["name"] != "nonce0" ||
		sessions[0]["metadata"].(map[string]any)["nonce"] != "nonce0" {
		t.Errorf("sessions %v", sessions)
	}
	if s := f.Want(200, "GET", "/access/users/"+id+"/active_sessions/nonce0", nil); s["isActive"] != true ||
		s["email"] != "a@example.com" {
		t.Errorf("session %v", s)
	}
	for n, refused := range []bool{true, false, true} {
		e := proto.Authentication{At: proto.At(f.Clock.Now()), Action: proto.ActionLogin,
			User: proto.DeriveID(f.Account, "a@example.com"), Allowed: !refused, Ray: fmt.Sprint("ray", n)}
		if _, err := f.Conn.Publish(t.Context(),
			bus.Outgoing{Subject: topology.AccessLog(f.Account, proto.NewID()), Body: &e}); err != nil {
			t.Fatal(err)
		}
	}
	failed, _ := f.List("/access/users/" + id + "/failed_logins")
	if len(failed) != 2 || failed[0]["metadata"].(map[string]any)["ray_id"] != "ray2" ||
		failed[0]["expiration"].(float64) <= float64(f.Clock.Now().Unix()) {
		t.Errorf("failed logins %v", failed)
	}
	f.Clock.Advance(time.Hour)
	if sessions, _ := f.List("/access/users/" + id + "/active_sessions"); len(sessions) != 0 {
		t.Errorf("sessions afterwards %v", sessions)
	}
	if s := f.Want(200, "GET", "/access/users/"+id+"/active_sessions/nonce0", nil); s["isActive"] != false {
		t.Errorf("session afterwards %v", s)
	}
}
