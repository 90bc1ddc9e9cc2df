// Package secretname holds the single list of member names with secret values. The control plane neither stores
// nor returns such members of a configuration that it only keeps, and plumb apply does not accept them in clear text.
package secretname

import (
	"encoding/json"
	"slices"
	"strings"
)

// whole are the names of secrets, with or without the prefix x_.
var whole = []string{
	"secret", "password", "passwd", "passphrase", "passcode", "token", "credential", "credentials",
	"private_key", "client_key", "api_key", "apikey", "secret_key", "access_key", "auth_key", "shared_key", "signing_key",
	"encryption_key", "pre_shared_key", "psk",
}

// endings are the suffixes of further names of secrets.
var endings = []string{
	"_secret", "_password", "_passwd", "_passphrase", "_passcode", "_token", "_credential", "_credentials",
	"_private_key", "_client_key", "_api_key", "_apikey", "_secret_key", "_access_key", "_auth_key", "_shared_key",
	"_signing_key", "_encryption_key",
}

// public are names of selectors similar to a secret's name (api/README.md 4.3). They are not secret.
var public = []string{"service_token", "any_valid_service_token", "linked_app_token"}

// Is reports whether a member of the name holds a secret. Letter case, hyphens and camel case make no difference.
func Is(name string) bool {
	name = strings.TrimPrefix(snake(name), "x_")
	if slices.Contains(public, name) {
		return false
	}
	return slices.Contains(whole, name) ||
		slices.ContainsFunc(endings, func(end string) bool { return strings.HasSuffix(name, end) })
}

// Holds reports whether a member of the name with the value v, as encoding/json decodes it, holds a secret. A switch
// such as allow_pkce_without_client_secret does not, nor does a member that is absent or empty.
func Holds(name string, v any) bool {
	switch v := v.(type) {
	case nil, bool:
		return false
	case string:
		return v != "" && Is(name)
	case json.Number, float64, map[string]any, []any:
		return Is(name)
	}
	return false
}

// snake returns a name in lower case with underscores: both apiToken and api-token become api_token.
func snake(name string) string {
	var b strings.Builder
	var before rune
	for _, r := range name {
		if r >= 'A' && r <= 'Z' {
			if before >= 'a' && before <= 'z' || before >= '0' && before <= '9' {
				b.WriteByte('_')
			}
			b.WriteRune(r + 'a' - 'A')
		} else if r == '-' || r == '.' || r == ' ' {
			b.WriteByte('_')
		} else {
			b.WriteRune(r)
		}
		before = r
	}
	return b.String()
}
