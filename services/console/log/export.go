package log

import (
	"encoding/csv"
	"net/http"
	"net/url"
	"strings"

	"plumbline.dev/services/console/frame"
	"plumbline.dev/services/plumb/client"
)

// exportPage is the number of lines of one request to the API.
const exportPage = "500"

// export sends every line that the filters select, the newest first, as NDJSON or CSV. It reads the API page by page,
// as fast as the browser takes the lines. If the API fails, the download fails too: a file is never silently
// incomplete.
func export(r *frame.Request, k *kind) error {
	if err := k.only(r, "format", "tail"); err != nil {
		return err
	}
	format := r.URL.Query().Get("format")
	if format != "csv" && format != "ndjson" {
		return &frame.Problem{Status: http.StatusBadRequest, Title: "Unknown format",
			Text: "A log is exported as csv or ndjson."}
	}
	q := k.apiQuery(r.URL.Query())
	q.Set("limit", exportPage)
	page, err := r.API.LogPage(r.Context(), k.log, q)
	if err != nil {
		return err
	}
	h := r.W.Header()
	h.Set("Content-Disposition", `attachment; filename="`+k.Name+"-"+r.Now.UTC().Format("20060102-150405")+"."+format+`"`)
	h.Set("Content-Type", map[string]string{"csv": "text/csv; charset=utf-8", "ndjson": "application/x-ndjson"}[format])
	out := newWriter(r.W, k, format)
	for {
		if err := out.lines(page.Lines); err != nil {
			return nil // the browser has left
		}
		if page.Cursor == "" {
			return nil
		}
		next := url.Values{}
		for name, values := range q {
			next[name] = values
		}
		next.Set("cursor", page.Cursor)
		if page, err = r.API.LogPage(r.Context(), k.log, next); err != nil {
			panic(http.ErrAbortHandler)
		}
	}
}

// writer writes lines of a log to a file.
type writer struct {
	w    http.ResponseWriter
	csv  *csv.Writer // nil: NDJSON
	kind *kind
	err  error
}

func newWriter(w http.ResponseWriter, k *kind, format string) *writer {
	out := &writer{w: w, kind: k}
	if format == "csv" {
		out.csv = csv.NewWriter(w)
		out.err = out.csv.Write(k.exported)
	}
	return out
}

func (o *writer) lines(all []client.LogLine) error {
	for _, l := range all {
		if o.err != nil {
			return o.err
		}
		if o.csv == nil {
			_, o.err = o.w.Write(append(l.Raw, '\n'))
			continue
		}
		cells := make([]string, len(o.kind.exported))
		for n, member := range o.kind.exported {
			cells[n] = harmless(line{l}.text(member))
		}
		o.err = o.csv.Write(cells)
	}
	if o.csv != nil {
		o.csv.Flush()
		return o.csv.Error()
	}
	return o.err
}

// harmless returns a text that a spreadsheet does not take for a formula.
func harmless(text string) string {
	if text != "" && strings.ContainsAny(text[:1], "=+-@\t\r") {
		return "'" + text
	}
	return text
}
