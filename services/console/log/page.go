package log

import (
	"net/http"
	"net/url"
	"slices"
	"strconv"
	"strings"
	"time"

	"plumbline.dev/proto"
	"plumbline.dev/services/console/copyas"
	"plumbline.dev/services/console/frame"
	"plumbline.dev/services/plumb/client"
)

// perPage is the number of lines on a page.
const perPage = 50

// view is the data of the screen of a log.
type view struct {
	*kind
	Form     *frame.Form
	Fields   []field
	Rows     []row
	Query    url.Values // of the screen
	Cursor   string     // of the next page; empty at the end
	Searched *time.Time
	Tail     bool
	Cut      bool   // lines before these were left out of the tail
	List     string // path of the list that has them
	Account  proto.Account
}

// field is a filter with its choices.
type field struct {
	Name, Label, Hint string
	Choices           []frame.Choice
}

func show(r *frame.Request, k *kind) error {
	if err := k.only(r, "cursor", "tail"); err != nil {
		return err
	}
	q := r.URL.Query()
	v := view{kind: k, Query: q, Form: frame.NewForm(), Tail: q.Get("tail") == "on" && q.Get("cursor") == "",
		Account: r.Person.Account}
	for name := range q {
		v.Form.Values.Set(name, q.Get(name))
	}
	status := http.StatusOK
	page, err := r.API.LogPage(r.Context(), k.log, v.apiPage())
	switch {
	case err != nil && v.Form.Refused(err): // such as an id that is none
		status = http.StatusUnprocessableEntity
	case err != nil:
		return err
	}
	for _, l := range page.Lines {
		v.Rows = append(v.Rows, k.row(line{l}))
	}
	v.Cursor, v.Searched = page.Cursor, page.Searched
	if v.Fields, err = k.fields(r); err != nil {
		return err
	}
	p := frame.Page{Title: k.Title, Nav: "/logs/" + k.Name, Set: set, Name: "log", Data: v, Status: status}
	if v.Tail {
		p.Live = v.path("/live", nil)
	}
	return r.Page(p)
}

// apiPage returns the API's query of the page. The live tail of the posture log has changed outcomes only, because a
// poll of a large account evaluates a million results.
func (v *view) apiPage() url.Values {
	api := v.apiQuery(v.Query)
	if v.Tail && v.log == client.LogPosture {
		api.Set("changed", "true")
	}
	api.Set("limit", strconv.Itoa(perPage))
	if c := v.Query.Get("cursor"); c != "" {
		api.Set("cursor", c)
	}
	return api
}

// fields returns the filters with their choices. Choices that the person may not list are a text field.
func (k *kind) fields(r *frame.Request) ([]field, error) {
	all := make([]field, len(k.filters))
	for n, f := range k.filters {
		all[n] = field{f.name, f.label, f.hint, f.choices}
		if f.ask == nil {
			continue
		}
		choices, err := f.ask(r)
		if err != nil && !client.HasStatus(err, http.StatusForbidden) {
			return nil, err
		}
		if err == nil {
			all[n].Choices = choices
		}
	}
	return all, nil
}

// common is how many filters of a log are always shown; the others are folded.
const common = 5

// Common returns the filters that are always shown.
func (v view) Common() []field { return v.Fields[:min(len(v.Fields), common)] }

// Rare returns the other filters.
func (v view) Rare() []field { return v.Fields[min(len(v.Fields), common):] }

// RareSet reports whether one of the other filters is set.
func (v view) RareSet() bool {
	return slices.ContainsFunc(v.Rare(), func(f field) bool { return v.Query.Get(f.Name) != "" })
}

// path returns a path of the log with the same filters and other members of the query: "" removes one. A new filter
// begins at the newest line.
func (v view) path(suffix string, with map[string]string) string {
	q := url.Values{}
	for name := range v.Query {
		if text := strings.TrimSpace(v.Query.Get(name)); text != "" && name != "cursor" {
			q.Set(name, text)
		}
	}
	for name, text := range with {
		if q.Set(name, text); text == "" {
			q.Del(name)
		}
	}
	p := "/logs/" + v.Name + suffix
	if len(q) > 0 {
		p += "?" + q.Encode()
	}
	return p
}

// Here returns the path of the page with its position.
func (v view) Here() string { return v.path("", map[string]string{"cursor": v.Query.Get("cursor")}) }

// Older returns the path of the next page.
func (v view) Older() string { return v.path("", map[string]string{"cursor": v.Cursor, "tail": ""}) }

// Newest returns the path of the first page.
func (v view) Newest() string { return v.path("", nil) }

// Follow returns the path with the live tail.
func (v view) Follow() string { return v.path("", map[string]string{"tail": "on"}) }

// Pause returns the path without the live tail.
func (v view) Pause() string { return v.path("", map[string]string{"tail": ""}) }

// NDJSON returns the path of the export as NDJSON.
func (v view) NDJSON() string {
	return v.path("/export", map[string]string{"format": "ndjson", "tail": ""})
}

// CSV returns the path of the export as CSV.
func (v view) CSV() string { return v.path("/export", map[string]string{"format": "csv", "tail": ""}) }

// Kept is the number of rows that the table of a live tail keeps.
func (v view) Kept() int { return tailRowsKept }

// Width is the number of columns.
func (v view) Width() int { return len(v.Columns) + 1 }

// Moved reports whether the page is not the first one.
func (v view) Moved() bool { return v.Query.Get("cursor") != "" }

// Filtered reports whether a filter is set.
func (v view) Filtered() bool { return len(v.apiQuery(v.Query)) > 0 }

// Clear returns the path without filters.
func (v view) Clear() string { return "/logs/" + v.Name }

// Copies returns the page as a request for curl, and as a command of plumb if that has every filter.
func (v view) Copies() []copyas.Text {
	all := []copyas.Text{copyas.Curl(v.Account, http.MethodGet, string(v.log)+"?"+v.apiPage().Encode(), nil)}
	words := slices.Clone(v.command)
	for _, f := range v.filters {
		text := strings.TrimSpace(v.Query.Get(f.name))
		switch {
		case text == "":
		case f.name == "allowed" && text == "true":
			words = append(words, "--allowed")
		case f.name == "allowed":
			words = append(words, "--refused")
		case f.flag == "":
			return all
		default:
			words = append(words, f.flag, text)
		}
	}
	if v.Tail {
		words = append(words, "--follow")
	}
	return append(all, copyas.Plumb(words...))
}
