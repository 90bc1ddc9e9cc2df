package access

import (
	"testing"

	"plumbline.dev/services/api/v4"
)

// No secret of an unsupported feature is stored or returned, for any name, form and place.
func TestKeptIsWithoutSecrets(t *testing.T) {
	for text, want := range map[string]string{
		`{"api_token":"hush","name":"a"}`:                                `{"name":"a"}`,
		`{"scim_config":{"authentication":{"bearer_token":"hush"}}}`:     `{"scim_config":{"authentication":{}}}`,
		`{"config":{"x_password":"hush","a":[{"clientSecret":"hush"}]}}`: `{"config":{"a":[{}]}}`,
		`{"config":{"password":12345,"token":{"value":"hush"}}}`:         `{"config":{}}`,
		`{"saas_app":{"allow_pkce_without_client_secret":true}}`:         `{"saas_app":{"allow_pkce_without_client_secret":true}}`,
		`{"input":{"score":1.50}}`:                                       `{"input":{"score":1.50}}`,
		`{"scim_config":{"secret":null,"enabled":false}}`: `{"scim_config":{"secret":null,` +
			`"enabled":false}}`,
		`{"config":{"client_secret_version":2,"token_url":"https://h/t"}}`: `{"config":{"client_secret_version":2,` +
			`"token_url":"https://h/t"}}`,
	} {
		body, err := v4.ParseObject([]byte(text))
		if err != nil {
			t.Fatal(err)
		}
		if got := string(body.EncodeSanitized()); got != want {
			t.Errorf("%s is kept as %s, want %s", text, got, want)
		}
	}
}
