package attack

import (
	"bufio"
	"bytes"
	"context"
	"encoding/json"
	"io"
	"maps"
	"net/http"
	"strings"
	"testing"
	"time"

	"plumbline.dev/test/internal/stack"
)

// ask makes a request of the control plane with a token; path is under /client/v4.
func ask(t *testing.T, token, method, path string, body any) (int, string) {
	t.Helper()
	data, err := json.Marshal(body)
	if err != nil {
		t.Fatal(err)
	}
	req, err := http.NewRequestWithContext(t.Context(), method, "http://"+under.plumb.API+"/client/v4"+path,
		bytes.NewReader(data))
	if err != nil {
		t.Fatal(err)
	}
	req.Header.Set("Authorization", "Bearer "+token)
	resp, err := http.DefaultClient.Do(req)
	if err != nil {
		t.Fatal(err)
	}
	defer resp.Body.Close()
	answer, err := io.ReadAll(resp.Body)
	if err != nil {
		t.Fatal(err)
	}
	return resp.StatusCode, string(answer)
}

// apiToken makes an API token with a permission group, for some resources.
func apiToken(t *testing.T, group string, resources any) (id, value string) {
	t.Helper()
	var made struct{ ID, Value string }
	err := under.control.Call(t.Context(), "POST", "/tokens",
		map[string]any{"name": t.Name(), "policies": []any{map[string]any{
			"effect": "allow", "permission_groups": []any{map[string]any{"id": group}}, "resources": resources}}}, &made)
	if err != nil {
		t.Fatal(err)
	}
	return made.ID, made.Value
}

// A token limited to a zone gives access to that zone only.
func TestZoneTokens(t *testing.T) {
	const zone = "00112233445566778899aabbccddeeff"
	_, token := apiToken(t, "959972745952452f8be2452be8cbb9f2",
		map[string]any{"com.cloudflare.api.account.zone." + zone: "*"})
	apps := "/zones/" + zone + "/access/apps"
	app := func(domain string) map[string]any {
		return map[string]any{"name": "taken", "domain": domain, "x_origin_url": under.origin.URL,
			"policies": []any{map[string]any{
				"name": "all", "decision": "bypass", "include": []any{map[string]any{"everyone": map[string]any{}}}}}}
	}
	refused := func(domain string) {
		t.Helper()
		if status, body := ask(t, token, "POST", apps, app(domain)); status != 400 ||
			!strings.Contains(body, "domain does not belong to zone") {
			t.Errorf("%s: %d %s", domain, status, body)
		}
	}
	refused(appHost + "/x")
	if status, _ := ask(t, token, "PUT", "/zones/"+zone, map[string]any{"name": "example.com"}); status != 403 {
		t.Errorf("a zone gives itself hosts: %d", status)
	}
	_, owner := apiToken(t, "bfe0d8686a584fa680f4c53b5eb0de6d",
		map[string]any{"com.cloudflare.api.account." + under.control.Account.String(): "*"})
	if status, body := ask(t, owner, "PUT", "/zones/"+zone, map[string]any{"name": "example.com"}); status != 200 {
		t.Fatalf("the account gives the zone hosts: %d %s", status, body)
	}
	for _, domain := range []string{appHost + ":80", appHost + "/x", appHost + "/x*", "APP.example.com./x",
		siteHost + adminPath + "/x", "app.example.org", "*.*", "example.org"} {
		refused(domain)
	}
	status, body := ask(t, token, "POST", apps, app("own.example.com"))
	var own struct{ Result struct{ ID string } }
	if err := json.Unmarshal([]byte(body), &own); status != 201 || err != nil {
		t.Fatalf("the zone's own host: %d %s %v", status, body, err)
	}
	// Changing its own resources or others' does not extend its access.
	for name, edit := range map[string]func(map[string]any){
		"domain": func(a map[string]any) { a["domain"] = appHost + "/x" },
		"destinations": func(a map[string]any) {
			a["destinations"] = []any{map[string]any{"type": "public", "uri": appHost + "/x"}}
		},
		"self_hosted_domains": func(a map[string]any) { a["self_hosted_domains"] = []string{"own.example.com", appHost + "/x"} },
	} {
		changed := app("own.example.com")
		edit(changed)
		if status, body := ask(t, token, "PUT", apps+"/"+own.Result.ID, changed); status != 400 ||
			!strings.Contains(body, "does not belong to zone") {
			t.Errorf("changed %s: %d %s", name, status, body)
		}
	}
	theirs := under.apps[appHost].ID
	for _, path := range []string{apps + "/" + theirs, "/accounts/" + under.control.Account.String() + "/access/apps/" +
		theirs} {
		for _, method := range []string{"GET", "PUT", "DELETE"} {
			if status, body := ask(t, token, method, path, app("own.example.com")); status != 403 && status != 404 {
				t.Errorf("%s %s: %d %s", method, path, status, body)
			}
		}
	}
	under.refused(t, "what the zone tried to open", request("GET", appHost, "/x"), http.StatusForbidden)
}

// A stream ends with the token that opened it, for every way a token can end.
func TestAStreamEndsWithItsToken(t *testing.T) {
	const reading, other = "09bb80091097b2154d8fd5495c585c4a", "bfe0d8686a584fa680f4c53b5eb0de6d"
	account := under.control.Account.String()
	body := func(group string, more map[string]any) map[string]any {
		all := map[string]any{"name": "stream", "status": "active", "policies": []any{map[string]any{"effect": "allow",
			"permission_groups": []any{map[string]any{"id": group}},
			"resources":         map[string]any{"com.cloudflare.api.account." + account: "*"}}}}
		maps.Copy(all, more)
		return all
	}
	for name, end := range map[string]struct {
		method string
		body   any // or a function that makes it
	}{
		"deleted":  {"DELETE", nil},
		"disabled": {"PUT", body(reading, map[string]any{"status": "disabled"})},
		"narrowed": {"PUT", body(other, nil)},
		"expiring": {"PUT", func() any {
			return body(reading, map[string]any{"expires_on": time.Now().Add(2 * time.Second).UTC().Format(time.RFC3339)})
		}},
		"elsewhere only": {"PUT", body(reading, map[string]any{"condition": map[string]any{"request_ip": map[string]any{
			"in": []string{"192.0.2.0/24"}}}})},
	} {
		t.Run(name, func(t *testing.T) {
			id, token := apiToken(t, reading, map[string]any{"com.cloudflare.api.account." + account: "*"})
			ctx, cancel := context.WithTimeout(t.Context(), 20*time.Second*stack.Slowness())
			defer cancel()
			req, err := http.NewRequestWithContext(ctx, "GET", "http://"+under.plumb.API+"/client/v4/accounts/"+account+
				"/plumbline/results/stream", nil)
			if err != nil {
				t.Fatal(err)
			}
			req.Header.Set("Authorization", "Bearer "+token)
			resp, err := http.DefaultClient.Do(req)
			if err != nil {
				t.Fatal(err)
			}
			defer resp.Body.Close()
			if resp.StatusCode != http.StatusOK {
				t.Fatal(resp.Status)
			}
			if late, ok := end.body.(func() any); ok {
				end.body = late()
			}
			if err := under.control.Call(t.Context(), end.method, "/tokens/"+id, end.body, nil); err != nil {
				t.Fatal(err)
			}
			ended := false
			for lines := bufio.NewScanner(resp.Body); lines.Scan(); {
				ended = ended || lines.Text() == "event: end"
			}
			if !ended {
				t.Error("the stream went on, or broke off without the event end")
			}
		})
	}
}
