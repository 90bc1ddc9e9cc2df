package device

import (
	"errors"
	"net/http"
	"net/url"
	"strconv"
	"strings"

	"plumbline.dev/services/api/fleet/filter"
	"plumbline.dev/services/console/frame"
	"plumbline.dev/services/plumb/client"
)

const perPage = 50

// listView is the data of the list.
type listView struct {
	Filter, Problem   string // of the filter
	Rows              []row
	Next, First       string // paths of other pages of the list; empty: none
	CSV, NDJSON, Chip string // paths
	Help              [][2]string
	Form              *frame.Form
	Copy              copyAs
	Part              bool // of a page: the export and the commands change with the list
}

// row is a device in the list.
type row struct {
	*client.ListedDevice
	Name, Kind, Text string // Kind and Text of the pill
	Failing          []string
}

func newRow(d *client.ListedDevice) row {
	v := row{ListedDevice: d, Name: nameOf(d.Hostname, d.Serial, d.ID)}
	unknown, enforced := 0, ""
	for _, c := range d.Checks {
		switch {
		case c.Outcome == "fail":
			v.Failing = append(v.Failing, c.Name)
		case c.Outcome == "unknown":
			unknown++
		}
		if c.Enforced != "" {
			enforced = c.Enforced
		}
	}
	switch {
	case d.RevokedAt != nil:
		v.Kind, v.Text = "unk", "Revoked"
	case len(v.Failing) > 0:
		v.Kind, v.Text = "fail", fraction("Fails", len(v.Failing), len(d.Checks))
	case unknown > 0:
		v.Kind, v.Text = "unk", fraction("Unknown", unknown, len(d.Checks))
	case enforced != "":
		v.Kind, v.Text = state("", enforced)
	case len(d.Checks) == 0:
		v.Kind, v.Text = "unk", "No checks"
	default:
		v.Kind, v.Text = "pass", "Pass"
	}
	return v
}

func fraction(word string, part, whole int) string {
	return word + " " + strconv.Itoa(part) + " of " + strconv.Itoa(whole)
}

// nameOf returns the name of a device for people.
func nameOf(hostname, serial, id string) string {
	for _, name := range []string{hostname, serial} {
		if strings.TrimSpace(name) != "" {
			return name
		}
	}
	return id
}

func list(r *frame.Request) error {
	if err := r.Only("filter", "cursor"); err != nil {
		return err
	}
	q := client.FleetQuery{Filter: strings.TrimSpace(r.URL.Query().Get("filter")), Cursor: r.URL.Query().Get("cursor"),
		PerPage: perPage, Soon: true}
	v := listView{Part: r.Fragmented(), Filter: q.Filter, Help: filter.Help, Form: frame.NewForm("filter", q.Filter),
		CSV:    "/devices/export?" + url.Values{"filter": {q.Filter}, "format": {"csv"}}.Encode(),
		NDJSON: "/devices/export?" + url.Values{"filter": {q.Filter}, "format": {"ndjson"}}.Encode(),
		Chip:   "/devices/chips?" + url.Values{"filter": {q.Filter}}.Encode(),
		Copy: commands(r, "plumb devices list --filter "+quote(q.Filter),
			"/plumbline/devices?"+url.Values{"filter": {q.Filter}}.Encode())}
	devices, next, err := r.API.Fleet(r.Context(), q)
	status := http.StatusOK
	if problem := rejected(err); problem != "" {
		v.Problem, status = problem, http.StatusUnprocessableEntity
		v.Form.Fail("filter", problem)
	} else if err != nil {
		return err
	}
	for n := range devices {
		v.Rows = append(v.Rows, newRow(&devices[n].Value))
	}
	if q.Cursor != "" {
		v.First = listPath(q.Filter)
	}
	if next != "" {
		v.Next = "/devices?" + url.Values{"filter": {q.Filter}, "cursor": {next}}.Encode()
	}
	return r.Page(frame.Page{Title: "Devices", Nav: "/devices", Set: set, Name: "list", Data: v, Status: status})
}

// rejected returns why the API rejected a filter, or "".
func rejected(err error) string {
	e, ok := errors.AsType[*client.Error](err)
	if !ok || e.Status != http.StatusBadRequest {
		return ""
	}
	_, text, found := strings.Cut(e.Message, ": ")
	if !found {
		return e.Message
	}
	return text
}

// export streams the list as a file.
func export(r *frame.Request) error {
	if err := r.Only("filter", "format"); err != nil {
		return err
	}
	format := r.URL.Query().Get("format")
	kind := map[string]string{"csv": "text/csv; charset=utf-8", "ndjson": "application/x-ndjson"}[format]
	if kind == "" {
		return &frame.Problem{Status: http.StatusBadRequest, Title: "Unknown format", Text: "Use csv or ndjson."}
	}
	return r.API.ExportFleet(r.Context(), r.URL.Query().Get("filter"), format, &download{r: r, kind: kind,
		name: "devices." + format})
}

// download sends the headers of a file with its first bytes, so that an error before them is shown as a page.
type download struct {
	r          *frame.Request
	kind, name string
	begun      bool
}

func (d *download) Write(b []byte) (int, error) {
	if !d.begun {
		d.begun = true
		d.r.W.Header().Set("Content-Type", d.kind)
		d.r.W.Header().Set("Content-Disposition", `attachment; filename="`+d.name+`"`)
	}
	return d.r.W.Write(b)
}
