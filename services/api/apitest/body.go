package apitest

import "maps"

const (
	// Secret is the secret in request bodies. No response may contain it.
	Secret = "cfast_TheSecretThatNobodyMaySeeAgain000000000000000000"
	// APIURL is the URL of the scoring API in request bodies.
	APIURL = "https://scores.example.com/v1/devices?x=%41&y=<b>"
)

// With sets a member of a body and returns the body.
func With(body map[string]any, name string, v any) map[string]any {
	body[name] = v
	return body
}

// Plus sets several members of a body and returns the body.
func Plus(body, members map[string]any) map[string]any {
	maps.Copy(body, members)
	return body
}

// Changed calls change with a body and its member config, and returns the body.
func Changed(body map[string]any, change func(body, config map[string]any)) map[string]any {
	change(body, body["config"].(map[string]any))
	return body
}

// IntegrationBody is a request for an integration.
func IntegrationBody() map[string]any {
	return map[string]any{
		"name": "Scores", "type": "custom_s2s", "interval": "10m",
		"config": map[string]any{
			"api_url": APIURL, "access_client_id": "0123456789abcdef0123456789abcdef.access",
			"access_client_secret": Secret,
		},
	}
}

// CheckBody is a request for a posture rule about the scores of an integration.
func CheckBody(integration any) map[string]any {
	return map[string]any{
		"name": "Healthy", "type": "custom_s2s", "expiration": "1h",
		"input": map[string]any{"connection_id": integration, "operator": ">=", "score": 60},
	}
}

// PolicyBody is a request for a Service Auth policy about a service token.
func PolicyBody(name, token string) map[string]any {
	return map[string]any{
		"name": name, "decision": "non_identity",
		"include": []any{map[string]any{"service_token": map[string]any{"token_id": token}}},
	}
}

// Everyone is a rule about everyone.
func Everyone() map[string]any { return map[string]any{"everyone": map[string]any{}} }

// GroupBody is a request for a group that includes rules and an e-mail domain.
func GroupBody(name string, rules ...map[string]any) map[string]any {
	domain := map[string]any{"email_domain": map[string]any{"domain": "example.com"}}
	return map[string]any{"name": name, "include": append(rules, domain)}
}

// GroupRule is a rule about the members of a group.
func GroupRule(id any) map[string]any {
	return map[string]any{"group": map[string]any{"id": id}}
}

// ProviderBody is a request for an OpenID Connect provider.
func ProviderBody(changes ...func(body, config map[string]any)) map[string]any {
	config := map[string]any{
		"client_id": "plumbline", "client_secret": Secret, "auth_url": "https://id.example.com/auth",
		"token_url": "https://id.example.com/token", "certs_url": "https://id.example.com/certs",
		"scopes": []any{"openid", "email"}, "claims": []any{"groups"}, "email_claim_name": "mail", "pkce_enabled": true,
	}
	body := map[string]any{"name": "SSO", "type": "oidc", "config": config}
	for _, change := range changes {
		change(body, config)
	}
	return body
}
