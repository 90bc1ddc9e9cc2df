package api

import (
	"bytes"
	"encoding/json"
	"net/http/httptest"
	"net/url"
	"strings"
	"testing"
	"time"

	"plumbline.dev/proto"
)

// Whatever is sent, to whatever path, is answered with an envelope and never with a 500.
func FuzzHandlers(f *testing.F) {
	y := start(f, func(c *Config) {
		c.AnswerTimeout = time.Millisecond
		c.ProbeTimeout = time.Second
		c.TempDir = f.TempDir()
	})
	i := text(y.want(200, "POST", "/devices/posture/integration", integrationBody()), "id")
	rule := text(y.want(200, "POST", "/devices/posture", ruleBody(i)), "id")
	token := text(y.want(201, "POST", "/access/service_tokens", map[string]any{"name": "t"}), "id")
	policy := text(y.want(201, "POST", "/access/policies", policyBody("p", token)), "id")
	app := text(y.want(201, "POST", "/access/apps", map[string]any{"domain": "a.example.com", "policies": []any{policy}}), "id")
	group := text(y.want(201, "POST", "/access/groups", groupBody("g")), "id")
	idp := text(y.want(201, "POST", "/access/identity_providers", oidcBody()), "id")
	y.want(201, "POST", "/access/tags", map[string]any{"name": "tag"})
	y.fakeExchange(func(*proto.KeysCommand) *proto.KeysAnswer { return &proto.KeysAnswer{} })
	for _, path := range []string{
		"/access/service_tokens", "/access/service_tokens/" + token, "/access/apps", "/access/apps/" + app, "/access/apps/" + app + "/policies",
		"/access/apps/" + app + "/policies/" + policy, "/access/policies", "/access/policies/" + policy, "/devices/posture", "/devices/posture/" + rule,
		"/devices/posture/integration", "/devices/posture/integration/" + i, "/plumbline/devices", "/plumbline/devices/" + i,
		"/plumbline/results/devices/" + i, "/plumbline/results/pages/0", "/plumbline/status", "/plumbline/integrations/" + i + "/poll", "/x",
		"/access/service_tokens/" + token + "/refresh", "/access/service_tokens/" + token + "/rotate", "/access/apps/" + app + "/revoke_tokens",
		"/access/apps/" + app + "/settings", "/access/groups", "/access/groups/" + group, "/access/identity_providers", "/access/identity_providers/" + idp,
		"/access/organizations", "/access/keys", "/access/keys/rotate", "/access/tags", "/access/tags/tag",
		"zones/0123456789abcdef0123456789abcdef/access/apps", "zones/0123456789abcdef0123456789abcdef/access/groups/" + group,
	} {
		for _, body := range []any{nil, integrationBody(), ruleBody(i), policyBody("q", token), map[string]any{
			"name": "n", "domain": "b.example.com", "destinations": []any{map[string]any{"uri": "b.example.com"}}, "policies": []any{policy, policyBody("r", token)},
			"session_duration": "1h", "duration": "1h", "client_secret_version": 1, "precedence": 3,
			"cors_headers": map[string]any{"max_age": 1, "allowed_origins": []any{"https://a"}}, "allowed_idps": []any{idp}, "tags": []any{"tag"},
			"read_service_tokens_from_header": "Authorization", "scim_config": map[string]any{"authentication": []any{map[string]any{"password": "x"}}}},
			groupBody("h", groupRule(group)), oidcBody(), map[string]any{"name": "o", "key_rotation_interval_days": 30, "strict_service_token_auth": false,
				"login_design": map[string]any{"a": map[string]any{"b": nil}}, "service_token_inactivity": map[string]any{"enabled": true, "inactivity_threshold_days": 30, "action": "delete"},
				"previous_client_secret_expires_at": "2026-05-01T00:00:00Z", "enabled": false, "allow_iframe": true},
		} {
			data, err := json.Marshal(body)
			if err != nil {
				f.Fatal(err)
			}
			for method := range len(fuzzMethods) {
				f.Add(method, path, "page=1&name=a&exact=true", "text/csv", data)
			}
		}
	}
	f.Add(1, "/plumbline/devices", "", "application/x-ndjson", []byte(`{"serial_number":"S"}`))
	f.Fuzz(func(t *testing.T, method int, path, query, kind string, body []byte) {
		if strings.Contains(path, "results/stream") {
			return // it answers for as long as the client listens
		}
		req := httptest.NewRequest(fuzzMethods[uint(method)%uint(len(fuzzMethods))], "/", bytes.NewReader(body))
		req.URL = &url.URL{Path: y.path(path), RawQuery: query}
		if strings.HasPrefix(path, "zones/") {
			req.URL.Path = "/client/v4/" + path
		}
		req.Header.Set("Authorization", "Bearer "+bootstrap)
		req.Header.Set("Content-Type", kind)
		w := httptest.NewRecorder()
		y.handler.ServeHTTP(w, req)
		var envelope struct {
			Success *bool
			Errors  []struct {
				Code    int
				Message string
			}
			Messages []any
		}
		if err := json.Unmarshal(w.Body.Bytes(), &envelope); err != nil || envelope.Success == nil || envelope.Errors == nil || envelope.Messages == nil {
			t.Fatalf("%s %q: %d %q", req.Method, path, w.Code, w.Body)
		}
		if w.Code == 500 || *envelope.Success != (w.Code/100 == 2) || *envelope.Success != (len(envelope.Errors) == 0) {
			t.Fatalf("%s %q %q: %d %s\n%s", req.Method, path, body, w.Code, w.Body, y.log)
		}
		for _, e := range envelope.Errors {
			if e.Code < 1000 || e.Message == "" {
				t.Fatalf("%s %q: %s", req.Method, path, w.Body)
			}
		}
	})
}

var fuzzMethods = []string{"GET", "POST", "PUT", "PATCH", "DELETE", "HEAD"}
