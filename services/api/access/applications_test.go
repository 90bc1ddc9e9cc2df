package access_test

import (
	"encoding/json"
	"fmt"
	"regexp"
	"slices"
	"strings"
	"testing"
	"time"

	"plumbline.dev/bus/topology"
	"plumbline.dev/proto"
	"plumbline.dev/services/api/apitest"
	"plumbline.dev/services/api/v4"
)

func TestApplicationLife(t *testing.T) {
	t.Parallel()
	f := apitest.Start(t)
	// The request of Terraform's provider for a minimal application (api/README.md 3.7).
	policy := f.Want(201, "POST", "/access/policies", apitest.PolicyBody("shared", proto.NewID().String()))
	made := f.Want(201, "POST", "/access/apps", map[string]any{
		"app_launcher_visible": true, "destinations": []any{map[string]any{"type": "public", "uri": "scores.example.com"}},
		"http_only_cookie_attribute": true, "name": "Scores",
		"policies":                        []any{map[string]any{"id": policy["id"], "precedence": 1}},
		"read_service_tokens_from_header": "Authorization", "service_auth_401_redirect": true, "session_duration": "24h",
		"type":         "self_hosted",
		"x_origin_url": "http://10.0.0.5:8080",
	})
	if made["domain"] != "scores.example.com" || made["uid"] != made["id"] ||
		!regexp.MustCompile(`^[0-9a-f]{64}$`).MatchString(apitest.Text(made, "aud")) {
		t.Errorf("made %v", made)
	}
	path := "/access/apps/" + apitest.Text(made, "id")
	record := storedApplication(f, made["id"])
	if record.SessionDuration != 24*time.Hour || record.OriginURL != "http://10.0.0.5:8080" ||
		!slices.Equal(record.Domains, []string{"scores.example.com"}) || len(record.Policies) != 1 {
		t.Errorf("stored %+v", record)
	}

	f.Clock.Advance(time.Hour)
	changed := f.Want(200, "PUT", path,
		map[string]any{"name": "Renamed", "domain": "other.example.com", "aud": "mine", "id": "mine", "policies": nil})
	if changed["aud"] != made["aud"] || changed["x_origin_url"] != "http://10.0.0.5:8080" ||
		changed["created_at"] != made["created_at"] || changed["updated_at"] == made["updated_at"] ||
		changed["logo_url"] != nil || changed["read_service_tokens_from_header"] != nil ||
		changed["session_duration"] != "24h" || len(changed["policies"].([]any)) != 1 {
		t.Errorf("changed %v", changed)
	}
	if got := f.Want(200, "GET", path, nil); apitest.JSON(t, got) != apitest.JSON(t, changed) {
		t.Errorf("read %v", got)
	}
	if cleared := f.Want(200, "PUT", path,
		map[string]any{"domain": "other.example.com", "policies": []any{},
			"x_origin_url": nil}); cleared["x_origin_url"] != nil || len(cleared["policies"].([]any)) != 0 {
		t.Errorf("cleared %v", cleared)
	}
	if gone := f.Want(202, "DELETE", path, nil); gone["id"] != made["id"] {
		t.Errorf("deleted %v", gone)
	}
	for _, method := range []string{"GET", "PUT", "DELETE"} {
		f.WantError(404, v4.CodeUnknownApplication, method, path, map[string]any{"domain": "a.example.com"})
	}
}

func TestInvalidApplicationsAreRejected(t *testing.T) {
	t.Parallel()
	f := apitest.Start(t)
	for name, change := range map[string]func(map[string]any){
		"an unknown type":       func(b map[string]any) { b["type"] = "web" },
		"a type of the type":    func(b map[string]any) { b["type"] = 1 },
		"a session":             func(b map[string]any) { b["session_duration"] = "1 day" },
		"a negative session":    func(b map[string]any) { b["session_duration"] = "-1h" },
		"a session of the type": func(b map[string]any) { b["session_duration"] = 24 },
		"a flag":                func(b map[string]any) { b["allow_iframe"] = "yes" },
		"tags":                  func(b map[string]any) { b["tags"] = "a" },
		"cors":                  func(b map[string]any) { b["cors_headers"] = []any{} },
		"cors and bypass": func(b map[string]any) {
			b["cors_headers"] = map[string]any{"max_age": 1}
			b["options_preflight_bypass"] = true
		},
		"credentials to everybody": func(b map[string]any) {
			b["cors_headers"] = map[string]any{"allow_credentials": true, "allow_all_origins": true}
		},
		"a redirect to nobody": func(b map[string]any) { b["auto_redirect_to_identity"] = true },
		"an origin":            func(b map[string]any) { b["x_origin_url"] = "10.0.0.5:8080" },
		"a public origin":      func(b map[string]any) { b["x_origin_url"] = "http://8.8.8.8" },
		"a metadata address":   func(b map[string]any) { b["x_origin_url"] = "http://169.254.169.254/" },
		"no address":           func(b map[string]any) { b["x_origin_url"] = "http://0.0.0.0:1" },
		"an origin's query":    func(b map[string]any) { b["x_origin_url"] = "http://10.0.0.5/?a=b" },
		"an origin's fragment": func(b map[string]any) { b["x_origin_url"] = "http://10.0.0.5/#a" },
		"an origin's password": func(b map[string]any) { b["x_origin_url"] = "http://a:b@10.0.0.5" },
		"policies":             func(b map[string]any) { b["policies"] = map[string]any{} },
		"a policy of the type": func(b map[string]any) { b["policies"] = []any{1} },
		"a null for a policy":  func(b map[string]any) { b["policies"] = []any{nil} },
		"no such policy":       func(b map[string]any) { b["policies"] = []any{proto.NewID()} },
		"no policy at all":     func(b map[string]any) { b["policies"] = []any{"x"} },
		"precedence 0": func(b map[string]any) {
			b["policies"] = []any{apitest.With(apitest.PolicyBody("a", "x"), "precedence", 0)}
		},
		"a precedence twice": func(b map[string]any) {
			b["policies"] = []any{apitest.With(apitest.PolicyBody("a", "x"), "precedence", 2),
				apitest.With(apitest.PolicyBody("b", "x"), "precedence", 2)}
		},
		"a policy without a name": func(b map[string]any) { b["policies"] = []any{apitest.PolicyBody("", "x")} },
		"a policy that decides oddly": func(b map[string]any) {
			b["policies"] = []any{apitest.With(apitest.PolicyBody("a", "x"), "decision", "maybe")}
		},
		"a policy that lets nobody in": func(b map[string]any) {
			b["policies"] = []any{apitest.With(apitest.PolicyBody("a", "x"), "include", []any{})}
		},
	} {
		t.Run(name, func(t *testing.T) {
			f := f.In(t)
			body := map[string]any{"name": "app", "domain": "a.example.com"}
			change(body)
			f.WantError(400, v4.CodeInvalid, "POST", "/access/apps", body)
		})
	}
	if left := f.ConfigKeys(topology.KindPolicy); len(left) != 0 {
		t.Errorf("policies of rejected applications are left: %q", left)
	}
	f.Want(201, "POST", "/access/apps", map[string]any{"name": "first", "domain": "a.example.com"})
	conflict := f.Do("POST", "/access/apps",
		map[string]any{"name": "second", "self_hosted_domains": []string{"b.example.com", "A.example.com"},
			"policies": []any{apitest.PolicyBody("p", "x")}})
	if conflict.Status != 409 || conflict.Errors[0].Code != v4.CodeApplicationExists ||
		conflict.Header.Get("X-Should-Retry") != "false" || !strings.Contains(conflict.Errors[0].Message, "first") {
		t.Errorf("%d %s", conflict.Status, conflict.Body)
	}
}

func TestUnservedTypesAreStored(t *testing.T) {
	t.Parallel()
	f := apitest.Start(t)
	made := f.Want(201, "POST", "/access/apps",
		map[string]any{"name": "Wiki", "type": "bookmark", "domain": "wiki.example.com"})
	if made["session_duration"] != nil || made["destinations"] != nil || made["domain"] != "wiki.example.com" {
		t.Errorf("made %v", made)
	}
	if record := storedApplication(f, made["id"]); len(record.Domains) != 0 {
		t.Errorf("stored %+v", record)
	}
}

// TestUnservedHostedTypesHaveDestinations checks that applications for browsers, of types that are not served, have the
// three views of their destinations too.
func TestUnservedHostedTypesHaveDestinations(t *testing.T) {
	t.Parallel()
	f := apitest.Start(t)
	for _, kind := range []string{"mcp_portal", "ssh", "vnc", "rdp"} {
		host := strings.ReplaceAll(kind, "_", "-") + ".example.com"
		made := f.Want(201, "POST", "/access/apps", map[string]any{"name": kind, "type": kind, "domain": host})
		path := "/access/apps/" + apitest.Text(made, "id")
		for _, got := range []map[string]any{made, f.Want(200, "GET", path, nil)} {
			list, _ := json.Marshal(got["destinations"])
			if string(list) != `[{"type":"public","uri":"`+host+`"}]` || fmt.Sprint(got["self_hosted_domains"]) != "["+host+
				"]" {
				t.Errorf("%s: %v", kind, got)
			}
		}
		if record := storedApplication(f, made["id"]); len(record.Domains) != 0 {
			t.Errorf("%s is served: %+v", kind, record)
		}
		// An application without public destinations is stored unchanged.
		f.Want(201, "POST", "/access/apps",
			map[string]any{"name": kind, "type": kind,
				"destinations": []any{map[string]any{"type": "private", "cidr": "10.0.0.0/8"}}})
	}
	mcp := f.Want(201, "POST", "/access/apps",
		map[string]any{"name": "m", "type": "mcp",
			"destinations": []any{map[string]any{"type": "via_mcp_server_portal", "mcp_server_id": "m"}}})
	if mcp["domain"] != nil || mcp["self_hosted_domains"] != nil {
		t.Errorf("%v", mcp)
	}
}

func TestApplicationFilters(t *testing.T) {
	t.Parallel()
	f := apitest.Start(t)
	var auds []string
	for _, name := range []string{"alpha", "alphabet", "beta"} {
		f.Clock.Advance(time.Second)
		auds = append(auds,
			apitest.Text(f.Want(201, "POST", "/access/apps", map[string]any{"name": name, "domain": name + ".example.com/x"}),
				"aud"))
	}
	for query, want := range map[string]string{
		"":                                      "alpha,alphabet,beta",
		"?name=alpha":                           "alpha,alphabet",
		"?name=alpha&exact=true":                "alpha",
		"?domain=ALPHA":                         "alpha,alphabet",
		"?domain=beta.example.com/x&exact=true": "beta",
		"?aud=" + auds[2]:                       "beta",
		"?search=bet":                           "alphabet,beta",
		"?per_page=1&page=2":                    "alphabet",
		"?page=2":                               "",
	} {
		r := f.Do("GET", "/access/apps"+query, nil)
		var all []struct{ Name string }
		if err := json.Unmarshal(r.Result, &all); err != nil {
			t.Fatalf("%s: %s", query, r.Body)
		}
		var names []string
		for _, a := range all {
			names = append(names, a.Name)
		}
		if strings.Join(names, ",") != want {
			t.Errorf("%s: %v", query, names)
		}
	}
}

func TestApplicationsReferToExistingResources(t *testing.T) {
	t.Parallel()
	f := apitest.Start(t)
	body := func() map[string]any { return map[string]any{"name": "a", "domain": "a.example.com"} }
	if m := f.WantError(400, v4.CodeInvalid, "POST", "/access/apps",
		apitest.With(body(), "tags", []any{"none"})); !strings.Contains(m, "tags contain a tag that does not exist") {
		t.Error(m)
	}
	f.WantError(400, v4.CodeInvalid, "POST", "/access/apps", apitest.With(body(), "allowed_idps", []any{proto.NewID()}))
	f.Want(201, "POST", "/access/tags", map[string]any{"name": "there"})
	idp := f.Want(201, "POST", "/access/identity_providers", apitest.ProviderBody())
	app := f.Want(201, "POST", "/access/apps",
		apitest.With(apitest.With(body(), "tags", []any{"there"}), "allowed_idps", []any{idp["id"]}))
	if g := storedApplication(f, app["id"]).Gate; len(g.IDPs) != 1 || g.IDPs[0].String() != idp["id"] {
		t.Errorf("stored %+v", g)
	}
}
