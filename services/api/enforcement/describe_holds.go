package enforcement

import (
	"slices"

	"plumbline.dev/proto"
	"plumbline.dev/services/api/openapi"
	"plumbline.dev/services/api/v4"
	"plumbline.dev/services/internal/holdview"
)

// holdOperations describes the routes of holds. Cloudflare has no such endpoints.
func holdOperations() openapi.Operations {
	hold := describeHold(openapi.Of[holdview.View]())
	decision := openapi.Object(openapi.Members{"reason": openapi.Text().With("minLength", 1).
		With("maxLength", proto.MaxNote).Describe("Why. It must not be blank.")}, "reason")
	return openapi.Operations{
		"GET /plumbline/holds": {
			Summary: "List the newest hold of each check, the newest first",
			Details: "A breaker holds the outcomes of a check if a poll would change more of them than its limits allow, on " +
				"the device's page and on all pages together. A hold stands until a person releases or rejects it, a later poll " +
				"is within the limits, or its time is over (expired): then the safe side applies.",
			Query: openapi.Parameters([]openapi.Parameter{
				{Name: "state", Description: "Filter by state. open stands for standing, rejected and expired.", Repeated: true,
					Schema: openapi.Enum(append(slices.Clone(holdStates), stateOpen)...)},
				{Name: "integration_id", Description: "Filter by integration.", Schema: openapi.UUID()},
				{Name: "rule_id", Description: "Filter by posture rule.", Schema: openapi.UUID()}}, openapi.PageParams),
			Result: openapi.List(hold), Info: openapi.Of[v4.PageInfo](),
		},
		"GET /plumbline/holds/{id}": {
			Summary: "Get a hold, with its pages and some of its devices",
			Details: "pages_held has at most 100 pages, those with the most devices first, and devices_held at most 20 " +
				"devices: with hostname, serial_number and score only if the token may read results.",
			Result: describeHold(openapi.Of[oneHold]()),
		},
		"POST /plumbline/holds/{id}/release": {
			Summary: "Release a hold: the observed outcomes are applied",
			Details: "The response is 409 if the hold is over. errors[0].x_detail has its state, by and decided_at.",
			Body:    decision, Result: hold,
		},
		"POST /plumbline/holds/{id}/reject": {
			Summary: "Reject what a hold has kept from being applied",
			Details: "The held outcomes stay until a later poll is within the limits or the safe side applies. The response " +
				"is 409 if the hold is over, rejected already, or expired. errors[0].x_detail has its state, by and decided_at.",
			Body: decision, Result: hold,
		},
	}
}

// describeHold adds the values that the members of a hold may have.
func describeHold(s openapi.Schema) openapi.Schema {
	members := s["properties"].(openapi.Members)
	members["state"] = openapi.Enum(holdStates...)
	members["directions"] = openapi.List(openapi.Enum("lock_out", "open_up")).Describe(
		"lock_out: passes would be lost. open_up: passes would be gained.")
	return s
}
