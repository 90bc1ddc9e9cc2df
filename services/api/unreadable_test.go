package api

import (
	"strings"
	"testing"

	"plumbline.dev/bus/topology"
	"plumbline.dev/proto"
	"plumbline.dev/services/api/v4"
)

// Entries of the posture log that cannot be read are lines with their sequence, in their place: nothing is left out in
// silence, and what comes after them is there.
func TestUnreadableEntriesOfThePostureLog(t *testing.T) {
	f := fleet(t)
	f.evaluated(1, 80, proto.OutcomePass)
	other := f.page()
	other.Page = 7
	var at []any
	for _, subject := range []string{topology.Log(other), topology.LogOf(f.account)[:len(topology.LogOf(f.account))-1] + "no.page.of.ours"} {
		ack, err := f.conn.JetStream().Publish(t.Context(), subject, []byte("garbage"))
		if err != nil {
			t.Fatal(err)
		}
		at = append(at, float64(ack.Sequence))
	}
	f.evaluated(2, 90, proto.OutcomePass)
	all, end := f.lines("")
	same(t, "ticks", column(all, "x_tick"), []any{1.0, 1.0, nil, nil, 2.0, 2.0})
	same(t, "sequences", column(all, "x_sequence"), []any{nil, nil, at[0], at[1], nil, nil})
	for n := range all {
		if rest, last := f.lines("?cursor=" + text(all[n], "x_cursor")); len(rest) != len(all)-1-n || last != end {
			t.Errorf("after line %d: %d lines, cursor %s and not %s", n, len(rest), last, end)
		}
	}
	if other, _ := f.lines("?integration=" + f.integration.String()); len(other) != 5 {
		t.Errorf("of the integration: %v", other)
	}
}

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
