package log

import (
	"cmp"
	"net/url"
	"slices"
	"strings"

	"plumbline.dev/services/console/frame"
	"plumbline.dev/services/plumb/client"
)

var posture = kind{
	Name: "posture", Title: "Posture log", log: client.LogPosture,
	About:   "One line for each result of each device, at every poll and whenever something else changed a result.",
	Columns: []string{"Time", "Device", "Check", "Outcome", "Score", "Why"},
	filters: []filter{
		{name: "check", flag: "--check", label: "Check", member: "PolicyID", ask: checkChoices},
		{name: "integration", flag: "--integration", label: "Integration", member: "x_integration_id", ask: integrationChoices},
		{name: "outcome", flag: "--outcome", label: "Outcome", member: "x_outcome", choices: []frame.Choice{{Value: "", Text: "Any"},
			{Value: "pass", Text: "Pass"}, {Value: "fail", Text: "Fail"}, {Value: "unknown", Text: "Unknown"}}},
		{name: "device", flag: "--device", label: "Device ID", member: "DeviceID"},
		{name: "changed", label: "Lines", choices: []frame.Choice{{Value: "", Text: "Every result"},
			{Value: "true", Text: "Only changed outcomes"}}},
	},
	command: []string{"log", "posture"},
	row:     postureRow,
	exported: []string{"Timestamp", "DeviceID", "DeviceName", "DeviceSerialNumber", "Email", "PolicyID",
		"PostureCheckName", "x_outcome", "x_reason", "x_observed", "x_why", "x_from", "PostureReceivedJSON.score",
		"PostureReceivedJSON.problem", "PostureExpectedJSON", "x_integration_id", "x_tick"},
}

func postureRow(l line) row {
	device, check := l.text("DeviceID"), l.text("PolicyID")
	name := first(l.text("DeviceName"), l.text("DeviceSerialNumber"), shortID(device))
	outcome := cell{Kind: outcomeKind(l.text("x_outcome")), Text: title(l.text("x_outcome"))}
	if from := l.text("x_from"); from != "" {
		outcome.Sub = "was " + from
	}
	if observed := l.text("x_observed"); observed != "" && observed != l.text("x_outcome") {
		outcome.Sub = "observed " + observed
	}
	if l.text("x_reason") == "held" {
		outcome.Kind = "held"
	}
	received := l.text("PostureReceivedJSON.score")
	expected := frame.Comparison(l.text("PostureExpectedJSON.operator")) + " " + l.text("PostureExpectedJSON.score")
	return row{At: l.timeAt("Timestamp"), JSON: pretty(l.Raw), Cells: []cell{
		{Text: name, Path: "/devices/" + url.PathEscape(device), Sub: l.text("Email")},
		{Text: first(l.text("PostureCheckName"), "deleted check"), Path: "/checks/" + url.PathEscape(check)},
		outcome, {Text: first(received, "–"), Sub: "expects " + strings.TrimSpace(expected)},
		{Text: first(l.text("x_why"), l.text("PostureReceivedJSON.problem"), l.text("x_reason"))}},
		Links: []link{{"Device", "/devices/" + url.PathEscape(device)}, {"Check", "/checks/" + url.PathEscape(check)},
			{"Integration", "/integrations/" + url.PathEscape(l.text("x_integration_id"))},
			{"Only this device", only("posture", "device", device)}, {"Only this check", only("posture", "check", check)}}}
}

// only returns the path of a log with one filter.
func only(name, filter, value string) string {
	return "/logs/" + name + "?" + url.Values{filter: {value}}.Encode()
}

func outcomeKind(outcome string) string {
	switch outcome {
	case "pass", "fail":
		return outcome
	}
	return "unk"
}

// title returns a word with a capital.
func title(word string) string {
	if word == "" {
		return "–"
	}
	return frame.Capital(word)
}

func checkChoices(r *frame.Request) ([]frame.Choice, error) {
	all, err := r.API.Checks.List(r.Context())
	return choicesOf(all), err
}

func integrationChoices(r *frame.Request) ([]frame.Choice, error) {
	all, err := r.API.Integrations.List(r.Context())
	return choicesOf(all), err
}

// choicesOf returns resources as choices, by name.
func choicesOf[T client.Named](all []client.Item[T]) []frame.Choice {
	choices := []frame.Choice{{Value: "", Text: "Any"}}
	for _, i := range all {
		choices = append(choices, frame.Choice{Value: i.Value.ResourceID(), Text: first(i.Value.ResourceName(),
			i.Value.ResourceID())})
	}
	slices.SortStableFunc(choices[1:], func(a, b frame.Choice) int { return cmp.Compare(a.Text, b.Text) })
	return choices
}
