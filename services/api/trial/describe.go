package trial

import (
	"plumbline.dev/services/api/openapi"
)

// Describe adds the route of trials to a description.
func (*API) Describe(d *openapi.Description) {
	age := func(s string) openapi.Schema { return openapi.Text().Describe(s) }
	d.Add(openapi.Operations{
		"POST /plumbline/checks/try": {
			Summary: "Try a check, or a change of one, without saving it",
			Details: "Evaluates the newest scores of every device as an edit would, and returns what would be decided and " +
				"which outcomes would flip. A flip is a device with another outcome than today's; if there is no such check " +
				"today, it is a device that would not pass. With rule_id, rule has the members that change (a JSON merge patch: " +
				"null removes a member); without, a whole new rule. The edit is validated like a real one. " +
				"With since, the check is evaluated against the posture log, as if it had applied from then on: for each step " +
				"the first entry of each page. The response is one JSON object per line, of kind step, then one of kind " +
				"summary; flips then compare with what was stored. A response without a summary is incomplete. " +
				"The request needs permission to read checks as well. It changes nothing.",
			Body: openapi.Object(openapi.Members{
				"rule_id": openapi.UUID().OrNull(), "rule": openapi.AnyOf(openapi.Ref("CheckChange"), openapi.Schema{"type": "null"}),
				"limit": openapi.Between(0, maxLimit).Describe("Largest number of flipping devices in the response. Default 100.").OrNull(),
				"since": age(`Age such as "30d" or "36h", at most 30d, or a time: evaluate the posture log from then on.`).OrNull(),
				"step":  age(`Time between two evaluations of a page, such as "6h", with since. Default 6h.`).OrNull(),
			}),
			Result:       openapi.Of[answer](),
			OtherContent: map[string]string{"application/x-ndjson": "With since: one JSON object per line."},
		},
	}, openapi.Members{
		"TrialStep":    openapi.Of[stepLine](),
		"TrialSummary": openapi.Of[summaryLine](),
	})
}
