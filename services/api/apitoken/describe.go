package apitoken

import (
	"plumbline.dev/services/api/openapi"
	"plumbline.dev/services/api/v4"
)

// operations describes the routes of API tokens.
func operations() openapi.Operations {
	verified := openapi.Operation{
		Summary: "Verify the token of the request",
		Result: openapi.Closed(openapi.Members{"id": openapi.UUID(), "status": openapi.Enum(statusActive),
			"not_before": openapi.Time(),
			"expires_on": openapi.Time()}, "not_before", "expires_on"),
	}
	tokens := openapi.Resource{
		Path: "/tokens", ID: "{id}", One: "an API token", Many: "API tokens, the oldest first",
		View: openapi.Of[apiTokenView](), Body: openapi.Ref("APITokenBody"),
		Query: []openapi.Parameter{{Name: "direction", Description: "Order by age.",
			Schema: openapi.Enum("asc", "desc")}},
		Deleted:     openapi.Of[v4.IDOnly](),
		BodyDetails: "The value is returned only in this response. A token cannot grant permissions it does not have.",
	}.Operations()
	change := tokens["PUT /tokens/{id}"]
	change.Summary, change.Details = "Change an API token",
		"A body with name and policies replaces the whole token: absent restrictions are lifted. Any other body changes "+
			"only its own members. The value never changes."
	tokens["PUT /tokens/{id}"] = change
	return openapi.Union(tokens, openapi.Operations{
		"PUT /tokens/{id}/value": {Summary: "Roll the value of an API token", Details: "The old value stops working at once.",
			Body: openapi.Object(nil), Result: openapi.Text()},
		"GET /plumbline/me":                 meOperation(),
		"GET /tokens/verify":                verified,
		"GET /client/v4/user/tokens/verify": verified,
		"GET /tokens/permission_groups": {
			Summary: "List the permission groups for API tokens", Info: openapi.Of[v4.PageInfo](),
			Query: []openapi.Parameter{openapi.NameParam,
				{Name: "scope", Description: "Filter by kind of resource.", Schema: openapi.Text()}},
			Result: openapi.List(openapi.Closed(openapi.Members{"id": openapi.Text(), "name": openapi.Text(),
				"scopes": openapi.List(openapi.Text())})),
		},
	})
}

func schemas() openapi.Members {
	groups := openapi.List(openapi.Object(openapi.Members{"id": openapi.Text()}, "id"))
	return openapi.Members{
		"APITokenBody": openapi.Object(openapi.Members{
			"name": openapi.Text().OrNull(), "status": openapi.Enum(statusActive, statusDisabled).OrNull(),
			"not_before": openapi.Time().OrNull(), "expires_on": openapi.Time().OrNull(),
			"condition": openapi.Object(openapi.Members{"request_ip": openapi.Object(openapi.Members{
				"in": openapi.List(openapi.Text()).OrNull(), "not_in": openapi.List(openapi.Text()).OrNull(),
			}).OrNull()}).OrNull(),
			"policies": openapi.List(openapi.Object(openapi.Members{"effect": openapi.Enum(effectAllow, effectDeny),
				"permission_groups": groups, "resources": openapi.Object(nil)})).OrNull(),
			"x_email": openapi.Text().Describe("E-mail address with which the token works as an API key.").OrNull(),
		}),
	}
}
