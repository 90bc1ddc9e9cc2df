package secretname_test

import (
	"encoding/json"
	"testing"

	"plumbline.dev/services/internal/secretname"
)

func TestIs(t *testing.T) {
	for name, want := range map[string]bool{
		"secret": true, "client_secret": true, "x_client_secret": true, "access_client_secret": true, "password": true,
		"x_password": true, "admin_password": true, "token": true, "api_token": true, "x_api_token": true,
		"bearer_token": true, "refresh_token": true, "private_key": true, "client_key": true, "api_key": true,
		"apiKey": true, "API-Key": true, "clientSecret": true, "Password": true, "passphrase": true, "credentials": true,

		"service_token": false, "any_valid_service_token": false, "linked_app_token": false, "token_id": false,
		"client_secret_version": false, "previous_client_secret_expires_at": false, "token_url": false,
		"access_token_lifetime": false, "refresh_token_options": false, "read_service_tokens_from_header": false,
		"strict_service_token_auth": false, "public_key": false, "keys_url": false, "name": false, "customer_id": false,
		"access_client_id": false, "key_rotation_interval_days": false, "": false,
	} {
		if got := secretname.Is(name); got != want {
			t.Errorf("Is(%q) = %v, want %v", name, got, want)
		}
	}
}

func TestHolds(t *testing.T) {
	for _, c := range []struct {
		name  string
		value any
		want  bool
	}{
		{"password", "hush", true}, {"password", json.Number("1234"), true}, {"password", 1234.0, true},
		{"token", map[string]any{"value": "hush"}, true}, {"token", []any{"hush"}, true},
		{"password", "", false}, {"password", nil, false}, {"allow_pkce_without_client_secret", true, false},
		{"service_token", map[string]any{"token_id": "1"}, false}, {"name", "hush", false},
	} {
		if got := secretname.Holds(c.name, c.value); got != c.want {
			t.Errorf("Holds(%q, %v) = %v, want %v", c.name, c.value, got, c.want)
		}
	}
}
