package fleet

import (
	"plumbline.dev/services/api/fleet/filter"
	"plumbline.dev/services/api/openapi"
)

// Describe adds the routes of lists to a description.
func (*API) Describe(d *openapi.Description) {
	text := "Filter, such as check:\"Disk encrypted\"=fail -user:bob* serial:PF* held:yes age>10m. Terms beside each " +
		"other must all hold; OR, AND, NOT, - and parentheses combine them. Terms: "
	for n, line := range filter.Help {
		if n > 0 {
			text += "; "
		}
		text += line[0] + ": " + line[1]
	}
	wanted := openapi.Parameter{Name: "filter", Description: text + ". Absent: every active device.",
		Schema: openapi.Schema{"type": "string", "maxLength": filter.MaxLength}}
	outdated := openapi.Parameter{Name: "outdated", Description: "1 answers soon: with the newest results that are " +
		"at hand, if others would take longer. Absent: wait for the newest results.",
		Schema: openapi.Enum("0", "1", "false", "true")}
	d.Add(openapi.Operations{
		"GET /plumbline/devices": {
			Summary: "List devices with their newest results",
			Details: "In the order of storage, by page and id. A device that exists throughout is on exactly one page of the " +
				"list. The request needs permission to read results as well.",
			Query: []openapi.Parameter{wanted, outdated,
				{Name: "per_page", Description: "Page size. Larger values are reduced to the maximum.",
					Schema: openapi.Schema{"type": "integer", "minimum": 1, "default": perPage}},
				{Name: "cursor", Description: "result_info.cursor of the previous page.", Schema: openapi.Text()}},
			Result: openapi.List(openapi.Of[listedDevice]()), Info: openapi.Of[listInfo](),
		},
		"GET /plumbline/devices/counts": {
			Summary: "Count devices by the states of the checks",
			Details: "Counts the devices that the filter selects. The request needs permission to read results as well.",
			Query:   []openapi.Parameter{wanted, outdated}, Result: openapi.Of[counted](),
		},
		"GET /plumbline/devices/scores": {
			Summary: "Count devices by their score",
			Details: "Counts the devices that the filter selects by their newest score from an integration: what a check over " +
				"it would decide. The request needs permission to read results as well.",
			Query: []openapi.Parameter{{Name: "integration_id", Description: "Integration of the scores. Required.",
				Schema: openapi.UUID()}, wanted, outdated},
			Result: openapi.Of[scoreCounts](),
		},
		"GET /plumbline/devices/export": {
			Summary: "Export devices with their newest results",
			Details: "The whole list, streamed. In CSV, a value that a spreadsheet would run as a formula has an apostrophe " +
				"before it. The request needs permission to read results as well.",
			Query: []openapi.Parameter{wanted, {Name: "format", Description: "Format of the response.",
				Schema: openapi.Enum("csv", "ndjson")}},
			OtherContent: map[string]string{"text/csv": "A header row and a row for each device.",
				"application/x-ndjson": "One JSON object per line, as in the list."},
		},
	}, openapi.Members{})
}
