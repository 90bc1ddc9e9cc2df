package provider

import "plumbline.dev/services/api/openapi"

func providerSchemas() openapi.Members {
	config := openapi.Object(openapi.Echoed(providerConfig))
	sent := openapi.Members{"name": openapi.Text().OrNull(), "type": openapi.Enum(providerTypes...),
		"config": config.OrNull(), "scim_config": openapi.Object(nil).OrNull()}.Kept("scim_config")
	return openapi.Members{
		"IdentityProviderBody": openapi.Object(sent, "type"),
		"IdentityProvider": openapi.Object(sent.With(openapi.Members{"id": openapi.UUID(),
			"x_unsupported": openapi.Unsupported}), "id", "type"),
	}
}
