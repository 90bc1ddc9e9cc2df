package identity

import (
	"plumbline.dev/services/api/openapi"
	"plumbline.dev/services/api/v4"
)

// operations describes the routes of people, sessions and the authentication log.
func operations() openapi.Operations {
	requests := openapi.Operation{
		Summary: "List authentications, the newest first",
		Result:  openapi.List(openapi.Object(openapi.Of[accessView]()["properties"].(openapi.Members))),
		Query:   accessParameters(),
		Info:    openapi.Of[accessInfo](),
		Details: "Includes those of services. With fields, only the listed members are returned. With cursor, the pages do " +
			"not shift when events arrive: result_info.cursor continues after the page and is empty at the end, and " +
			"result_info.x_newest is the position of the newest event, from which direction=asc follows the log. Such a page " +
			"may be short or empty although further events match.",
	}
	return openapi.Operations{
		"GET /access/apps/{id}/user_policy_checks": {
			Summary: "Check the policies of an application for a person",
			Details: "Defaults to the user with the token's e-mail address. Any other user requires permission to read " +
				"users. The check uses the data of the user's newest login and the current posture of their devices.",
			Query:  []openapi.Parameter{{Name: "email", Description: "E-mail address of the user.", Schema: openapi.Text()}},
			Result: openapi.Of[userChecks]()},
		"POST /access/organizations/revoke_user": {
			Summary: "End every session of a person, at every application",
			Details: "Application tokens and sessions that began before are denied with the next request, and open " +
				"connections end. Name the person by email or user_uid, or by both. Requires permission for the whole account, " +
				"also under a zone.",
			Query: []openapi.Parameter{{Name: "devices", Description: "Also revoke the person's devices, like the member of " +
				"the body.", Schema: openapi.Bool()}},
			Body: openapi.Object(openapi.Members{
				"email":    openapi.Text().Describe("E-mail address of the sessions, in any letter case."),
				"user_uid": openapi.Text().Describe("Id of the user, for sessions without an e-mail address."),
				"devices": openapi.Bool().Describe("Also revoke the devices enrolled for the e-mail address. Requires " +
					"permission to change devices."),
				"warp_session_reauth": openapi.Bool().Describe("Has no effect: there are no WARP sessions."),
			}),
			Result: openapi.Bool(),
		},
		"GET /access/users": {
			Summary: "List the people with a login in the last month", Result: openapi.List(openapi.Of[personView]()),
			Info: openapi.Of[v4.PageInfo](),
			Query: openapi.Parameters([]openapi.Parameter{{Name: "email", Description: "Filter by e-mail address.",
				Schema: openapi.Text()}, openapi.NameParam, openapi.SearchParam}, openapi.PageParams),
		},
		"GET /access/users/{id}": {Summary: "Get a person", Result: openapi.Of[personView]()},
		"GET /access/users/{id}/last_seen_identity": {Summary: "Get a person's identity at the last login, with the " +
			"posture of their devices", Result: openapi.Of[identityView]()},
		"GET /access/users/{id}/active_sessions": {Summary: "List a person's sessions",
			Result: openapi.List(openapi.Of[sessionView]()), Info: openapi.Of[v4.PageInfo]()},
		"GET /access/users/{id}/active_sessions/{nonce}": {Summary: "Get a person's identity at the start of a session",
			Result: openapi.Of[identityView]().Merge(openapi.Closed(openapi.Members{"isActive": openapi.Bool()}))},
		"GET /access/users/{id}/failed_logins": {
			Summary: "List a person's newest denied logins", Info: openapi.Of[v4.PageInfo](),
			Result: openapi.List(openapi.Closed(openapi.Members{"expiration": openapi.Integer().Describe("Time when the log " +
				"expires it, in seconds since 1970."), "metadata": openapi.Of[accessView]()})),
		},
		"GET /access/logs/access_requests": requests,
		"GET /access/logs/access-requests": requests,
	}
}

func accessParameters() []openapi.Parameter {
	all := openapi.Parameters(openapi.PeriodParams("of the authentication"), openapi.PageParams, []openapi.Parameter{
		{Name: "direction", Description: "Order by time.", Schema: openapi.Enum("asc", "desc")},
		{Name: "limit", Description: "Alias of per_page.", Schema: openapi.Between(1, v4.MaxPerPage)},
		{Name: "cursor", Description: "List by cursor: empty for the first page, or the position to continue from.",
			Schema: openapi.Text()},
		{Name: "fields", Description: "Members to return, separated by commas.", Schema: openapi.Text()},
		{Name: "email", Description: "Filter by a part of the user's e-mail address.", Schema: openapi.Text()},
		{Name: "emailOp", Description: "neq excludes matching addresses.", Schema: openapi.Enum("eq", "neq", "contains")},
		{Name: "email_exact", Description: "Match email as a whole instead of in part.", Schema: openapi.Bool()},
	})
	for _, name := range v4.SortedKeys(accessFields) {
		all = append(all, openapi.Parameter{Name: name, Description: "Filter by value.", Schema: openapi.Text()},
			openapi.Parameter{Name: name + "Op", Description: "neq excludes matching values.",
				Schema: openapi.Enum("eq", "neq")})
	}
	return all
}
