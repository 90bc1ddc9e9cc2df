package fleet

import (
	"bytes"
	"context"
	"encoding/csv"
	"net/http"
	"strconv"
	"strings"
	"time"

	"plumbline.dev/proto"
	"plumbline.dev/services/api/v4"
)

// export streams the devices that a filter selects, as CSV or as one JSON object per line.
func (s *API) export(w http.ResponseWriter, c *v4.Call) error {
	v := c.URL.Query()
	format := v.Get("format")
	kinds := map[string]string{"csv": "text/csv; charset=utf-8", "ndjson": "application/x-ndjson"}
	if kinds[format] == "" {
		return v4.Invalid("format must be csv or ndjson")
	}
	ctx, out, done, err := s.Streams.Begin(w, c)
	if err != nil {
		return err
	}
	defer done()
	scan, err := s.scanFor(ctx, c.Account, v.Get("filter"), true)
	if err != nil {
		return err
	}
	// The permission is given back before the client gets anything: it may read for hours.
	scan.acquire = func(ctx context.Context) (func(), error) { return s.Store.AcquireScan(ctx, c.Account) }
	w.Header().Set("Content-Type", kinds[format])
	w.Header().Set("Content-Disposition", `attachment; filename="devices.`+format+`"`)
	checks := s.checks(c.Account)
	if format == "csv" {
		out.Text(csvLine(header(checks)))
	}
	err = scan.run(ctx, 0, func(p *selected) error {
		if p.rows.Count() == 0 {
			return nil
		}
		devices, err := s.devices(ctx, c.Account, p.number)
		if err != nil {
			return err
		}
		for row := range p.page.IDs {
			d := devices[p.page.IDs[row]]
			if !p.rows.Has(row) || d == nil {
				continue
			}
			view := scan.row(&foundRow{p.number, p.page, row}, d, checks)
			if format == "csv" {
				out.Text(csvLine(record(&view)))
			} else {
				out.Line(view)
			}
		}
		return out.Flush()
	})
	if err == nil {
		err = out.Flush()
	}
	if err == nil && !out.Sent {
		w.WriteHeader(http.StatusOK)
	}
	return out.Cut(err)
}

func header(checks []*proto.Check) []string {
	all := []string{"device_id", "hostname", "email", "serial_number", "mac_address", "virtual_ipv4", "enrolled_at",
		"updated_at", "revoked_at", "score", "scored_at"}
	for _, c := range checks {
		all = append(all, "check: "+c.Name)
	}
	return all
}

func record(v *listedDevice) []string {
	score, revoked := "", ""
	if v.Score != nil {
		score = strconv.Itoa(*v.Score)
	}
	if v.RevokedAt != nil {
		revoked = moment(*v.RevokedAt)
	}
	all := []string{v.ID.String(), v.Hostname, v.Email, v.Serial, v.MAC, v.IPv4, moment(v.EnrolledAt), moment(v.UpdatedAt),
		revoked, score, moment(v.ScoredAt)}
	for _, c := range v.Checks {
		text := c.Outcome.String()
		if c.Enforced != "" {
			text += " (" + c.Enforced + ")"
		}
		all = append(all, text)
	}
	return all
}

func moment(t v4.Timestamp) string {
	if t == 0 {
		return ""
	}
	return proto.Millis(t).Time().UTC().Format(time.RFC3339)
}

// csvLine returns a line of CSV. A value that a spreadsheet would run as a formula gets an apostrophe before it.
func csvLine(values []string) string {
	for n, v := range values {
		if v != "" && strings.ContainsRune("=+-@\t\r", rune(v[0])) {
			values[n] = "'" + v
		}
	}
	var b bytes.Buffer
	w := csv.NewWriter(&b)
	_ = w.Write(values) // into memory
	w.Flush()
	return b.String()
}
