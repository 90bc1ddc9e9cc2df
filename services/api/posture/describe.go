package posture

import (
	"plumbline.dev/proto"
	"plumbline.dev/services/api/openapi"
	"plumbline.dev/services/api/v4"
)

// operations describes the routes of integrations and of checks, which the v4 API calls posture rules.
func operations() openapi.Operations {
	integrations := openapi.Resource{
		Path: "/devices/posture/integration", ID: "{id}", One: "an integration", Many: "integrations, the oldest first",
		View: openapi.Ref("Integration"),
		Body: openapi.Ref("IntegrationBody"), Unpaged: true, Patch: true,
		BodyDetails: "The scoring API of a custom_s2s integration is called once; the integration is rejected if the call " +
			"fails. " +
			"Integrations of other types are stored and returned, but never polled.",
	}.Operations()
	change := integrations["PATCH /devices/posture/integration/{id}"]
	change.Body, change.Details = openapi.Ref("IntegrationChange"),
		"A JSON merge patch. The scoring API is called again if the URL or the credentials change."
	integrations["PATCH /devices/posture/integration/{id}"] = change
	return openapi.Union(integrations, openapi.Resource{
		Path: "/devices/posture", ID: "{id}", One: "a check", Many: "checks, the oldest first", View: openapi.Ref("Check"),
		Body:    openapi.Ref("CheckBody"),
		Unpaged: true, Deleted: openapi.Of[v4.IDOnly](),
		BodyDetails: "Checks of types other than custom_s2s are stored and returned, but their outcome is always unknown.",
	}.Operations())
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
	return openapi.Members{
		"Integration":       openapi.Of[integrationView]().Describe("The secret in config is omitted."),
		"IntegrationBody":   openapi.Object(integration, "name", "type", "interval", "config"),
		"IntegrationChange": openapi.Object(integration),
		"CheckBody":         openapi.Object(check, "type"),
		"Check": openapi.Object(check.With(openapi.Members{"id": openapi.UUID(), "x_unsupported": openapi.Unsupported}), "id",
			"type"),
	}
}
