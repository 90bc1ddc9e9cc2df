package posture

import (
	"plumbline.dev/proto"
	"plumbline.dev/services/api/openapi"
)

// operations describes the routes of integrations and of checks.
func (s *API) operations() openapi.Operations {
	all := openapi.Union(s.integrations.Operations(), s.checks.Operations())
	const change = "PATCH /devices/posture/integration/{id}"
	op := all[change]
	op.Body, op.Details = openapi.Ref("IntegrationChange"),
		"A JSON merge patch. The scoring API is called again if the URL or the credentials change."
	all[change] = op
	const replace = "PUT /devices/posture/{id}"
	op = all[replace]
	op.Query = append(op.Query, expectFlipsParam())
	all[replace] = op
	return all
}

func schemas() openapi.Members {
	config := openapi.Members{"api_url": openapi.Text(), "access_client_id": openapi.Text(),
		"access_client_secret": openapi.Text()}
	integration := openapi.Members{
		"name": openapi.Text().OrNull(), "type": openapi.Enum(integrationTypes...).OrNull(),
		"interval": openapi.Duration().OrNull(), "config": openapi.Object(config).OrNull(),
		"x_paused": openapi.Bool().OrNull(), "x_concurrency": openapi.Between(1, proto.MaxConcurrency).OrNull(),
	}
	check := openapi.Members{
		"name": openapi.Text().OrNull(), "type": openapi.Enum(ruleTypes...), "description": openapi.Text().OrNull(),
		"schedule": openapi.Text().OrNull(), "expiration": openapi.Text().OrNull(),
		"match": openapi.List(openapi.Object(openapi.Members{"platform": openapi.Text().OrNull()})).OrNull(),
		"input": openapi.Object(openapi.Members{"connection_id": openapi.Text().OrNull(), "operator": openapi.Text().OrNull(),
			"score": openapi.Number().OrNull()}).OrNull(),
	}.Kept("match", "schedule")
	for _, s := range settings() {
		check[s.name] = s.schema()
	}
	return openapi.Members{
		"Integration":       openapi.Of[integrationView]().Describe("The secret in config is omitted."),
		"IntegrationBody":   openapi.Object(integration, "name", "type", "interval", "config"),
		"IntegrationChange": openapi.Object(integration),
		"CheckBody":         openapi.Object(check, "type"),
		"CheckChange":       openapi.Object(check),
		"Check": openapi.Object(check.With(openapi.Members{"id": openapi.UUID(), "x_unsupported": openapi.Unsupported}), "id",
			"type"),
	}
}
