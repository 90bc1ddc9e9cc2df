package api

import "net/http"

// plumblineOperations: what Cloudflare has no endpoint for.
func plumblineOperations() operations {
	var (
		result  = of[entryView]().and(of[resultView]())
		entries = of[entryView]().and(exactly(members{"devices": listOf(exactly(members{"device_id": aUUID()}).and(of[resultView]()))}))
		byCheck = parameter{name: "check", says: "of this check", schema: aUUID(), many: true}
		outcome = parameter{name: "outcome", says: "with this outcome", schema: oneOfTexts("pass", "fail", "unknown"), many: true}
		cursor  = parameter{name: "cursor", says: "where to go on: as an answer before said", schema: aText()}
	)
	limit := func(most int) parameter {
		return parameter{name: "limit", says: "how many at most", schema: between(1, most)}
	}
	return operations{
		"POST /plumbline/devices": {
			summary: "Enrol or update devices: a list of any length", result: of[imported](), refuses: []int{http.StatusUnsupportedMediaType},
			more: "A row replaces all that is known of its device. The list is taken in while it is received, as fast as the registry takes it.",
			bodies: map[string]schema{
				"text/csv": aText().says("a header row with device_id, email, serial_number, mac_address, virtual_ipv4 and hostname, " +
					"in any order, and a row for each device"),
				"application/x-ndjson": aText().says("an object with the same names for each device, one a line"),
				"application/json":     listOf(schema{}).says("an array of such objects"),
			},
		},
		"GET /plumbline/devices/{id}":    {summary: "Get a device as it is enrolled", result: of[deviceView]()},
		"DELETE /plumbline/devices/{id}": {summary: "Remove a device", result: of[idOnly]()},
		"GET /plumbline/results/devices/{id}": {
			summary: "Get what every integration's newest poll says of a device", more: "With history, every result of a period, the newest first, with result_info.",
			query: parameters([]parameter{{name: "history", says: "1: every result of a period", schema: oneOfTexts("0", "1", "false", "true")}, byCheck, limit(maxHistory), cursor}, period("of the result")),
			result: anyOf(
				exactly(members{"device_id": aUUID(), "page": aWhole(), "integrations": listOf(result), "unsupported": listOf(of[verdictView]())}, "unsupported"),
				listOf(of[pastResult]())),
			info: of[cursorInfo](),
		},
		"GET /plumbline/results/pages/{page}": {
			summary: "Get what every integration's newest poll says of the devices of a page",
			query:   []parameter{{name: "integration_id", says: "only this integration's", schema: aUUID()}},
			result:  exactly(members{"page": aWhole(), "integrations": listOf(entries), "unsupported": listOf(of[verdictView]())}, "unsupported"),
		},
		"GET /plumbline/results/stream": {
			summary: "Follow results",
			more: "Server-sent events: ready ({\"seq\"}: from here on, changes), change (devices whose outcome for a check became another), " +
				"reset (what the client has is too old to go on from: it has to read the results again), state (the newest outcomes of one page), " +
				"end ({\"reason\"}: the API token may no longer read results).",
			query: []parameter{byCheck, outcome, {name: "state", says: "whether to begin with the state", schema: aFlag()},
				{name: "after", says: "the same as Last-Event-ID, for clients that cannot set it", schema: aText()},
				{name: "Last-Event-ID", says: "the id of the newest event that the client has: it goes on after it", schema: aText(), header: true}},
			other: map[string]string{"text/event-stream": "events, for as long as the client listens"},
		},
		"GET /plumbline/explain/{id}": {
			summary: "Get why each check says what it says of a device", query: []parameter{byCheck},
			result: exactly(members{"device_id": aUUID(), "page": aWhole(), "revoked_at": aMoment().orNull(), "checks": listOf(of[explanation]())}),
		},
		"GET /plumbline/posture-log": {
			summary: "Read the posture log, the oldest first",
			more: "A line for every result of every device that was evaluated in a period, in the field names of the dataset device_posture_results. " +
				"Each has a cursor (x_cursor), and so has the trailer X-Cursor, that the next request goes on after.",
			query: parameters(period("of the evaluation"), []parameter{byCheck, outcome, cursor,
				{name: "device", says: "of this device", schema: aUUID(), many: true},
				{name: "integration", says: "of this integration", schema: aUUID(), many: true}}),
			other: map[string]string{"application/x-ndjson": "an object a line"}, refuses: []int{http.StatusGone},
		},
		"GET /plumbline/status": {summary: "Get how each integration stands", result: listOf(of[standingView]()), info: of[resultInfo]()},
		"POST /plumbline/integrations/{id}/poll": {
			summary: "Poll an integration now", body: anObject(nil), result: exactly(members{"integration_id": aUUID(), "tick": aWhole(), "at": aMoment()}),
		},
		"GET /plumbline/integrations/{id}/polls/{tick}": {
			summary: "Get what came of one poll, such as one that was asked for just now", result: of[pollView](),
			more:  "A page is done once a call about it has ended after the tick, or after since.",
			query: []parameter{{name: "since", says: "when the poll was asked for, needed once a later one has begun", schema: aMoment()}},
		},
		"GET /plumbline/integrations/{id}/polls": {
			summary: "List an integration's polls, the newest first", query: parameters([]parameter{limit(maxPolls)}, period("of the poll")),
			result: listOf(of[pastPoll]()), info: of[resultInfo](),
		},
	}
}
