package api

import (
	"bytes"
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"net/http"
	"net/http/httptest"
	"net/url"
	"path"
	"strings"
	"testing"
	"time"

	"plumbline.dev/proto"
	"plumbline.dev/services/api/openapi"
	"plumbline.dev/services/api/v4"
)

// things are resources that exist, by what their ids stand behind in a path.
type things struct {
	y    *system
	made int
	ids  map[string]string
}

// make makes all of them, new ones at each call.
func (m *things) make() {
	y, zone := m.y, proto.NewAccount().String()
	m.made++
	at := func(name string) string { return fmt.Sprintf("%s-%d", name, m.made) }
	i := text(y.want(200, "POST", "/devices/posture/integration", integrationBody()), "id")
	token := text(y.want(201, "POST", "/access/service_tokens", map[string]any{"name": "t"}), "id")
	policy := text(y.want(201, "POST", "/access/policies", policyBody("p", token)), "id")
	tag := text(y.want(201, "POST", "/access/tags", map[string]any{"name": at("tag")}), "name")
	m.ids = map[string]string{
		"accounts": y.account.String(), "zones": zone, "integration": i, "integrations": i, "service_tokens": token, "policies": policy, "tags": tag,
		"posture": text(y.want(200, "POST", "/devices/posture", ruleBody(i)), "id"),
		"apps": text(y.want(201, "POST", "/access/apps", map[string]any{"domain": at("a") + ".example.com",
			"policies": []any{policy, policyBody("own", token)}, "tags": []string{tag}}), "id"),
		"groups":             text(y.want(201, "POST", "/access/groups", groupBody("g")), "id"),
		"identity_providers": text(y.want(201, "POST", "/access/identity_providers", oidcBody()), "id"),
		"tokens":             text(y.want(200, "POST", "/tokens", y.tokenBody("t", readApps)), "id"),
		"pages":              "0",
	}
}

// path puts ids into a route's path: of what exists, or the other one.
func (m *things) path(pattern, other string) string {
	parts := strings.Split(pattern, "/")
	for n, part := range parts {
		if !strings.HasPrefix(part, "{") {
			continue
		}
		known := m.ids[parts[n-1]]
		switch {
		case part == "{policy}":
			known = m.ids["policies"]
		case known == "":
			known = m.ids["integration"] // an id, of something else
		}
		if parts[n] = known; other != "" && n > 4 {
			parts[n] = other
		}
	}
	return strings.Join(parts, "/")
}

// fuzzBodies are seeds; $apps and the like stand for ids.
func fuzzBodies(y *system) (bodies [][]byte) {
	for _, body := range []any{
		integrationBody(), ruleBody("$integration"), policyBody("q", "$service_tokens"), groupBody("h", groupRule("$groups")), oidcBody(), y.tokenBody("u", readApps),
		map[string]any{
			"name": "n", "domain": "b.example.com", "destinations": []any{map[string]any{"uri": "b.example.com"}}, "policies": []any{"$policies", policyBody("r", "$service_tokens")},
			"session_duration": "1h", "duration": "1h", "client_secret_version": 1, "precedence": 3,
			"cors_headers": map[string]any{"max_age": 1, "allowed_origins": []any{"https://a"}}, "allowed_idps": []any{"$identity_providers"}, "tags": []any{"$tags"},
			"read_service_tokens_from_header": "Authorization", "scim_config": map[string]any{"authentication": []any{map[string]any{"password": "x"}}}},
		map[string]any{"name": "o", "key_rotation_interval_days": 30, "strict_service_token_auth": false, "allow_iframe": true, "enabled": false,
			"login_design":                      map[string]any{"a": map[string]any{"b": nil}},
			"service_token_inactivity":          map[string]any{"enabled": true, "inactivity_threshold_days": 30, "action": "delete"},
			"previous_client_secret_expires_at": "2026-05-01T00:00:00Z"},
		map[string]any{"name": "s", "type": "saas", "saas_app": map[string]any{"sp_entity_id": "x"}, "x_origin_url": "http://10.0.0.1"},
		[]any{"$integration"}, map[string]any{"ids": []any{"$integration"}, "email": "a@example.com"},
	} {
		bodies = append(bodies, []byte(jsonText(y.t, body)))
	}
	return bodies
}

// Whatever is sent to any route is answered, soon, with an envelope where the answer is none of lines or
// events, and never with a 500. Routes that are new are fuzzed without being named here.
func FuzzHandlers(f *testing.F) {
	y := start(f, func(c *Config) {
		c.answerTimeout = time.Millisecond
		c.ProbeTimeout = time.Second
	})
	y.fakeExchange(func(*proto.KeysCommand) *proto.KeysAnswer { return &proto.KeysAnswer{} })
	m := &things{y: y}
	m.make()
	routes, bodies := v4.WithZones(y.api.routes()), fuzzBodies(y)
	for n, r := range routes {
		reads := r.Method == http.MethodGet || r.Method == http.MethodDelete
		for _, query := range []string{"", "page=1&per_page=2&name=a&exact=true&search=a&domain=a&aud=a&type=oidc",
			"page=2&direction=desc&cursor=AAAA&sort_by=name&since=2026-01-01T00:00:00Z&limit=3&history=1"} {
			if reads {
				f.Add(n, "", query, "", []byte(nil))
			}
		}
		for _, body := range bodies {
			if !reads && !strings.HasPrefix(r.Path, v4.ZonePath) {
				f.Add(n, "", "", "application/json", body)
			}
		}
		f.Add(n, "x", "", "", []byte(nil))
		f.Add(n, "../..", "page=0&per_page=-1&cursor=%ff&since=x", "text/csv", []byte("device_id,email\n1,2\n"))
		f.Add(n, proto.NewID().String(), "", "application/x-ndjson", []byte(`{"serial_number":"S"}`))
		f.Add(n, strings.Repeat("long", 50), "per_page=99999999999999999999", "", bytes.Repeat([]byte("["), 70<<10))
	}
	f.Fuzz(func(t *testing.T, route int, other, query, kind string, body []byte) {
		r, mine := routes[uint(route)%uint(len(routes))], *y
		mine.t = t
		m.y = &mine
		for name, id := range m.ids {
			body = bytes.ReplaceAll(body, []byte("$"+name), []byte(id))
		}
		ctx, cancel := context.WithTimeout(t.Context(), fuzzWithin)
		defer cancel()
		if r.Stream != nil { // some answer for as long as the client listens
			ctx, cancel = context.WithTimeout(ctx, 20*time.Millisecond)
			defer cancel()
		}
		req := httptest.NewRequestWithContext(ctx, r.Method, "/", bytes.NewReader(body))
		req.URL = &url.URL{Path: m.path(r.Path, other), RawQuery: query}
		req.Header.Set("Authorization", "Bearer "+bootstrap)
		req.Header.Set("Content-Type", kind)
		w, at := httptest.NewRecorder(), time.Now()
		cut := serveUncut(y.handler, w, req)
		if took := time.Since(at); took >= fuzzWithin {
			t.Fatalf("%s %q?%q %q: answered after %v", r.Method, req.URL.Path, query, body, took)
		}
		if !cut {
			checkAnswer(t, y, req, w, body)
		}
		if r.Method == http.MethodDelete && w.Code/100 == 2 || m.made > 1 && w.Code == http.StatusForbidden {
			m.make()
		}
	})
}

// fuzzWithin bounds a request of the fuzz target. It is generous: fuzzing takes what the machine has.
const fuzzWithin = 20 * time.Second

// serveUncut tells whether the answer was cut off, as one is that fails after its first bytes went out.
func serveUncut(h http.Handler, w http.ResponseWriter, r *http.Request) (cut bool) {
	defer func() {
		if p := recover(); p != nil {
			err, ok := p.(error)
			if cut = ok && errors.Is(err, http.ErrAbortHandler); !cut {
				panic(p)
			}
		}
	}()
	h.ServeHTTP(w, r)
	return false
}

func checkAnswer(t *testing.T, y *system, req *http.Request, w *httptest.ResponseRecorder, body []byte) {
	t.Helper()
	if w.Code == 500 {
		t.Fatalf("%s %q?%q %q: %s\n%s", req.Method, req.URL.Path, req.URL.RawQuery, body, w.Body, y.log)
	}
	theDescription().answered(t, req, w.Code, w.Header(), w.Body.Bytes())
	if w.Code == http.StatusOK && w.Header().Get("Content-Type") != "application/json" {
		return
	}
	var envelope struct {
		Success *bool
		Errors  []struct {
			Code    int
			Message string
		}
		Messages []any
	}
	if err := json.Unmarshal(w.Body.Bytes(), &envelope); err != nil || envelope.Success == nil || envelope.Errors == nil || envelope.Messages == nil {
		t.Fatalf("%s %q: %d %q", req.Method, req.URL.Path, w.Code, w.Body)
	}
	if *envelope.Success != (w.Code/100 == 2) || *envelope.Success != (len(envelope.Errors) == 0) {
		t.Fatalf("%s %q %q: %d %s", req.Method, req.URL.Path, body, w.Code, w.Body)
	}
	for _, e := range envelope.Errors {
		if e.Code < 1000 || e.Message == "" {
			t.Fatalf("%s %q: %s", req.Method, req.URL.Path, w.Body)
		}
	}
}

// FuzzPaths: paths that are no route's, and methods that none has.
func FuzzPaths(f *testing.F) {
	y := start(f)
	for _, p := range []string{"/", "", "/client/v4", "/client/v4/accounts//tokens", "/client/v4/accounts/" + y.account.String() + "/x", "/client/v4/zones/a/access/apps",
		"//client/v4/user/tokens/verify", "/client/v4/accounts/{account}/access/apps/%2e%2e", "/client/v4/accounts/\x00", "*", "/client/v4/openapi.json"} {
		for n := range fuzzMethods {
			f.Add(n, p)
		}
	}
	f.Fuzz(func(t *testing.T, method int, p string) {
		if strings.HasSuffix(path.Clean(p), "/results/stream") {
			return // it answers for as long as the client listens
		}
		req := httptest.NewRequest(fuzzMethods[uint(method)%uint(len(fuzzMethods))], "/", nil)
		req.URL = &url.URL{Path: p}
		req.Header.Set("Authorization", "Bearer "+bootstrap)
		w := httptest.NewRecorder()
		if !serveUncut(y.handler, w, req) && w.Code != http.StatusTemporaryRedirect {
			if p == openapi.Path && w.Code == http.StatusOK {
				return
			}
			checkAnswer(t, y, req, w, nil)
		}
	})
}

var fuzzMethods = []string{"GET", "POST", "PUT", "PATCH", "DELETE", "HEAD", "OPTIONS", "TRACE", "CONNECT"}

// endless is a body without an end, which counts what is read of it.
type endless struct{ read int64 }

func (e *endless) Read(b []byte) (int, error) {
	for n := range b {
		b[n] = ' '
	}
	e.read += int64(len(b))
	return len(b), nil
}

// Every body is bounded: no more is read of it than the bound says, and the client is told.
func TestEveryBodyIsBounded(t *testing.T) {
	y := start(t)
	m := &things{y: y}
	m.make()
	for _, r := range v4.WithZones(y.api.routes()) {
		if r.Stream != nil || r.Method == http.MethodGet {
			continue
		}
		body := new(endless)
		req := httptest.NewRequest(r.Method, m.path(r.Path, ""), body)
		req.Header.Set("Authorization", "Bearer "+bootstrap)
		answer := y.raw(req)
		if answer.Status != http.StatusRequestEntityTooLarge || body.read > 2*y.cfg.MaxBody {
			t.Errorf("%s %s: %d after %d bytes: %s", r.Method, r.Path, answer.Status, body.read, answer.Body)
		}
	}
}
