package api

import (
	"strings"
	"testing"

	"plumbline.dev/bus/topology"
	"plumbline.dev/services/api/v4"
)

// The audit log names the sequences of the events that it cannot show.
func TestUnreadableEventsOfTheAuditLog(t *testing.T) {
	y := start(t)
	y.want(201, "POST", "/access/tags", map[string]any{"name": "tag"})
	if _, err := y.conn.JetStream().Publish(t.Context(), topology.Audit(y.account), []byte("garbage")); err != nil {
		t.Fatal(err)
	}
	y.want(201, "POST", "/access/tags", map[string]any{"name": "another"})
	for _, path := range []string{"/audit_logs", "/logs/audit?since=2020-01-01T00:00:00Z&before=2200-01-01T00:00:00Z"} {
		r := y.do("GET", path, nil)
		if got := r.says(v4.CodeUnreadable); r.Status != 200 || !strings.Contains(got, "of the audit log cannot be read and is left out") ||
			strings.Count(string(r.Result), `"tag"`)+strings.Count(string(r.Result), `"another"`) < 2 {
			t.Errorf("%s: %d %q %s", path, r.Status, got, r.Result)
		}
	}
}
