package api

import (
	"encoding/json"
	"fmt"
	"net/http/httptest"
	"net/url"
	"slices"
	"strings"
	"testing"
	"time"

	"plumbline.dev/bus"
	"plumbline.dev/bus/topology"
	"plumbline.dev/proto"
	"plumbline.dev/services/api/v4"
)

// loggedIn stores a login as a gateway does.
func (y *system) loggedIn(s *proto.Session) *proto.User {
	y.t.Helper()
	s.User = proto.DeriveID(y.account, strings.ToLower(s.Email))
	u := &proto.User{ID: s.User, Email: s.Email, Name: s.Name, CreatedAt: s.StartedAt, LastSeenAt: s.StartedAt, Last: *s}
	for key, m := range map[string]proto.Message{topology.SessionKey(y.account, s.Nonce): s, topology.UserKey(y.account, s.User): u} {
		if _, err := y.conn.Publish(y.t.Context(), bus.Outgoing{Subject: topology.BucketSubject(topology.Sessions, key), Body: m}); err != nil {
			y.t.Fatal(err)
		}
	}
	return u
}

func (f *polledFleet) session(email, nonce string) *proto.Session {
	now := proto.At(f.clock.Now())
	return &proto.Session{Nonce: nonce, Email: email, Name: strings.ToUpper(email[:1]) + "na", IP: "192.0.2.1", Country: "DE", AMR: []string{"pwd"},
		StartedAt: now, ExpiresAt: now.Add(time.Hour)}
}

func TestPeople(t *testing.T) {
	f := fleet(t)
	var want []string
	for n := range 7 {
		u := f.loggedIn(f.session(fmt.Sprintf("%c@example.com", 'a'+n), fmt.Sprint("nonce", n)))
		f.clock.Advance(time.Minute)
		want = append(want, u.Email)
	}
	f.imported("text/csv", "serial_number,email\nX-1,A@example.com\nX-2,a@example.com\n")
	var got []string
	for page := 1; ; page++ {
		part, info := f.list(fmt.Sprint("/access/users?per_page=3&page=", page))
		if len(part) == 0 {
			break
		}
		for _, u := range part {
			got = append(got, text(u, "email"))
		}
		if info["total_count"] != 7.0 || info["page"] != float64(page) {
			t.Errorf("info %v", info)
		}
	}
	same(t, "people", got, want)
	for query, n := range map[string]int{"email=A@example.com": 1, "email=example.com": 0, "search=example": 7, "search=b@": 1, "name=ana": 1, "name=an": 0} {
		if all, _ := f.list("/access/users?" + query); len(all) != n {
			t.Errorf("%s: %v", query, all)
		}
	}
	id := proto.DeriveID(f.account, "a@example.com").String()
	same(t, "a person", f.want(200, "GET", "/access/users/"+id, nil), map[string]any{"id": id, "uid": id, "access_seat": true, "active_device_count": 2.0,
		"created_at": "2026-03-01T12:00:00Z", "email": "a@example.com", "gateway_seat": false, "last_successful_login": "2026-03-01T12:00:00Z",
		"name": "Ana", "updated_at": "2026-03-01T12:00:00Z"})
	for _, path := range []string{"", "/last_seen_identity", "/active_sessions", "/active_sessions/nonce1", "/failed_logins"} {
		f.refused(404, v4.CodeNotFound, "GET", "/access/users/"+proto.NewID().String()+path, nil)
	}
	f.refused(404, v4.CodeNotFound, "GET", "/access/users/"+id+"/active_sessions/nonce1", nil) // another's
	f.refused(404, v4.CodeNotFound, "GET", "/access/users/"+id+"/active_sessions/a.b", nil)
	sessions, _ := f.list("/access/users/" + id + "/active_sessions")
	if len(sessions) != 1 || sessions[0]["name"] != "nonce0" || sessions[0]["metadata"].(map[string]any)["nonce"] != "nonce0" {
		t.Errorf("sessions %v", sessions)
	}
	if s := f.want(200, "GET", "/access/users/"+id+"/active_sessions/nonce0", nil); s["isActive"] != true || s["email"] != "a@example.com" {
		t.Errorf("session %v", s)
	}
	for n, refused := range []bool{true, false, true} {
		e := proto.Authentication{At: proto.At(f.clock.Now()), Action: proto.ActionLogin, User: proto.DeriveID(f.account, "a@example.com"), Allowed: !refused, Ray: fmt.Sprint("ray", n)}
		if _, err := f.conn.Publish(t.Context(), bus.Outgoing{Subject: topology.AccessLog(f.account, proto.NewID()), Body: &e}); err != nil {
			t.Fatal(err)
		}
	}
	failed, _ := f.list("/access/users/" + id + "/failed_logins")
	if len(failed) != 2 || failed[0]["metadata"].(map[string]any)["ray_id"] != "ray2" || failed[0]["expiration"].(float64) <= float64(f.clock.Now().Unix()) {
		t.Errorf("failed logins %v", failed)
	}
	f.clock.Advance(time.Hour)
	if sessions, _ := f.list("/access/users/" + id + "/active_sessions"); len(sessions) != 0 {
		t.Errorf("sessions afterwards %v", sessions)
	}
	if s := f.want(200, "GET", "/access/users/"+id+"/active_sessions/nonce0", nil); s["isActive"] != false {
		t.Errorf("session afterwards %v", s)
	}
}

func TestLastSeenIdentity(t *testing.T) {
	f := fleet(t)
	f.want(200, "POST", "/devices/posture", map[string]any{"name": "File", "type": "file", "input": map[string]any{"path": "/x"}})
	f.imported("text/csv", "serial_number,email\nS-1,anna@example.com\nS-2,Anna@example.com\n")
	f.evaluated(3, 80, proto.OutcomePass)
	anna := f.session("anna@example.com", "n")
	anna.Device = f.devices[0]
	path := "/access/users/" + f.loggedIn(anna).ID.String() + "/last_seen_identity"
	got := f.want(200, "GET", path, nil)
	posture := got["devicePosture"].(map[string]any)
	same(t, "the check that passed", posture[f.check.String()], any(map[string]any{"id": f.check.String(), "check": map[string]any{"exists": true, "path": ""},
		"data": map[string]any{"score": 80.0}, "description": "", "error": "", "rule_name": "Healthy", "success": true,
		"timestamp": "2026-03-01T12:00:00Z", "type": "custom_s2s"}))
	if len(posture) != 2 {
		t.Errorf("posture %v", posture)
	}
	for id, p := range posture {
		if p := p.(map[string]any); id != f.check.String() && (p["success"] != false || p["error"] != "unsupported" || p["type"] != "file") {
			t.Errorf("a check that is not evaluated: %v", p)
		}
	}
	delete(got, "devicePosture")
	idp := proto.ID{}.String()
	same(t, "who", got, map[string]any{"id": anna.User.String(), "user_uuid": anna.User.String(), "name": "Ana", "email": "anna@example.com",
		"amr": []any{"pwd"}, "idp": map[string]any{"id": idp, "type": ""}, "geo": map[string]any{"country": "DE"}, "account_id": f.account.String(),
		"iat": float64(f.clock.Now().Unix()), "ip": "192.0.2.1", "auth_status": "NONE", "common_name": "", "service_token_id": "",
		"service_token_status": false, "is_warp": false, "is_gateway": false, "device_id": f.devices[0].String(),
		"device_sessions": map[string]any{f.devices[0].String(): map[string]any{"last_authenticated": float64(f.clock.Now().Unix())}},
		"mtls_auth":       map[string]any{"auth_status": "NONE", "cert_issuer_dn": "", "cert_issuer_ski": "", "cert_presented": false, "cert_serial": ""},
		"version":         2.0, "x_devices": []any{f.devices[0].String()}})
	// Without a device behind the login, those of the address count: all of them must pass.
	anna.Device = proto.ID{}
	f.loggedIn(anna)
	got = f.want(200, "GET", path, nil)
	if p := got["devicePosture"].(map[string]any)[f.check.String()].(map[string]any); p["success"] != false || p["error"] != "missing" || len(got["x_devices"].([]any)) != 2 {
		t.Errorf("of two devices: %v, %v", p, got["x_devices"])
	}
	// A revoked device counts no longer.
	f.want(200, "POST", "/devices/physical-devices/"+f.devices[1].String()+"/revoke", nil)
	got = f.want(200, "GET", path, nil)
	if p := got["devicePosture"].(map[string]any)[f.check.String()].(map[string]any); p["success"] != true {
		t.Errorf("of the one that is left: %v", p)
	}
}

func TestAccessRequests(t *testing.T) {
	y := start(t)
	app := y.want(201, "POST", "/access/apps", map[string]any{"domain": "a.example.com"})
	id := must(proto.ParseID(text(app, "id")))
	at := y.clock.Now()
	record := func(n int, a proto.Authentication) {
		t.Helper()
		a.At, a.Application, a.Ray = proto.At(at.Add(time.Duration(n)*time.Minute)), id, fmt.Sprint("ray", n)
		if _, err := y.conn.Publish(t.Context(), bus.Outgoing{Subject: topology.AccessLog(y.account, id), Body: &a}); err != nil {
			t.Fatal(err)
		}
	}
	person, token := proto.NewID(), proto.NewID()
	for n := range 30 {
		switch n % 3 {
		case 0:
			record(n, proto.Authentication{Action: proto.ActionLogin, Allowed: true, Reason: "allow", Host: "b.example.com", User: person, IDP: proto.NewID(),
				Email: "Anna@example.com", IP: "192.0.2.1", Country: "DE"})
		case 1:
			record(n, proto.Authentication{Action: proto.ActionService, Reason: "token_disabled", ClientID: "c.access", TokenID: token, IP: "192.0.2.2", Count: 4})
		case 2:
			record(n, proto.Authentication{Action: proto.ActionRequest, Reason: "posture_failed", User: person, Email: "anna@example.com", Check: proto.NewID()})
		}
	}
	const path = "/access/logs/access_requests"
	all, _ := y.list(path)
	if len(all) != 25 || all[0]["ray_id"] != "ray29" || all[24]["ray_id"] != "ray5" {
		t.Errorf("%d: %v", len(all), column(all, "ray_id"))
	}
	same(t, "a service", all[1], map[string]any{"action": "login", "allowed": false, "app_domain": "a.example.com", "app_uid": id.String(),
		"connection": "nonidentity", "created_at": "2026-03-01T12:28:00Z", "ip_address": "192.0.2.2", "ray_id": "ray28", "user_email": "",
		"x_reason": "token_disabled", "x_action": "service", "x_policy_id": "", "x_service_token_id": token.String(), "x_client_id": "c.access",
		"x_user_id": "", "x_idp_id": "", "x_device_id": "", "x_check_id": "", "x_country": "", "x_count": 4.0})
	for query, want := range map[string]int{
		"limit=1000": 30, "per_page=7": 7, "per_page=7&page=5": 2, "per_page=7&page=6": 0, "email=anna@": 20, "email=anna@example.com&email_exact=true": 20,
		"email=anna&email_exact=true": 0, "email=anna&emailOp=neq": 10, "email=anna@&emailOp=contains": 20, "user_id=" + person.String(): 20, "user_id=" + person.String() + "&user_idOp=neq": 10,
		"allowed=true": 10, "allowed=true&allowedOp=neq": 20, "non_identity=true": 20, "ray_id=ray7": 1, "app_uid=" + id.String(): 30, "app_type=saas": 0,
		"app_type=self_hosted": 30, "country_code=de": 10, "since=2026-03-01T12:10:00Z": 20, "until=2200-01-01T00:00:00Z": 30,
		"since=2026-03-01T12:10:00Z&until=2200-03-01T12:12:00Z&limit=5": 5,
	} {
		if !strings.Contains(query, "limit") && !strings.Contains(query, "per_page") {
			query += "&limit=100"
		}
		if got, _ := y.list(path + "?" + query); len(got) != want {
			t.Errorf("%s: %d, wanted %d", query, len(got), want)
		}
	}
	up, _ := y.list(path + "?direction=asc&limit=30")
	down, _ := y.list(path + "?limit=30")
	slices.Reverse(down)
	same(t, "ascending", up, down)
	some, _ := y.list(path + "?limit=1&fields=ray_id,allowed,nothing")
	same(t, "some members", some, []map[string]any{{"ray_id": "ray29", "allowed": false}})
	for _, bad := range []string{"limit=0", "direction=up", "since=x", "email_exact=x", "allowedOp=like", "allowedOp=contains", "emailOp=x", "page=999999999"} {
		y.refused(400, v4.CodeInvalid, "GET", path+"?"+bad, nil)
	}
}

// Whatever is asked of these endpoints is answered, and never with a 500.
func FuzzQueries(f *testing.F) {
	y := start(f, func(c *Config) { c.answerTimeout = time.Millisecond })
	id := proto.NewID().String()
	y.loggedIn(&proto.Session{Nonce: "n", Email: "a@example.com", Device: proto.NewID(), StartedAt: 1, ExpiresAt: 1 << 50})
	y.fill(1)
	paths := []string{"/devices/physical-devices", "/devices/physical-devices/" + id, "/devices/physical-devices/" + id + "/revoke", "/devices/registrations",
		"/devices/registrations/" + id, "/devices/registrations/revoke", "/devices/registrations/unrevoke", "/devices/" + id, "/devices/revoke", "/devices/unrevoke",
		"/access/users", "/access/users/" + proto.DeriveID(y.account, "a@example.com").String() + "/last_seen_identity", "/access/users/" + id + "/active_sessions",
		"/access/logs/access_requests", "/plumbline/results/devices/" + id, "/plumbline/explain/" + id, "/plumbline/integrations/" + id + "/polls"}
	for path := range paths {
		for n, query := range []string{"", "per_page=2&search=lap&sort_by=name&sort_order=desc", "cursor=eyJpIjoiMDAwMDAwMDAtMDAwMC0wMDAwLTAwMDAtMDAwMDAwMDAwMDAwIn0",
			"id=" + id, "last_seen_user.email=a@b&active_registrations=include", "status=all&user.id=" + id, "since=2026-01-01T00:00:00Z&until=2026-01-02T00:00:00Z&limit=3",
			"history=1&cursor=5", "fields=allowed&email=a&email_exact=true&allowedOp=neq", "page=2&per_page=1"} {
			for method := range fuzzMethods {
				if method > 0 && n != 3 && n != 5 {
					continue
				}
				f.Add(method, path, query, []byte(`["`+id+`"]`))
			}
		}
	}
	f.Fuzz(func(t *testing.T, method, path int, query string, body []byte) {
		req := httptest.NewRequest(fuzzMethods[uint(method)%uint(len(fuzzMethods))], "/", strings.NewReader(string(body)))
		req.URL = &url.URL{Path: y.path(paths[uint(path)%uint(len(paths))]), RawQuery: query}
		req.Header.Set("Authorization", "Bearer "+bootstrap)
		w := httptest.NewRecorder()
		y.handler.ServeHTTP(w, req)
		var envelope struct {
			Success *bool
			Errors  []struct{ Code int }
		}
		if err := json.Unmarshal(w.Body.Bytes(), &envelope); err != nil || envelope.Success == nil || w.Code == 500 || *envelope.Success != (w.Code == 200) {
			t.Fatalf("%s %s %q: %d %q", req.Method, req.URL.Path, query, w.Code, w.Body)
		}
	})
}
