package servicetoken

import (
	"net/http"

	"plumbline.dev/services/api/openapi"
)

func serviceTokenOperations() openapi.Operations {
	token := openapi.Resource{
		Path: "/access/service_tokens", ID: "{id}", One: "a service token", Many: "service tokens, the oldest first",
		View: openapi.Ref("ServiceToken"),
		Body: openapi.Ref("ServiceTokenBody"), CreateStatus: http.StatusCreated, Deleted: openapi.Ref("ServiceToken"),
		Query: []openapi.Parameter{openapi.NameParam, openapi.SearchParam},
		BodyDetails: "The secret is returned only in this response. A body with client_id and client_secret imports a " +
			"token that is in use elsewhere.",
	}
	ops := token.Operations()
	ops["PUT /access/service_tokens/{id}"] = openapi.Operation{
		Summary: "Change a service token",
		Details: "Members absent from the body do not change. A higher client_secret_version creates a new secret.",
		Body:    openapi.Ref("ServiceTokenBody"), Result: openapi.Ref("ServiceToken"),
	}
	ops["POST /access/service_tokens/{id}/refresh"] = openapi.Operation{Summary: "Extend a service token by a year",
		Result: openapi.Ref("ServiceToken")}
	ops["POST /access/service_tokens/{id}/rotate"] = openapi.Operation{
		Summary: "Rotate the secret of a service token",
		Details: "The new secret is returned only in this response. The previous one stays valid until the time in the " +
			"body, if there is one.",
		Body: openapi.Object(openapi.Members{graceMember: openapi.Time().OrNull()}), Result: openapi.Ref("ServiceToken"),
	}
	return ops
}

func serviceTokenSchemas() openapi.Members {
	return openapi.Members{
		"ServiceToken": openapi.Of[serviceTokenView](),
		"ServiceTokenBody": openapi.Object(openapi.Members{
			"name": openapi.Text().OrNull(), "duration": openapi.Text().Describe(`"8760h", or "forever"`).OrNull(),
			"client_secret_version": openapi.Number().OrNull(),
			graceMember:             openapi.Time().OrNull(),
			"enabled":               openapi.Bool().OrNull(), "client_id": openapi.Text().OrNull(),
			"client_secret": openapi.Text().OrNull(),
		}),
	}
}
