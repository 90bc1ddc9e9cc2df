package api

import (
	"plumbline.dev/proto"
)

// Posture: integrations, and checks, which the v4 API calls posture rules.
func postureOperations() operations {
	integrations := resource{
		path: "/devices/posture/integration", id: "{id}", one: "an integration", many: "integrations, the oldest first", view: an("Integration"),
		body: an("IntegrationBody"), unpaged: true, merged: true,
		onBody: "A custom_s2s integration's scoring API is called once; it is refused where that does not answer as it should. " +
			"An integration of another type is kept and echoed, and never polled.",
	}.describe()
	change := integrations["PATCH /devices/posture/integration/{id}"]
	change.body, change.more = an("IntegrationChange"), "A JSON merge patch. The scoring API is called again where URL or credentials change."
	integrations["PATCH /devices/posture/integration/{id}"] = change
	return union(integrations, resource{
		path: "/devices/posture", id: "{id}", one: "a check", many: "checks, the oldest first", view: an("Check"), body: an("CheckBody"),
		unpaged: true, left: of[idOnly](), onBody: "A check of another type than custom_s2s is kept and echoed, and its outcome is unknown.",
	}.describe())
}

// The tokens of this API, and what they did.
func tokenOperations() operations {
	verified := operation{
		summary: "Verify the token that the request has", result: exactly(members{"id": aUUID(), "status": oneOfTexts(statusActive), "not_before": aMoment(),
			"expires_on": aMoment()}, "not_before", "expires_on"),
	}
	tokens := resource{
		path: "/tokens", id: "{id}", one: "an API token", many: "API tokens, the oldest first", view: of[apiTokenView](), body: an("APITokenBody"),
		query: []parameter{{name: "direction", says: "by age", schema: oneOfTexts("asc", "desc")}}, left: of[idOnly](),
		onBody: "The answer has the value, once. Nobody can give more than they have.",
	}.describe()
	change := tokens["PUT /tokens/{id}"]
	change.summary, change.more = "Change an API token", "A body with name and policies is the whole token: restrictions that it leaves out are lifted. What another body does not name stays. So does the value."
	tokens["PUT /tokens/{id}"] = change
	return union(tokens, operations{
		"PUT /tokens/{id}/value":            {summary: "Give an API token another value", more: "The one it had ends at the same moment.", body: anObject(nil), result: aText()},
		"GET /tokens/verify":                verified,
		"GET /client/v4/user/tokens/verify": verified,
		"GET /tokens/permission_groups": {
			summary: "List what API tokens can be allowed", info: of[resultInfo](),
			query:  []parameter{byName, {name: "scope", says: "for this kind of resource", schema: aText()}},
			result: listOf(exactly(members{"id": aText(), "name": aText(), "scopes": listOf(aText())})),
		},
		"GET /audit_logs": {
			summary: "List changes, the newest first", result: listOf(of[auditView]()), info: of[auditInfo](), query: auditParameters(),
			more: "How many there are is told where nothing is asked for but a page.",
		},
		"GET /logs/audit": {
			summary: "List changes, in the shape of the newer audit log", result: listOf(of[auditRecord]()), info: of[auditCursors](), query: newAuditParameters(),
			more: "What Cloudflare filters by and is not known here is refused: a filter that were ignored would lie.",
		},
	})
}

func auditParameters() []parameter {
	return parameters([]parameter{
		{name: "id", says: "this change, with values of any length", schema: aText()},
		{name: "action.type", says: "with this action: create, update, delete, ...", schema: aText()},
		{name: "actor.email", says: "by the API key of this address", schema: aText()},
		{name: "actor.ip", says: "from this address, or a CIDR range", schema: aText()},
		{name: "x_type", says: "of this kind of resource", schema: aText()},
		{name: "x_resource", says: "of the resource with this id", schema: aText()},
		{name: "since", says: "at this time or later", schema: aText()},
		{name: "before", says: "before this time", schema: aText()},
		{name: "direction", says: "by time", schema: oneOfTexts("asc", "desc")},
		{name: "hide_user_logs", says: "taken, and makes no difference", schema: aFlag()},
		{name: "zone.name", says: "not supported: anything else than false is refused", schema: aText()},
		{name: "export", says: "not supported: anything else than false is refused", schema: aText()},
	}, pageOf)
}

func newAuditParameters() []parameter {
	all := []parameter{
		{name: "since", says: "at this time or later", schema: aText()},
		{name: "before", says: "before this time", schema: aText()},
		{name: "direction", says: "by time", schema: oneOfTexts("asc", "desc")},
		{name: "limit", says: "how many; more than the maximum are not given", schema: schema{"type": "integer", "minimum": 1, "default": auditPerPage}},
		{name: "cursor", says: "result_info.cursors.after of the part before", schema: aText()},
	}
	for _, name := range sortedNames(auditMembers) {
		all = append(all, parameter{name: name, says: "with one of these", schema: aText(), many: true},
			parameter{name: name + ".not", says: "with none of these", schema: aText(), many: true})
	}
	for _, name := range noAuditMembers {
		all = append(all, parameter{name: name, says: "not supported: refused", schema: aText()})
	}
	return all
}

// deviceOperations: the inventory, in the endpoints of the v4 API.
func deviceOperations() operations {
	include := parameter{name: "include", says: "last_seen_registration.policy: show it, too", schema: aText()}
	named := parameter{name: "id", says: "a registration", schema: aUUID(), many: true}
	gone := operation{result: nil}
	with := func(summary string) operation { o := gone; o.summary = summary; return o }
	registrations := func(summary string) operation {
		return operation{summary: summary, query: []parameter{named}, info: of[cursorInfo]()}
	}
	devices := func(summary string) operation {
		return operation{summary: summary, body: schema{"type": "array", "items": aUUID(), "minItems": 1, "maxItems": maxDevices}}
	}
	return operations{
		"GET /devices/physical-devices": {
			summary: "List devices", result: listOf(of[physicalView]()), info: of[cursorInfo](),
			query: parameters(deviceParameters(sortedNames(physicalSorts)), []parameter{include,
				{name: "active_registrations", says: "only (the default): of devices that are not revoked; include: all; exclude: revoked ones", schema: oneOfTexts("only", "include", "exclude")},
				{name: "last_seen_user.email", says: "enrolled for this address", schema: aText()},
			}),
		},
		"GET /devices/physical-devices/{id}":         {summary: "Get a device", result: of[physicalView](), query: []parameter{include}},
		"DELETE /devices/physical-devices/{id}":      with("Remove a device from the inventory"),
		"POST /devices/physical-devices/{id}/revoke": with("Revoke a device"),
		"GET /devices/registrations": {
			summary: "List registrations: each device has one, of the same id", result: listOf(of[registrationView]()), info: of[cursorInfo](),
			query: parameters(deviceParameters(sortedNames(registrationSorts)), []parameter{
				{name: "include", says: "policy: there is none", schema: aText()},
				{name: "status", says: "active (the default), revoked, or all", schema: oneOfTexts("active", "all", "revoked")},
				{name: "device.id", says: "of this device", schema: aUUID(), many: true},
				{name: "user.id", says: "of devices enrolled for this person", schema: aUUID(), many: true},
			}),
		},
		"GET /devices/registrations/{id}":      {summary: "Get a registration", result: of[registrationView](), query: []parameter{{name: "include", says: "policy: there is none", schema: aText()}}},
		"DELETE /devices/registrations":        registrations("Remove the devices of registrations"),
		"DELETE /devices/registrations/{id}":   with("Remove the device of a registration"),
		"POST /devices/registrations/revoke":   registrations("Revoke registrations"),
		"POST /devices/registrations/unrevoke": registrations("End the revocation of registrations"),
		"GET /devices":                         {summary: "List all devices in one piece (deprecated)", result: listOf(of[legacyDeviceView]()), info: of[resultInfo]()},
		"GET /devices/{id}": {summary: "Get a device (deprecated)", result: of[legacyDeviceView]().and(exactly(members{
			"account": exactly(members{"id": of[proto.Account]()}),
		}))},
		"POST /devices/revoke":   devices("Revoke devices (deprecated)"),
		"POST /devices/unrevoke": devices("End the revocation of devices (deprecated)"),
	}
}

func deviceParameters(sorts []string) []parameter {
	return []parameter{
		{name: "id", says: "with this id", schema: aUUID(), many: true},
		bySearch,
		{name: "seen_after", says: "last seen after this time: nobody tells us, so none", schema: aMoment()},
		{name: "seen_before", says: "last seen before this time: nobody tells us, so none", schema: aMoment()},
		{name: "sort_by", says: "the order; by default the one in which they are kept", schema: oneOfTexts(sorts...)},
		{name: "sort_order", says: "up or down", schema: oneOfTexts("asc", "desc")},
		{name: "per_page", says: "how many on a page; more than the maximum are not given", schema: schema{"type": "integer", "minimum": 1, "default": devicesPerPage}},
		{name: "cursor", says: "result_info.cursor of the page before", schema: aText()},
	}
}
