package auditlog

import (
	"net/url"
	"testing"

	"plumbline.dev/proto"
	"plumbline.dev/services/api/v4"
)

// Any query of the audit log is rejected or returns a valid page.
func FuzzAuditQueries(f *testing.F) {
	for _, q := range []string{"", "page=2&per_page=10&direction=asc", "since=2026-01-02&before=2026-01-03T00:00:00Z",
		"actor.ip=10.0.0.0/8", "actor.ip=::1&id=x&action.type=delete", "page=0", "since=0001-01-01"} {
		f.Add(q)
	}
	e := &proto.AuditEvent{Actor: proto.Actor{IP: "10.0.0.1"}}
	f.Fuzz(func(t *testing.T, raw string) {
		values, err := url.ParseQuery(raw)
		if err != nil {
			return
		}
		q, err := readQuery(values)
		if err != nil {
			if v4.AsError(err).Status != 400 {
				t.Fatalf("%q: %v", raw, err)
			}
			return
		}
		if q.page < 1 || q.perPage < 1 || q.perPage > v4.MaxPerPage || (q.page-1)*q.perPage < 0 {
			t.Fatalf("%q asks for %+v", raw, q)
		}
		if !q.filters() && !q.wants(e) {
			t.Fatalf("%q asks for everything and not for %+v", raw, e)
		}
	})
}
