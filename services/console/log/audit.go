package log

import (
	"cmp"
	"net/url"
	"slices"
	"strings"

	"plumbline.dev/services/console/frame"
	"plumbline.dev/services/plumb/client"
)

var audit = kind{
	Name: "audit", Title: "Audit", log: client.LogAudit,
	About:   "Every change of the account's configuration, with its author and its values before and after.",
	Columns: []string{"Time", "Action", "What", "Who", "From"},
	filters: []filter{
		{name: "action_type", label: "Action", member: "action.type", choices: choicesOfWords("create", "update", "delete",
			"rotate", "revoke", "release", "reject", "poll", "test", "import", "end")},
		{name: "resource_type", flag: "--kind", label: "Kind", member: "resource.type", hint: "such as app, policy, check"},
		{name: "resource_id", label: "Resource ID", member: "resource.id"},
		{name: "actor_email", label: "E-mail", member: "actor.email"},
		{name: "actor_token_name", label: "Token name", member: "actor.token_name"},
		{name: "actor_ip_address", label: "Address", member: "actor.ip_address"},
		{name: "id", label: "Change ID", member: "id"},
	},
	command: []string{"audit"},
	row:     auditRow,
	exported: []string{"action.time", "action.type", "resource.type", "resource.id", "resource.x_name", "actor.type",
		"actor.email", "actor.token_name", "actor.id", "actor.ip_address", "id", "resource.x_before", "resource.response"},
}

// choicesOfWords returns words as choices.
func choicesOfWords(words ...string) []frame.Choice {
	choices := []frame.Choice{{Value: "", Text: "Any"}}
	for _, w := range words {
		choices = append(choices, frame.Choice{Value: w, Text: title(w)})
	}
	return choices
}

// screens are the paths of the screens that show kinds of resources.
var screens = map[string]string{"integration": "/integrations/", "check": "/checks/", "device": "/devices/",
	"hold": "/holds/", "app": "/applications/", "policy": "/policies/", "service_token": "/tokens/"}

// shown reports whether a screen shows the resource of a change: it exists, and a policy is not of one application.
func (l line) shown() bool {
	switch {
	case l.text("action.type") == "delete":
		return false
	case l.text("resource.type") == "policy":
		return l.text("resource.response.reusable") == "true"
	}
	return true
}

func auditRow(l line) row {
	resource, id := l.text("resource.type"), l.text("resource.id")
	what := cell{Text: first(l.text("resource.x_name"), id), Sub: strings.ReplaceAll(resource, "_", " ")}
	if path := screens[resource]; path != "" && id != "" && l.shown() {
		what.Path = path + url.PathEscape(id)
	}
	action := cell{Kind: "info", Text: title(l.text("action.type"))}
	if l.text("x_unsure") == "true" {
		action.Kind, action.Sub = "warn", "outcome unknown"
	}
	who := cell{Text: first(l.text("actor.email"), l.text("actor.token_name"), l.text("actor.id")),
		Sub: strings.ReplaceAll(first(l.text("actor.context"), l.text("actor.type")), "_", " ")}
	r := row{At: l.timeAt("action.time"), JSON: pretty(l.Raw), Cells: []cell{action, what, who,
		{Text: first(l.text("actor.ip_address"), "–")}}}
	if what.Path != "" {
		r.Links = append(r.Links, link{"Open", what.Path})
	}
	for filter, words := range map[string][2]string{"resource_id": {"resource.id", "Only this resource"},
		"resource_type": {"resource.type", "Only this kind"}, "actor_token_name": {"actor.token_name", "Only this token"},
		"actor_email": {"actor.email", "Only this person"}} {
		if v := l.text(words[0]); v != "" {
			r.Links = append(r.Links, link{words[1], only("audit", filter, v)})
		}
	}
	if l.text("resource.x_large") == "true" {
		r.Links = append(r.Links, link{"Show the values", only("audit", "id", l.text("id"))})
	}
	sortLinks(r.Links)
	return r
}

// sortLinks puts links to things before those that narrow the list.
func sortLinks(links []link) {
	slices.SortStableFunc(links, func(a, b link) int {
		return cmp.Or(cmp.Compare(before(a), before(b)), cmp.Compare(a.Text, b.Text))
	})
}

func before(l link) int {
	if strings.HasPrefix(l.Text, "Only") {
		return 1
	}
	return 0
}
