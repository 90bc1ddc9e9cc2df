package api

func oidcBody(changes ...func(body, config map[string]any)) map[string]any {
	config := map[string]any{
		"client_id": "plumbline", "client_secret": secretText, "auth_url": "https://id.example.com/auth", "token_url": "https://id.example.com/token",
		"certs_url": "https://id.example.com/certs", "scopes": []any{"openid", "email"}, "claims": []any{"groups"}, "email_claim_name": "mail", "pkce_enabled": true,
	}
	body := map[string]any{"name": "SSO", "type": "oidc", "config": config}
	for _, change := range changes {
		change(body, config)
	}
	return body
}
