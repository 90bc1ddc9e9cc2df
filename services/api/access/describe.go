package access

import (
	"net/http"

	"plumbline.dev/services/api/openapi"
	"plumbline.dev/services/api/v4"
)

// applicationOperations describes the routes of applications and of their policies.
func applicationOperations() openapi.Operations {
	policies := openapi.Resource{
		Path: "/access/apps/{id}/policies", ID: "{policy}", One: "a policy of an application",
		Many: "the policies of an application, by precedence",
		View: openapi.Ref("Policy"), Body: openapi.Ref("PolicyBody"), CreateStatus: http.StatusCreated,
		DeleteStatus: http.StatusAccepted, Deleted: openapi.Of[v4.IDOnly](),
		BodyDetails: "A body with only an id and a precedence links the reusable policy with that id.",
	}
	return openapi.Union(
		openapi.Resource{
			Path: "/access/apps", ID: "{id}", One: "an application", Many: "applications, the oldest first",
			View: openapi.Ref("Application"), Body: openapi.Ref("ApplicationBody"),
			CreateStatus: http.StatusCreated, DeleteStatus: http.StatusAccepted, Deleted: openapi.Of[v4.IDOnly](),
			Query: []openapi.Parameter{
				{Name: "aud", Description: "Filter by AUD tag.", Schema: openapi.Text()},
				{Name: "name", Description: "Filter by a part of the name.", Schema: openapi.Text()},
				{Name: "domain", Description: "Filter by a part of a destination.", Schema: openapi.Text()},
				openapi.SearchParam,
				{Name: "exact", Description: "Match name and domain as a whole instead of in part.", Schema: openapi.Bool()},
			},
			BodyDetails: "Unsupported members are stored and returned, and listed in x_unsupported. A destination of another " +
				"application is rejected.",
		}.Operations(),
		policies.Operations(),
		openapi.Operations{
			"PUT /access/apps/{id}/policies/{policy}/make_reusable": {Summary: "Let other applications link a policy of an " +
				"application", Body: openapi.Object(nil), Result: openapi.Ref("Policy")},
			"POST /access/apps/{id}/revoke_tokens": {Summary: "Revoke all tokens issued for an application so far",
				Status: http.StatusAccepted, Result: openapi.Object(nil)},
			"POST /access/apps/{id}/revoke-tokens": {Summary: "Revoke all tokens of an application (path of an old SDK)",
				Status: http.StatusAccepted, Result: openapi.Object(nil)},
			"PUT /access/apps/{id}/settings": {Summary: "Change an application's settings",
				Body: openapi.Ref("ApplicationSettings"), Result: openapi.Of[settings]()},
			"PATCH /access/apps/{id}/settings": {Summary: "Change some of an application's settings",
				Body: openapi.Ref("ApplicationSettings"), Result: openapi.Of[settings]()},
		},
	)
}
