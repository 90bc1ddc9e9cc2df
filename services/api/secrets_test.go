package api

import (
	"fmt"
	"strings"
	"testing"

	"plumbline.dev/bus/topology"
	"plumbline.dev/proto"
)

// Invariant 7: a secret is in the answer that makes it and nowhere else: in no other answer, no error, no log line, and
// not on the bus.
func TestNoSecretIsReadBack(t *testing.T) {
	y := start(t)
	var answers strings.Builder
	do := func(method, path string, body any) response {
		t.Helper()
		r := y.do(method, path, body)
		fmt.Fprintf(&answers, "%s %s: %s %v\n", method, path, r.Body, r.Header)
		return r
	}
	made := y.want(201, "POST", "/access/service_tokens", map[string]any{"name": "a"})
	token, path := text(made, "client_secret"), "/access/service_tokens/"+text(made, "id")
	rotated := text(y.want(200, "PUT", path, map[string]any{"client_secret_version": 2}), "client_secret")
	i := y.want(200, "POST", "/devices/posture/integration", integrationBody())
	integration := "/devices/posture/integration/" + text(i, "id")

	do("GET", path, nil)
	do("GET", "/access/service_tokens", nil)
	do("PUT", path, map[string]any{"name": "b", "client_secret": token})
	do("GET", integration, nil)
	do("GET", "/devices/posture/integration", nil)
	do("PATCH", integration, map[string]any{"config": map[string]any{"access_client_secret": secretText}})
	do("PATCH", integration, map[string]any{"config": map[string]any{"access_client_secret": secretText, "api_url": "nonsense"}})
	do("POST", "/devices/posture/integration", with(integrationBody(), func(b, _ map[string]any) { b["interval"] = "never" }))
	do("POST", "/devices/posture/integration", with(integrationBody(), func(_, c map[string]any) { c["access_client_secret"] = secretText + "\n" }))
	do("POST", "/devices/posture/integration", with(integrationBody(), func(b, c map[string]any) { b["type"] = "tanium_s2s"; c["client_secret"] = secretText }))
	y.fetcher.answers(proto.Poll{Error: proto.ReasonAuthFailed, Detail: "refused"})
	do("PATCH", integration, map[string]any{"config": map[string]any{"access_client_secret": secretText}})
	rotated2 := text(y.want(200, "POST", path+"/rotate", map[string]any{"previous_client_secret_expires_at": "2027-01-01T00:00:00Z"}), "client_secret")
	do("POST", path+"/refresh", nil)
	idp := y.want(201, "POST", "/access/identity_providers", oidcBody())
	provider := "/access/identity_providers/" + text(idp, "id")
	do("GET", provider, nil)
	do("PUT", provider, oidcBody())
	do("PUT", provider, oidcBody(func(_, c map[string]any) { c["client_secret"] = secretText + "\n" }))
	do("GET", "/access/identity_providers", nil)
	do("POST", "/access/identity_providers", map[string]any{"name": "o", "type": "okta", "config": map[string]any{"client_secret": secretText, "api_token": secretText}})
	do("POST", "/access/apps", map[string]any{"name": "s", "domain": "s.example.com", "scim_config": map[string]any{"authentication": map[string]any{"scheme": "oauthbearertoken", "token": secretText}}})
	do("DELETE", path, nil)
	do("DELETE", integration, nil)
	do("GET", "/plumbline/status", nil)

	stored := strings.Builder{}
	for _, bucket := range []string{topology.Config, topology.Tokens} {
		err := func() error {
			kv, err := y.conn.JetStream().KeyValue(t.Context(), bucket)
			if err != nil {
				return err
			}
			keys, err := kv.Keys(t.Context())
			for _, key := range keys {
				if e, err := kv.Get(t.Context(), key); err == nil {
					fmt.Fprintf(&stored, "%s %s\n", key, e.Value())
				}
			}
			return err
		}()
		if err != nil {
			t.Fatal(err)
		}
	}
	for name, secret := range map[string]string{"the first secret": token, "the second secret": rotated, "the third secret": rotated2, "the integration's secret": secretText, "the API token": bootstrap} {
		if len(secret) < 40 {
			t.Fatalf("%s: %q", name, secret)
		}
		for where, text := range map[string]string{"an answer": answers.String(), "the log": y.log.String(), "a bucket": stored.String()} {
			if strings.Contains(text, secret) {
				t.Errorf("%s is in %s", name, where)
			}
		}
	}
}
