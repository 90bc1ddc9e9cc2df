package policy

// These selectors of the contract are stored in a policy and never evaluated: a rule with one of them is unknown.
var (
	_ = register(Selector{Name: "auth_context", Members: []string{"id", "ac_id", "identity_provider_id"},
		Refs: ofProvider})
	_ = register(Selector{
		Name: "azureAD", Aliases: []string{"azure", "azure_ad"}, Members: []string{"id", "identity_provider_id"},
		Lists: map[string]string{"id": "id"}, Refs: ofProvider,
	})
	_ = register(Selector{Name: "cloudflare_account_member", Optional: []string{"account_id"}, Unchecked: true})
	_ = register(Selector{Name: "email_list", Members: []string{"id"}, Value: "id"})
	_ = register(Selector{Name: "geo", Members: []string{"country_code"}, Value: "country_code"})
	_ = register(Selector{
		Name: "github-organization", Aliases: []string{"github", "github_organization"},
		Members: []string{"identity_provider_id", "name"}, Optional: []string{"team"},
		Lists: map[string]string{"teams": "team"}, Refs: ofProvider,
	})
	_ = register(Selector{
		Name: "gsuite", Members: []string{"email", "identity_provider_id"}, Lists: map[string]string{"email": "email"},
		Refs: ofProvider,
	})
	_ = register(Selector{Name: "ip_list", Members: []string{"id"}, Value: "id"})
	_ = register(Selector{
		Name: "linked_app_token", Members: []string{"app_uid"}, Refs: map[string]Resource{"app_uid": ApplicationResource},
	})
	_ = register(Selector{
		Name: "okta", Members: []string{"identity_provider_id", "name"}, Lists: map[string]string{"name": "name"},
		Refs: ofProvider,
	})
	_ = register(Selector{Name: "saml", Members: []string{"attribute_name", "attribute_value", "identity_provider_id"},
		Refs: ofProvider})
	_ = register(Selector{Name: "user_risk_score", Members: []string{"user_risk_score"}, Unchecked: true})
)
