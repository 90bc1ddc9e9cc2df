package api

import (
	"encoding/json"
	"slices"
	"strings"
)

// What is only kept of a client's configuration may hold secrets of systems that this build never calls:
// they are neither stored nor read back.

// secretMembers are the names that the contract has for secrets, in what is only kept.
var secretMembers = []string{"secret", "password", "token", "api_token", "private_key", "client_key"}

func isSecret(name string) bool {
	return slices.Contains(secretMembers, name) || strings.HasSuffix(name, "_secret") || strings.HasSuffix(name, "_password")
}

// withoutSecrets takes the secrets out of some members of a body, at any depth.
func withoutSecrets(body object, members ...string) {
	for _, m := range members {
		if !body.has(m) {
			continue
		}
		var v any
		d := json.NewDecoder(strings.NewReader(string(body[m])))
		d.UseNumber()
		if d.Decode(&v) == nil && strip(v) {
			body.set(m, v)
		}
	}
}

// strip removes the secrets of a value and tells whether there were any.
func strip(v any) (found bool) {
	switch v := v.(type) {
	case map[string]any:
		for name, in := range v {
			if isSecret(name) {
				delete(v, name)
				found = true
			} else if strip(in) {
				found = true
			}
		}
	case []any:
		for _, in := range v {
			found = strip(in) || found
		}
	}
	return found
}
