package api

import (
	"encoding/json"
	"net/http/httptest"
	"net/url"
	"strings"
	"testing"
	"time"

	"plumbline.dev/bus"
	"plumbline.dev/bus/topology"
	"plumbline.dev/proto"
)

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

// loggedIn stores a login as a gateway does.
func (y *system) loggedIn(s *proto.Session) {
	y.t.Helper()
	s.User = proto.DeriveID(y.account, strings.ToLower(s.Email))
	u := &proto.User{ID: s.User, Email: s.Email, Name: s.Name, CreatedAt: s.StartedAt, LastSeenAt: s.StartedAt, Last: *s}
	for key, m := range map[string]proto.Message{topology.SessionKey(y.account, s.Nonce): s, topology.UserKey(y.account, s.User): u} {
		if _, err := y.conn.Publish(y.t.Context(), bus.Outgoing{Subject: topology.BucketSubject(topology.Sessions, key), Body: m}); err != nil {
			y.t.Fatal(err)
		}
	}
}
