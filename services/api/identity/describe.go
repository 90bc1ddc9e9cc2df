package identity

import (
	"plumbline.dev/services/api/openapi"
	"plumbline.dev/services/api/v4"
)

// operations describes the routes of people, sessions and the authentication log.
func operations() openapi.Operations {
	requests := openapi.Operation{
		Summary: "List authentications, the newest first", Result: openapi.List(openapi.Object(openapi.Of[accessView]()["properties"].(openapi.Members))), Query: accessParameters(),
		Info:    openapi.Closed(openapi.Members{"count": openapi.Integer(), "page": openapi.Integer(), "per_page": openapi.Integer()}),
		Details: "Those of services, too. With fields, the other members are left out.",
	}
	return openapi.Operations{
		"GET /access/apps/{id}/user_policy_checks": {
			Summary: "Tell what the policies of an application say of a person", Details: "Of who has the token's e-mail address, or of another: then the token must be allowed to read people. What is known of her is what her newest login told, and how her devices do.",
			Query: []openapi.Parameter{{Name: "email", Description: "whose", Schema: openapi.Text()}}, Result: openapi.Of[userChecks]()},
		"GET /access/users": {
			Summary: "List people who logged in within the last month", Result: openapi.List(openapi.Of[personView]()), Info: openapi.Of[v4.PageInfo](),
			Query: openapi.Parameters([]openapi.Parameter{{Name: "email", Description: "with this address", Schema: openapi.Text()}, openapi.NameParam, openapi.SearchParam}, openapi.PageParams),
		},
		"GET /access/users/{id}":                    {Summary: "Get a person", Result: openapi.Of[personView]()},
		"GET /access/users/{id}/last_seen_identity": {Summary: "Get who a person was at the last login, with the posture of the devices", Result: openapi.Of[identityView]()},
		"GET /access/users/{id}/active_sessions":    {Summary: "List a person's sessions", Result: openapi.List(openapi.Of[sessionView]()), Info: openapi.Of[v4.PageInfo]()},
		"GET /access/users/{id}/active_sessions/{nonce}": {Summary: "Get who a person was when a session began",
			Result: openapi.Of[identityView]().Merge(openapi.Closed(openapi.Members{"isActive": openapi.Bool()}))},
		"GET /access/users/{id}/failed_logins": {
			Summary: "List a person's newest logins that were refused", Info: openapi.Of[v4.PageInfo](),
			Result: openapi.List(openapi.Closed(openapi.Members{"expiration": openapi.Integer().Describe("when the log forgets it, in seconds since 1970"), "metadata": openapi.Of[accessView]()})),
		},
		"GET /access/logs/access_requests": requests,
		"GET /access/logs/access-requests": requests,
	}
}

func accessParameters() []openapi.Parameter {
	all := openapi.Parameters(openapi.PeriodParams("of the authentication"), openapi.PageParams, []openapi.Parameter{
		{Name: "direction", Description: "by time", Schema: openapi.Enum("asc", "desc")},
		{Name: "limit", Description: "the same as per_page", Schema: openapi.Between(1, v4.MaxPerPage)},
		{Name: "fields", Description: "members to show, separated by commas", Schema: openapi.Text()},
		{Name: "email", Description: "of the person: a part of it", Schema: openapi.Text()},
		{Name: "emailOp", Description: "neq: those that it is not", Schema: openapi.Enum("eq", "neq", "contains")},
		{Name: "email_exact", Description: "whether email is meant as a whole", Schema: openapi.Bool()},
	})
	for _, name := range v4.SortedKeys(accessFields) {
		all = append(all, openapi.Parameter{Name: name, Description: "with this value", Schema: openapi.Text()},
			openapi.Parameter{Name: name + "Op", Description: "neq: those that have another", Schema: openapi.Enum("eq", "neq")})
	}
	return all
}
