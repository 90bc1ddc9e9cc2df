package api_test

import (
	"fmt"
	"strings"
	"testing"

	"plumbline.dev/bus/topology"
	"plumbline.dev/proto"
	"plumbline.dev/services/api/apitest"
)

// TestNoSecretIsReadBack checks invariant 7: a secret is in the response that creates it, and in no other response,
// error, log line or bucket.
func TestNoSecretIsReadBack(t *testing.T) {
	t.Parallel()
	f := apitest.Start(t)
	var answers strings.Builder
	do := func(method, path string, body any) apitest.Response {
		t.Helper()
		r := f.Do(method, path, body)
		fmt.Fprintf(&answers, "%s %s: %s %v\n", method, path, r.Body, r.Header)
		return r
	}
	made := f.Want(201, "POST", "/access/service_tokens", map[string]any{"name": "a"})
	token, path := apitest.Text(made, "client_secret"), "/access/service_tokens/"+apitest.Text(made, "id")
	rotated := apitest.Text(f.Want(200, "PUT", path, map[string]any{"client_secret_version": 2}), "client_secret")
	i := f.Want(200, "POST", "/devices/posture/integration", apitest.IntegrationBody())
	integration := "/devices/posture/integration/" + apitest.Text(i, "id")

	ids := f.CreateKinds(0)
	for _, k := range apitest.Kinds() {
		do("GET", k.Path, nil)
		do("GET", k.Path+"/"+ids[k.Before()], nil)
	}
	do("GET", path, nil)
	do("GET", "/access/service_tokens", nil)
	do("PUT", path, map[string]any{"name": "b", "client_secret": token})
	do("GET", integration, nil)
	do("GET", "/devices/posture/integration", nil)
	do("PATCH", integration, map[string]any{"config": map[string]any{"access_client_secret": apitest.Secret}})
	do("PATCH", integration,
		map[string]any{"config": map[string]any{"access_client_secret": apitest.Secret, "api_url": "nonsense"}})
	do("POST", "/devices/posture/integration",
		apitest.Changed(apitest.IntegrationBody(), func(b, _ map[string]any) { b["interval"] = "never" }))
	do("POST", "/devices/posture/integration",
		apitest.Changed(apitest.IntegrationBody(),
			func(_, c map[string]any) { c["access_client_secret"] = apitest.Secret + "\n" }))
	do("POST", "/devices/posture/integration",
		apitest.Changed(apitest.IntegrationBody(),
			func(b, c map[string]any) { b["type"] = "tanium_s2s"; c["client_secret"] = apitest.Secret }))
	do("POST", "/plumbline/integrations/test", map[string]any{"integration_id": i["id"]})
	do("POST", "/plumbline/integrations/test", map[string]any{"integration": apitest.IntegrationBody()})
	f.Fetcher.Answer(proto.Poll{Error: proto.ReasonAuthFailed, Detail: "refused"})
	do("PATCH", integration, map[string]any{"config": map[string]any{"access_client_secret": apitest.Secret}})
	rotated2 := apitest.Text(f.Want(200, "POST", path+"/rotate",
		map[string]any{"previous_client_secret_expires_at": "2027-01-01T00:00:00Z"}), "client_secret")
	do("POST", path+"/refresh", nil)
	idp := f.Want(201, "POST", "/access/identity_providers", apitest.ProviderBody())
	provider := "/access/identity_providers/" + apitest.Text(idp, "id")
	do("GET", provider, nil)
	do("PUT", provider, apitest.ProviderBody())
	do("PUT", provider, apitest.ProviderBody(func(_, c map[string]any) { c["client_secret"] = apitest.Secret + "\n" }))
	do("GET", "/access/identity_providers", nil)
	do("POST", "/access/identity_providers",
		map[string]any{"name": "o", "type": "okta",
			"config": map[string]any{"client_secret": apitest.Secret, "api_token": apitest.Secret}})
	do("POST", "/access/apps",
		map[string]any{"name": "s", "domain": "s.example.com",
			"scim_config": map[string]any{"authentication": map[string]any{"scheme": "oauthbearertoken",
				"token": apitest.Secret}}})
	do("DELETE", path, nil)
	do("DELETE", integration, nil)
	do("GET", "/plumbline/status", nil)

	stored := strings.Builder{}
	for _, bucket := range []string{topology.Config, topology.Tokens} {
		err := func() error {
			kv, err := f.Conn.JetStream().KeyValue(t.Context(), bucket)
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
	for name, secret := range map[string]string{"the first secret": token, "the second secret": rotated,
		"the third secret": rotated2, "the integration's secret": apitest.Secret, "the API token": apitest.Bootstrap} {
		if len(secret) < 40 {
			t.Fatalf("%s: %q", name, secret)
		}
		for where, text := range map[string]string{"an answer": answers.String(), "the log": f.Log.String(),
			"a bucket": stored.String()} {
			if strings.Contains(text, secret) {
				t.Errorf("%s is in %s", name, where)
			}
		}
	}
}
