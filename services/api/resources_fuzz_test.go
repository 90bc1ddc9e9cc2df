package api_test

import (
	"fmt"
	"net/http"
	"net/http/httptest"
	"strings"
	"testing"

	"plumbline.dev/proto"
	"plumbline.dev/services/api/apitest"
	"plumbline.dev/services/api/v4"
)

// resources are the ids of resources that exist, by the part of a path that comes before them.
type resources struct {
	f    *apitest.Fixture
	made int
	ids  map[string]string
}

// create creates one of each, with new names at each call. The application also has a policy of its own.
func (m *resources) create() {
	m.made++
	m.ids = m.f.CreateKinds(m.made)
	m.ids["apps"] = apitest.Text(m.f.Want(201, "POST", "/access/apps", map[string]any{
		"domain": fmt.Sprintf("a-%d.example.com", m.made), "tags": []string{m.ids["tags"]},
		"policies": []any{m.ids["policies"], apitest.PolicyBody("own", m.ids["service_tokens"])}}), "id")
	m.ids["accounts"], m.ids["zones"], m.ids["pages"] = m.f.Account.String(), proto.NewAccount().String(), "0"
	m.ids["integrations"] = m.ids["integration"]
}

// path fills in the variable parts of a route's path: with ids that exist, or with another one.
func (m *resources) path(pattern, other string) string {
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
			known = m.ids["integration"] // the id of another kind of resource
		}
		if parts[n] = known; other != "" && n > 4 {
			parts[n] = other
		}
	}
	return strings.Join(parts, "/")
}

// seedBodies returns request bodies. "$apps" and the like stand for ids.
func seedBodies(f *apitest.Fixture) (bodies [][]byte) {
	ids := map[string]string{}
	for _, k := range apitest.Kinds() {
		bodies = append(bodies, []byte(apitest.JSON(f.T, k.Body(f, ids, "q"))))
		ids[k.Before()] = "$" + k.Before()
	}
	for _, body := range []any{
		apitest.GroupBody("h", apitest.GroupRule("$groups")),
		map[string]any{
			"name": "n", "domain": "b.example.com", "destinations": []any{map[string]any{"uri": "b.example.com"}},
			"policies":         []any{"$policies", apitest.PolicyBody("r", "$service_tokens")},
			"session_duration": "1h", "duration": "1h", "client_secret_version": 1, "precedence": 3,
			"cors_headers": map[string]any{"max_age": 1, "allowed_origins": []any{"https://a"}},
			"allowed_idps": []any{"$identity_providers"}, "tags": []any{"$tags"},
			"read_service_tokens_from_header": "Authorization",
			"scim_config":                     map[string]any{"authentication": []any{map[string]any{"password": "x"}}}},
		map[string]any{"name": "o", "key_rotation_interval_days": 30, "strict_service_token_auth": false,
			"allow_iframe": true, "enabled": false,
			"login_design": map[string]any{"a": map[string]any{"b": nil}},
			"service_token_inactivity": map[string]any{"enabled": true, "inactivity_threshold_days": 30,
				"action": "delete"},
			"previous_client_secret_expires_at": "2026-05-01T00:00:00Z"},
		map[string]any{"name": "s", "type": "saas", "saas_app": map[string]any{"sp_entity_id": "x"},
			"x_origin_url": "http://10.0.0.1"},
		[]any{"$integration"}, map[string]any{"ids": []any{"$integration"}, "email": "a@example.com"},
	} {
		bodies = append(bodies, []byte(apitest.JSON(f.T, body)))
	}
	return bodies
}

// TestLimitOfEveryBody checks that every route stops reading an endless body, and says so.
func TestLimitOfEveryBody(t *testing.T) {
	t.Parallel()
	f := apitest.Start(t)
	m := &resources{f: f}
	m.create()
	for _, r := range v4.WithZones(f.API.Routes()) {
		if r.Stream != nil || r.Method == http.MethodGet {
			continue
		}
		body := new(endless)
		req := httptest.NewRequest(r.Method, m.path(r.Path, ""), body)
		req.Header.Set("Authorization", "Bearer "+apitest.Bootstrap)
		answer := f.Send(req)
		if answer.Status != http.StatusRequestEntityTooLarge || body.read > 2*f.Config.MaxBody {
			t.Errorf("%s %s: %d after %d bytes: %s", r.Method, r.Path, answer.Status, body.read, answer.Body)
		}
	}
}

// endless is a body without an end. It counts the bytes that were read.
type endless struct{ read int64 }

func (e *endless) Read(b []byte) (int, error) {
	for n := range b {
		b[n] = ' '
	}
	e.read += int64(len(b))
	return len(b), nil
}
