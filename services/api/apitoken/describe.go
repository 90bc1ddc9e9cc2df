package apitoken

import (
	"plumbline.dev/services/api/openapi"
	"plumbline.dev/services/api/v4"
)

// operations describes the routes of API tokens.
func operations() openapi.Operations {
	verified := openapi.Operation{
		Summary: "Verify the token that the request has", Result: openapi.Closed(openapi.Members{"id": openapi.UUID(), "status": openapi.Enum(statusActive), "not_before": openapi.Time(),
			"expires_on": openapi.Time()}, "not_before", "expires_on"),
	}
	tokens := openapi.Resource{
		Path: "/tokens", ID: "{id}", One: "an API token", Many: "API tokens, the oldest first", View: openapi.Of[apiTokenView](), Body: openapi.Ref("APITokenBody"),
		Query: []openapi.Parameter{{Name: "direction", Description: "by age", Schema: openapi.Enum("asc", "desc")}}, Deleted: openapi.Of[v4.IDOnly](),
		BodyDetails: "The answer has the value, once. Nobody can give more than they have.",
	}.Operations()
	change := tokens["PUT /tokens/{id}"]
	change.Summary, change.Details = "Change an API token", "A body with name and policies is the whole token: restrictions that it leaves out are lifted. What another body does not name stays. So does the value."
	tokens["PUT /tokens/{id}"] = change
	return openapi.Union(tokens, openapi.Operations{
		"PUT /tokens/{id}/value":            {Summary: "Give an API token another value", Details: "The one it had ends at the same moment.", Body: openapi.Object(nil), Result: openapi.Text()},
		"GET /tokens/verify":                verified,
		"GET /client/v4/user/tokens/verify": verified,
		"GET /tokens/permission_groups": {
			Summary: "List what API tokens can be allowed", Info: openapi.Of[v4.PageInfo](),
			Query:  []openapi.Parameter{openapi.NameParam, {Name: "scope", Description: "for this kind of resource", Schema: openapi.Text()}},
			Result: openapi.List(openapi.Closed(openapi.Members{"id": openapi.Text(), "name": openapi.Text(), "scopes": openapi.List(openapi.Text())})),
		},
	})
}

func schemas() openapi.Members {
	groups := openapi.List(openapi.Object(openapi.Members{"id": openapi.Text()}, "id"))
	return openapi.Members{
		"APITokenBody": openapi.Object(openapi.Members{
			"name": openapi.Text().OrNull(), "status": openapi.Enum(statusActive, statusDisabled).OrNull(), "not_before": openapi.Time().OrNull(), "expires_on": openapi.Time().OrNull(),
			"condition": openapi.Object(openapi.Members{"request_ip": openapi.Object(openapi.Members{"in": openapi.List(openapi.Text()).OrNull(), "not_in": openapi.List(openapi.Text()).OrNull()}).OrNull()}).OrNull(),
			"policies":  openapi.List(openapi.Object(openapi.Members{"effect": openapi.Enum(effectAllow, effectDeny), "permission_groups": groups, "resources": openapi.Object(nil)})).OrNull(),
			"x_email":   openapi.Text().Describe("the address beside which the token works as an API key").OrNull(),
		}),
	}
}
