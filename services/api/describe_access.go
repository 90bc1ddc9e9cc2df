package api

import "net/http"

// Access: applications and their policies, reusable policies, groups, identity providers, service tokens, tags,
// the organisation, keys, people and their logins.
func accessOperations() operations {
	policies := resource{
		path: "/access/apps/{id}/policies", id: "{policy}", one: "a policy of an application", many: "the policies of an application, by precedence",
		view: an("Policy"), body: an("PolicyBody"), made: http.StatusCreated, gone: http.StatusAccepted, left: of[idOnly](),
		onBody: "A body that has nothing but an id and a precedence links the reusable policy of that id.",
	}
	return union(
		resource{
			path: "/access/apps", id: "{id}", one: "an application", many: "applications, the oldest first", view: an("Application"), body: an("ApplicationBody"),
			made: http.StatusCreated, gone: http.StatusAccepted, left: of[idOnly](),
			query: []parameter{
				{name: "aud", says: "with this AUD tag", schema: aText()},
				{name: "name", says: "that have this text in their names", schema: aText()},
				{name: "domain", says: "that have this text in a destination", schema: aText()},
				bySearch,
				{name: "exact", says: "whether name and domain are meant as a whole", schema: aFlag()},
			},
			onBody: "What is not served is kept and echoed, and named in x_unsupported. A destination that another application has is refused.",
		}.describe(),
		policies.describe(),
		operations{
			"PUT /access/apps/{id}/policies/{policy}/make_reusable": {summary: "Let other applications link a policy of an application", body: anObject(nil), result: an("Policy")},
			"POST /access/apps/{id}/revoke_tokens":                  {summary: "Void every token of an application that was issued so far", status: http.StatusAccepted, result: anObject(nil)},
			"POST /access/apps/{id}/revoke-tokens":                  {summary: "The same, as an old SDK writes it", status: http.StatusAccepted, result: anObject(nil)},
			"GET /access/apps/{id}/user_policy_checks": {
				summary: "Tell what the policies of an application say of a person", more: "Of who has the token's e-mail address, or of another: then the token must be allowed to read people. What is known of her is what her newest login told, and how her devices do.",
				query: []parameter{{name: "email", says: "whose", schema: aText()}}, result: of[userChecks]()},
			"PUT /access/apps/{id}/settings":   {summary: "Change an application's settings", body: an("ApplicationSettings"), result: of[settings]()},
			"PATCH /access/apps/{id}/settings": {summary: "Change some of an application's settings", body: an("ApplicationSettings"), result: of[settings]()},
		},
		resource{
			path: "/access/policies", id: "{id}", one: "a reusable policy", many: "reusable policies, the oldest first", view: an("Policy"), body: an("PolicyBody"),
			made: http.StatusCreated, gone: http.StatusAccepted, left: of[idOnly](),
		}.describe(),
		resource{
			path: "/access/groups", id: "{id}", one: "a group", many: "groups, the oldest first", view: an("Group"), body: an("GroupBody"),
			made: http.StatusCreated, gone: http.StatusAccepted, left: of[idOnly](), query: []parameter{byName, bySearch},
		}.describe(),
		resource{
			path: "/access/identity_providers", id: "{id}", one: "an identity provider", many: "identity providers, the oldest first",
			view: an("IdentityProvider"), body: an("IdentityProviderBody"), made: http.StatusCreated, gone: http.StatusAccepted, left: of[idOnly](),
			query: []parameter{byName, {name: "type", says: "of this type", schema: aText()}, bySearch,
				{name: "scim_enabled", says: "whether SCIM is turned on", schema: oneOfTexts("true", "false")}},
			onBody: "Secrets are sealed and never shown again. A PUT without them keeps them.",
		}.describe(),
		resource{
			path: "/access/tags", id: "{name}", one: "a tag", many: "tags, the oldest first", view: an("Tag"), body: anObject(members{"name": aText()}, "name"),
			made: http.StatusCreated, gone: http.StatusAccepted, left: exactly(members{"name": aText()}),
		}.describe(),
		serviceTokenOperations(), organizationOperations(), peopleOperations(),
	)
}

func serviceTokenOperations() operations {
	token := resource{
		path: "/access/service_tokens", id: "{id}", one: "a service token", many: "service tokens, the oldest first", view: an("ServiceToken"),
		body: an("ServiceTokenBody"), made: http.StatusCreated, left: an("ServiceToken"), query: []parameter{byName, bySearch},
		onBody: "The answer has the secret, once. A body with client_id and client_secret brings along a token that is in use elsewhere.",
	}
	ops := token.describe()
	ops["PUT /access/service_tokens/{id}"] = operation{
		summary: "Change a service token", more: "What the body does not name stays. A raised client_secret_version makes a new secret.",
		body: an("ServiceTokenBody"), result: an("ServiceToken"),
	}
	ops["POST /access/service_tokens/{id}/refresh"] = operation{summary: "Let a service token live for its duration from now on", result: an("ServiceToken")}
	ops["POST /access/service_tokens/{id}/rotate"] = operation{
		summary: "Give a service token a new secret", more: "The answer has it, once. The one before counts until the moment that the body says, if it says one.",
		body: anObject(members{graceMember: aMoment().orNull()}), result: an("ServiceToken"),
	}
	return ops
}

func organizationOperations() operations {
	org := operation{body: an("OrganizationBody"), result: an("Organization")}
	with := func(summary string, status int) operation {
		o := org
		o.summary, o.status = summary, status
		return o
	}
	keys := operation{result: of[keysView](), beside: of[keysView]()}
	get, put, rotate := keys, keys, keys
	get.summary = "Get how the signing keys stand"
	put.summary, put.body = "Change how often the signing keys are rotated", anObject(members{"key_rotation_interval_days": between(minRotation, maxRotation)}, "key_rotation_interval_days")
	rotate.summary, rotate.body = "Rotate the signing keys now", anObject(nil)
	return operations{
		"GET /access/organizations":   {summary: "Get the organisation", result: an("Organization")},
		"POST /access/organizations":  with("Make the organisation", http.StatusCreated),
		"PUT /access/organizations":   with("Replace the organisation; strict_service_token_auth and service_token_inactivity stay where they are left out", 0),
		"PATCH /access/organizations": with("Change the organisation: a JSON merge patch", 0),
		"GET /access/keys":            get,
		"PUT /access/keys":            put,
		"POST /access/keys/rotate":    rotate,
	}
}

// accountOperations: the account, and its zones.
func accountOperations() operations {
	body := anObject(members{"name": aText(), "account": anObject(nil), "x_host_suffixes": listOf(aText()).says("hosts that applications of the zone lie within; without it, the name is the only one")})
	named := []parameter{byName}
	return operations{
		"GET /client/v4/accounts":           {summary: "List the account that the token is of", query: parameters(named, pageOf), result: listOf(of[accountView]()), info: of[resultInfo]()},
		"GET ":                              {summary: "Get the account", result: of[accountView]()},
		"GET /client/v4/zones":              {summary: "List the zones that the token may use", query: parameters(named, pageOf), result: listOf(of[zoneView]()), info: of[resultInfo]()},
		"POST /client/v4/zones":             {summary: "Make a zone", body: body, result: of[zoneView]()},
		"GET /client/v4/zones/{zone_id}":    {summary: "Get a zone", result: of[zoneView]()},
		"PUT /client/v4/zones/{zone_id}":    {summary: "Make or replace a zone", body: body, result: of[zoneView]()},
		"PATCH /client/v4/zones/{zone_id}":  {summary: "Change a zone", body: body, result: of[zoneView]()},
		"DELETE /client/v4/zones/{zone_id}": {summary: "Delete a zone that has no applications", result: exactly(members{"id": aText()})},
	}
}

func peopleOperations() operations {
	requests := operation{
		summary: "List authentications, the newest first", result: listOf(anObject(of[accessView]()["properties"].(members))), query: accessParameters(),
		info: exactly(members{"count": aWhole(), "page": aWhole(), "per_page": aWhole()}),
		more: "Those of services, too. With fields, the other members are left out.",
	}
	return operations{
		"GET /access/users": {
			summary: "List people who logged in within the last month", result: listOf(of[personView]()), info: of[resultInfo](),
			query: parameters([]parameter{{name: "email", says: "with this address", schema: aText()}, byName, bySearch}, pageOf),
		},
		"GET /access/users/{id}":                    {summary: "Get a person", result: of[personView]()},
		"GET /access/users/{id}/last_seen_identity": {summary: "Get who a person was at the last login, with the posture of the devices", result: of[identityView]()},
		"GET /access/users/{id}/active_sessions":    {summary: "List a person's sessions", result: listOf(of[sessionView]()), info: of[resultInfo]()},
		"GET /access/users/{id}/active_sessions/{nonce}": {summary: "Get who a person was when a session began",
			result: of[identityView]().and(exactly(members{"isActive": aFlag()}))},
		"GET /access/users/{id}/failed_logins": {
			summary: "List a person's newest logins that were refused", info: of[resultInfo](),
			result: listOf(exactly(members{"expiration": aWhole().says("when the log forgets it, in seconds since 1970"), "metadata": of[accessView]()})),
		},
		"GET /access/logs/access_requests": requests,
		"GET /access/logs/access-requests": requests,
	}
}

func accessParameters() []parameter {
	all := parameters(period("of the authentication"), pageOf, []parameter{
		{name: "direction", says: "by time", schema: oneOfTexts("asc", "desc")},
		{name: "limit", says: "the same as per_page", schema: between(1, maxPerPage)},
		{name: "fields", says: "members to show, separated by commas", schema: aText()},
		{name: "email", says: "of the person: a part of it", schema: aText()},
		{name: "emailOp", says: "neq: those that it is not", schema: oneOfTexts("eq", "neq", "contains")},
		{name: "email_exact", says: "whether email is meant as a whole", schema: aFlag()},
	})
	for _, name := range sortedNames(accessFields) {
		all = append(all, parameter{name: name, says: "with this value", schema: aText()},
			parameter{name: name + "Op", says: "neq: those that have another", schema: oneOfTexts("eq", "neq")})
	}
	return all
}

// period are the parameters of whatever is read by time.
func period(what string) []parameter {
	return []parameter{
		{name: "since", says: "the earliest time " + what, schema: aMoment()},
		{name: "until", says: "the latest time " + what, schema: aMoment()},
	}
}
