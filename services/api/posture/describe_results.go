package posture

import (
	"net/http"

	"plumbline.dev/services/api/device"
	"plumbline.dev/services/api/openapi"
	"plumbline.dev/services/api/v4"
)

// resultOperations describes the routes of results, polls and the posture log. Cloudflare has no such endpoints.
func resultOperations() openapi.Operations {
	var (
		result  = openapi.Of[entryView]().Merge(openapi.Of[resultView]())
		entries = openapi.Of[entryView]().Merge(openapi.Closed(openapi.Members{"devices": openapi.List(
			openapi.Closed(openapi.Members{"device_id": openapi.UUID()}).Merge(openapi.Of[resultView]()))}))
		byCheck = openapi.Parameter{Name: "check", Description: "Filter by check.", Schema: openapi.UUID(), Repeated: true}
		outcome = openapi.Parameter{Name: "outcome", Description: "Filter by outcome.",
			Schema: openapi.Enum("pass", "fail", "unknown"), Repeated: true}
		cursor = openapi.Parameter{Name: "cursor",
			Description: "Position to continue from, as returned by an earlier response.", Schema: openapi.Text()}
	)
	limit := func(most int) openapi.Parameter {
		return openapi.Parameter{Name: "limit", Description: "Largest number of results.", Schema: openapi.Between(1, most)}
	}
	return openapi.Operations{
		"GET /plumbline/results": {
			Summary: "Read the newest result of every check for every device",
			Details: "One line for every result, and a last line with the position that the results are of: the changes after " +
				"it follow, on the bus after the sequence position of POSTURE_LOG, in /plumbline/results/stream after cursor. A " +
				"response without the last line was cut off.",
			Query:        []openapi.Parameter{byCheck, outcome},
			OtherContent: map[string]string{"application/x-ndjson": "One JSON object per line."},
		},
		"GET /plumbline/results/devices/{id}": {
			Summary: "Get a device's results in every integration's newest poll",
			Details: "With history, every result in a period, newest first, with result_info.",
			Query: openapi.Parameters([]openapi.Parameter{{Name: "history", Description: "1 returns every result in a period.",
				Schema: openapi.Enum("0", "1", "false", "true")}, byCheck, limit(maxHistory), cursor},
				openapi.PeriodParams("of the result")),
			Result: openapi.AnyOf(
				openapi.Closed(openapi.Members{"device_id": openapi.UUID(), "page": openapi.Integer(),
					"integrations": openapi.List(result), "unsupported": openapi.List(openapi.Of[verdictView]()),
					"exemptions": openapi.List(openapi.Of[device.ExemptionView]())}, "unsupported", "exemptions"),
				openapi.List(openapi.Of[pastResult]())),
			Info: openapi.Of[v4.CursorInfo](),
		},
		"GET /plumbline/results/pages/{page}": {
			Summary: "Get the results of a page of devices in every integration's newest poll",
			Query: []openapi.Parameter{{Name: "integration_id", Description: "Filter by integration.",
				Schema: openapi.UUID()}},
			Result: openapi.Closed(openapi.Members{"page": openapi.Integer(), "integrations": openapi.List(entries),
				"unsupported": openapi.List(openapi.Of[verdictView]())}, "unsupported"),
		},
		"GET /plumbline/results/stream": {
			Summary: "Follow results",
			Details: "Server-sent events: ready ({\"seq\"}: changes after this position follow), change (devices with a new " +
				"outcome for a check), " +
				"reset (the client's position is too old: it must read the results again), state (the newest outcomes of one " +
				"page), " +
				"end ({\"reason\"}: the API token may no longer read results).",
			Query: []openapi.Parameter{byCheck, outcome,
				{Name: "state", Description: "Start with the current state.", Schema: openapi.Bool()},
				{Name: "after", Description: "Alias of Last-Event-ID, for clients that cannot set headers.",
					Schema: openapi.Text()},
				{Name: "Last-Event-ID", Description: "Id of the client's newest event. The stream continues after it.",
					Schema: openapi.Text(), Header: true}},
			OtherContent: map[string]string{"text/event-stream": "A stream of events."},
		},
		"GET /plumbline/devices/{id}/timeline": {
			Summary: "Get the outcomes of a device over a period",
			Details: "One list of segments for each evaluated check, read from the changes in the posture log, the newest " +
				"first. If the log has more changes than the time allows to read, known_since is later than since.",
			Query: []openapi.Parameter{
				{Name: "days", Description: "Length of the period until now. Default 30.",
					Schema: openapi.Between(1, timelineDays)},
				{Name: "wait_ms", Description: "How long the log may be read, in milliseconds. Default 120.",
					Schema: openapi.Between(1, int(maxTimelineWait.Milliseconds()))}},
			Result: openapi.Of[timelineView](),
		},
		"GET /plumbline/explain/{id}": {
			Summary: "Explain the outcome of each check for a device", Query: []openapi.Parameter{byCheck},
			Result: openapi.Closed(openapi.Members{"device_id": openapi.UUID(), "page": openapi.Integer(),
				"revoked_at": openapi.Time().OrNull(), "checks": openapi.List(openapi.Of[Explanation]())}),
		},
		"GET /plumbline/posture-log": {
			Summary: "Read the posture log, oldest first",
			Details: "One line for every result of every device evaluated in a period, with the field names of the dataset " +
				"device_posture_results. " +
				"Each line has a cursor (x_cursor), and so has the trailer X-Cursor. The next request continues after it. " +
				"An entry that cannot be read is a line with x_unreadable, x_sequence and x_cursor only.",
			Query: openapi.Parameters(openapi.PeriodParams("of the evaluation"), []openapi.Parameter{byCheck, outcome, cursor,
				{Name: "device", Description: "Filter by device.", Schema: openapi.UUID(), Repeated: true},
				{Name: "integration", Description: "Filter by integration.", Schema: openapi.UUID(), Repeated: true}}),
			OtherContent: map[string]string{"application/x-ndjson": "One JSON object per line."},
			Statuses:     []int{http.StatusGone},
		},
		"GET /plumbline/posture-log/newest": {
			Summary: "List the newest lines of the posture log, the newest first",
			Details: "A page ends with its limit, or once 12 MiB of the log have been read for it. It may be empty although " +
				"older lines match: only an empty cursor marks the end, and searched_until is how far the search came. With one " +
				"device, only the page that has the device now is searched.",
			Query: openapi.Parameters(openapi.PeriodParams("of the evaluation"), []openapi.Parameter{byCheck, outcome, cursor,
				limit(maxNewest),
				{Name: "device", Description: "Filter by device.", Schema: openapi.UUID(), Repeated: true},
				{Name: "integration", Description: "Filter by integration.", Schema: openapi.UUID(), Repeated: true},
				{Name: "changed", Description: "List only results with another outcome than before, which x_from is.",
					Schema: openapi.Bool()}}),
			Result: openapi.List(openapi.Of[postureLine]()), Info: openapi.Of[newestInfo](),
		},
		"GET /plumbline/status": {Summary: "Get the status of each integration",
			Result: openapi.List(openapi.Of[Standing]()), Info: openapi.Of[v4.PageInfo]()},
		"POST /plumbline/integrations/{id}/poll": {
			Summary: "Poll an integration now", Body: openapi.Object(nil),
			Result: openapi.Closed(openapi.Members{"integration_id": openapi.UUID(), "tick": openapi.Integer(),
				"at": openapi.Time()}),
		},
		"GET /plumbline/integrations/{id}/polls/{tick}": {
			Summary: "Get the result of one poll, such as one just requested", Result: openapi.Of[pollView](),
			Details: "A page is done once a call for it has ended after the tick, or after since.",
			Query: []openapi.Parameter{{Name: "since",
				Description: "Time when the poll was requested. Required once a later poll has begun.", Schema: openapi.Time()}},
		},
		"GET /plumbline/integrations/{id}/polls": {
			Summary: "List an integration's polls, the newest first",
			Query:   openapi.Parameters([]openapi.Parameter{limit(maxPolls)}, openapi.PeriodParams("of the poll")),
			Result:  openapi.List(openapi.Of[pastPoll]()), Info: openapi.Of[v4.PageInfo](),
		},
	}
}
