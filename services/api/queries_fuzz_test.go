package api_test

import (
	"encoding/json"
	"net/http/httptest"
	"net/url"
	"strings"
	"testing"
	"time"

	"plumbline.dev/proto"
	"plumbline.dev/services/api"
	"plumbline.dev/services/api/apitest"
)

// FuzzQueries sends any query to the endpoints of devices, people and logs: the status is never 500.
func FuzzQueries(fuzz *testing.F) {
	f := apitest.Start(fuzz, api.WithAnswerTimeout(time.Millisecond))
	id := proto.NewID().String()
	user := f.StoreLogin(&proto.Session{Nonce: "n", Email: "a@example.com", Device: proto.NewID(), StartedAt: 1,
		ExpiresAt: 1 << 50})
	f.StorePages(1)
	paths := []string{
		"/devices/physical-devices", "/devices/physical-devices/" + id, "/devices/physical-devices/" + id + "/revoke",
		"/devices/registrations", "/devices/registrations/" + id, "/devices/registrations/revoke",
		"/devices/registrations/unrevoke", "/devices/" + id, "/devices/revoke", "/devices/unrevoke",
		"/access/users", "/access/users/" + user.ID.String() + "/last_seen_identity",
		"/access/users/" + id + "/active_sessions", "/access/logs/access_requests", "/plumbline/results/devices/" + id,
		"/plumbline/explain/" + id, "/plumbline/integrations/" + id + "/polls",
	}
	for path := range paths {
		for n, query := range []string{"", "per_page=2&search=lap&sort_by=name&sort_order=desc",
			"cursor=eyJpIjoiMDAwMDAwMDAtMDAwMC0wMDAwLTAwMDAtMDAwMDAwMDAwMDAwIn0",
			"id=" + id, "last_seen_user.email=a@b&active_registrations=include", "status=all&user.id=" + id,
			"since=2026-01-01T00:00:00Z&until=2026-01-02T00:00:00Z&limit=3",
			"history=1&cursor=5", "fields=allowed&email=a&email_exact=true&allowedOp=neq", "page=2&per_page=1"} {
			for method := range fuzzMethods {
				if method > 0 && n != 3 && n != 5 {
					continue
				}
				fuzz.Add(method, path, query, []byte(`["`+id+`"]`))
			}
		}
	}
	fuzz.Fuzz(func(t *testing.T, method, path int, query string, body []byte) {
		req := httptest.NewRequest(fuzzMethods[uint(method)%uint(len(fuzzMethods))], "/", strings.NewReader(string(body)))
		req.URL = &url.URL{Path: f.Path(paths[uint(path)%uint(len(paths))]), RawQuery: query}
		req.Header.Set("Authorization", "Bearer "+apitest.Bootstrap)
		w := httptest.NewRecorder()
		f.Handler.ServeHTTP(w, req)
		var envelope struct {
			Success *bool
			Errors  []struct{ Code int }
		}
		if err := json.Unmarshal(w.Body.Bytes(), &envelope); err != nil || envelope.Success == nil || w.Code == 500 ||
			*envelope.Success != (w.Code == 200) {
			t.Fatalf("%s %s %q: %d %q", req.Method, req.URL.Path, query, w.Code, w.Body)
		}
	})
}
