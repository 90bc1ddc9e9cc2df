package log

import (
	"embed"
	"maps"
	"net/url"
	"slices"
	"strings"

	"plumbline.dev/services/console/frame"
	"plumbline.dev/services/plumb/client"
)

//go:embed *.html
var files embed.FS

var set = frame.Parse(files)

// kind is a log: how the API names its filters, and how its lines are shown.
type kind struct {
	Name    string // posture, access or audit
	Title   string
	About   string
	Columns []string
	log     client.Log
	filters []filter
	row     func(line) row
	// command are the words of the command of plumb that shows the log.
	command []string
	// exported are the members that a CSV file has, as paths.
	exported []string
}

// filter is a filter of a log. Its name is the API's.
type filter struct {
	name, label, hint string
	// member is the path of the member of a line that it compares.
	member string
	// choices are the values; nil is a text field.
	choices []frame.Choice
	// ask returns further choices from the API; nil: none.
	ask func(*frame.Request) ([]frame.Choice, error)
	// partial compares a part of the member, without regard to case.
	partial bool
	// flag is the flag of the command of plumb; "" if it has none.
	flag string
}

// kinds are the logs by name.
var kinds = map[string]*kind{"posture": &posture, "access": &access, "audit": &audit}

// Register adds the screens.
func Register(f *frame.Frame) {
	f.Get("/logs", func(r *frame.Request) error { return r.Redirect("/logs/posture", "") })
	for _, k := range kinds {
		f.Get("/logs/"+k.Name, func(r *frame.Request) error { return show(r, k) })
		f.Get("/logs/"+k.Name+"/live", func(r *frame.Request) error { return tail(r, k) })
		f.Get("/logs/"+k.Name+"/export", func(r *frame.Request) error { return export(r, k) })
	}
}

// line is a line of a log.
type line struct{ client.LogLine }

// text returns the member at a path, such as actor.email; "" if there is none.
func (l line) text(path string) string {
	var at any = map[string]any(l.Object)
	for name := range strings.SplitSeq(path, ".") {
		m, ok := at.(map[string]any)
		if !ok {
			return ""
		}
		at = m[name]
	}
	return textOf(at)
}

// apiQuery returns the API's query for the filters in the URL of a screen. The times are in UTC.
func (k *kind) apiQuery(q url.Values) url.Values {
	api := url.Values{}
	for _, f := range k.filters {
		if v := strings.TrimSpace(q.Get(f.name)); v != "" {
			api.Set(f.name, v)
		}
	}
	for name, as := range k.period() {
		if at := instantOf(q.Get(name)); at != "" {
			api.Set(as, at)
		}
	}
	return api
}

// only returns a problem if a request to the log has a parameter that is neither a filter nor one of these.
func (k *kind) only(r *frame.Request, further ...string) error {
	var names []string
	for _, f := range k.filters {
		names = append(names, f.name)
	}
	names = append(names, slices.Sorted(maps.Keys(k.period()))...)
	return r.Only(append(names, further...)...)
}

// period returns the API's names of the earliest and the latest time.
func (k *kind) period() map[string]string {
	if k.log == client.LogAudit {
		return map[string]string{"since": "since", "until": "before"}
	}
	return map[string]string{"since": "since", "until": "until"}
}

// wants reports whether a line has the values of the filters. Choices of "changed" concern the list only.
func (k *kind) wants(l line, q url.Values) bool {
	for _, f := range k.filters {
		want := strings.TrimSpace(q.Get(f.name))
		if want == "" || f.member == "" {
			continue
		}
		have := l.text(f.member)
		if f.partial && strings.Contains(strings.ToLower(have), strings.ToLower(want)) || strings.EqualFold(have, want) {
			continue
		}
		return false
	}
	return true
}
