package attack

import (
	"bufio"
	"bytes"
	"encoding/json"
	"io"
	"net/http"
	"strings"
	"testing"
)

// ask makes a request of the control plane with a token; path is under /client/v4.
func ask(t *testing.T, token, method, path string, body any) (int, string) {
	t.Helper()
	data, err := json.Marshal(body)
	if err != nil {
		t.Fatal(err)
	}
	req, err := http.NewRequestWithContext(t.Context(), method, "http://"+under.plumb.API+"/client/v4"+path, bytes.NewReader(data))
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
	err := under.control.Call(t.Context(), "POST", "/tokens", map[string]any{"name": t.Name(), "policies": []any{map[string]any{
		"effect": "allow", "permission_groups": []any{map[string]any{"id": group}}, "resources": resources}}}, &made)
	if err != nil {
		t.Fatal(err)
	}
	return made.ID, made.Value
}

// A token for one zone takes nobody's requests but the zone's.
func TestZoneTokens(t *testing.T) {
	const zone = "00112233445566778899aabbccddeeff"
	_, token := apiToken(t, "959972745952452f8be2452be8cbb9f2", map[string]any{"com.cloudflare.api.account.zone." + zone: "*"})
	apps := "/zones/" + zone + "/access/apps"
	app := func(domain string) map[string]any {
		return map[string]any{"name": "taken", "domain": domain, "x_origin_url": under.origin.URL, "policies": []any{map[string]any{
			"name": "all", "decision": "bypass", "include": []any{map[string]any{"everyone": map[string]any{}}}}}}
	}
	refused := func(domain string) {
		t.Helper()
		if status, body := ask(t, token, "POST", apps, app(domain)); status != 400 || !strings.Contains(body, "domain does not belong to zone") {
			t.Errorf("%s: %d %s", domain, status, body)
		}
	}
	refused(appHost + "/x")
	if status, _ := ask(t, token, "PUT", "/zones/"+zone, map[string]any{"name": "example.com"}); status != 403 {
		t.Errorf("a zone gives itself hosts: %d", status)
	}
	_, owner := apiToken(t, "bfe0d8686a584fa680f4c53b5eb0de6d", map[string]any{"com.cloudflare.api.account." + under.control.Account.String(): "*"})
	if status, body := ask(t, owner, "PUT", "/zones/"+zone, map[string]any{"name": "example.com"}); status != 200 {
		t.Fatalf("the account gives the zone hosts: %d %s", status, body)
	}
	for _, domain := range []string{appHost + ":80", appHost + "/x", appHost + "/x*", "APP.example.com./x", siteHost + adminPath + "/x", "app.example.org", "*.*", "example.org"} {
		refused(domain)
	}
	if status, body := ask(t, token, "POST", apps, app("own.example.com")); status != 201 {
		t.Errorf("the zone's own host: %d %s", status, body)
	}
}

// A stream ends with the token that opened it.
func TestAStreamEndsWithItsToken(t *testing.T) {
	account := under.control.Account.String()
	id, token := apiToken(t, "09bb80091097b2154d8fd5495c585c4a", map[string]any{"com.cloudflare.api.account." + account: "*"})
	req, err := http.NewRequestWithContext(t.Context(), "GET", "http://"+under.plumb.API+"/client/v4/accounts/"+account+"/plumbline/results/stream", nil)
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
	if err := under.control.Call(t.Context(), "DELETE", "/tokens/"+id, nil, nil); err != nil {
		t.Fatal(err)
	}
	ended := false
	for lines := bufio.NewScanner(resp.Body); lines.Scan(); {
		ended = ended || lines.Text() == "event: end"
	}
	if !ended {
		t.Error("the stream broke off without the event end")
	}
}
