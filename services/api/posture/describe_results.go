package posture

import (
	"net/http"

	"plumbline.dev/services/api/openapi"
	"plumbline.dev/services/api/v4"
)

// resultOperations describes the routes of results, polls and the posture log. Cloudflare has no such endpoints.
func resultOperations() openapi.Operations {
	var (
		result  = openapi.Of[entryView]().Merge(openapi.Of[resultView]())
		entries = openapi.Of[entryView]().Merge(openapi.Closed(openapi.Members{"devices": openapi.List(openapi.Closed(openapi.Members{"device_id": openapi.UUID()}).Merge(openapi.Of[resultView]()))}))
		byCheck = openapi.Parameter{Name: "check", Description: "of this check", Schema: openapi.UUID(), Repeated: true}
		outcome = openapi.Parameter{Name: "outcome", Description: "with this outcome", Schema: openapi.Enum("pass", "fail", "unknown"), Repeated: true}
		cursor  = openapi.Parameter{Name: "cursor", Description: "where to go on: as an answer before said", Schema: openapi.Text()}
	)
	limit := func(most int) openapi.Parameter {
		return openapi.Parameter{Name: "limit", Description: "how many at most", Schema: openapi.Between(1, most)}
	}
	return openapi.Operations{
		"GET /plumbline/results/devices/{id}": {
			Summary: "Get what every integration's newest poll says of a device", Details: "With history, every result of a period, the newest first, with result_info.",
			Query: openapi.Parameters([]openapi.Parameter{{Name: "history", Description: "1: every result of a period", Schema: openapi.Enum("0", "1", "false", "true")}, byCheck, limit(maxHistory), cursor}, openapi.PeriodParams("of the result")),
			Result: openapi.AnyOf(
				openapi.Closed(openapi.Members{"device_id": openapi.UUID(), "page": openapi.Integer(), "integrations": openapi.List(result), "unsupported": openapi.List(openapi.Of[verdictView]())}, "unsupported"),
				openapi.List(openapi.Of[pastResult]())),
			Info: openapi.Of[v4.CursorInfo](),
		},
		"GET /plumbline/results/pages/{page}": {
			Summary: "Get what every integration's newest poll says of the devices of a page",
			Query:   []openapi.Parameter{{Name: "integration_id", Description: "only this integration's", Schema: openapi.UUID()}},
			Result:  openapi.Closed(openapi.Members{"page": openapi.Integer(), "integrations": openapi.List(entries), "unsupported": openapi.List(openapi.Of[verdictView]())}, "unsupported"),
		},
		"GET /plumbline/results/stream": {
			Summary: "Follow results",
			Details: "Server-sent events: ready ({\"seq\"}: from here on, changes), change (devices whose outcome for a check became another), " +
				"reset (what the client has is too old to go on from: it has to read the results again), state (the newest outcomes of one page), " +
				"end ({\"reason\"}: the API token may no longer read results).",
			Query: []openapi.Parameter{byCheck, outcome, {Name: "state", Description: "whether to begin with the state", Schema: openapi.Bool()},
				{Name: "after", Description: "the same as Last-Event-ID, for clients that cannot set it", Schema: openapi.Text()},
				{Name: "Last-Event-ID", Description: "the id of the newest event that the client has: it goes on after it", Schema: openapi.Text(), Header: true}},
			OtherContent: map[string]string{"text/event-stream": "events, for as long as the client listens"},
		},
		"GET /plumbline/explain/{id}": {
			Summary: "Get why each check says what it says of a device", Query: []openapi.Parameter{byCheck},
			Result: openapi.Closed(openapi.Members{"device_id": openapi.UUID(), "page": openapi.Integer(), "revoked_at": openapi.Time().OrNull(), "checks": openapi.List(openapi.Of[Explanation]())}),
		},
		"GET /plumbline/posture-log": {
			Summary: "Read the posture log, the oldest first",
			Details: "A line for every result of every device that was evaluated in a period, in the field names of the dataset device_posture_results. " +
				"Each has a cursor (x_cursor), and so has the trailer X-Cursor, that the next request goes on after.",
			Query: openapi.Parameters(openapi.PeriodParams("of the evaluation"), []openapi.Parameter{byCheck, outcome, cursor,
				{Name: "device", Description: "of this device", Schema: openapi.UUID(), Repeated: true},
				{Name: "integration", Description: "of this integration", Schema: openapi.UUID(), Repeated: true}}),
			OtherContent: map[string]string{"application/x-ndjson": "an object a line"}, Statuses: []int{http.StatusGone},
		},
		"GET /plumbline/status": {Summary: "Get how each integration stands", Result: openapi.List(openapi.Of[standingView]()), Info: openapi.Of[v4.PageInfo]()},
		"POST /plumbline/integrations/{id}/poll": {
			Summary: "Poll an integration now", Body: openapi.Object(nil), Result: openapi.Closed(openapi.Members{"integration_id": openapi.UUID(), "tick": openapi.Integer(), "at": openapi.Time()}),
		},
		"GET /plumbline/integrations/{id}/polls/{tick}": {
			Summary: "Get what came of one poll, such as one that was asked for just now", Result: openapi.Of[pollView](),
			Details: "A page is done once a call about it has ended after the tick, or after since.",
			Query:   []openapi.Parameter{{Name: "since", Description: "when the poll was asked for, needed once a later one has begun", Schema: openapi.Time()}},
		},
		"GET /plumbline/integrations/{id}/polls": {
			Summary: "List an integration's polls, the newest first", Query: openapi.Parameters([]openapi.Parameter{limit(maxPolls)}, openapi.PeriodParams("of the poll")),
			Result: openapi.List(openapi.Of[pastPoll]()), Info: openapi.Of[v4.PageInfo](),
		},
	}
}
