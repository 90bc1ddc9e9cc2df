package api

import (
	"fmt"
	"slices"
	"strings"
	"sync"
	"testing"
	"time"

	"github.com/nats-io/nats.go"
	"plumbline.dev/bus/bustest"
	"plumbline.dev/bus/topology"
	"plumbline.dev/proto"
	"plumbline.dev/services/api/store"
	"plumbline.dev/services/api/v4"
)

// wiretap counts the messages that anyone publishes, by kind of subject.
type wiretap struct {
	mu    sync.Mutex
	count map[string]int
}

func (y *system) wiretap() *wiretap {
	y.t.Helper()
	w := &wiretap{count: map[string]int{}}
	sub, err := y.conn.NATS().Subscribe(">", func(m *nats.Msg) {
		w.mu.Lock()
		defer w.mu.Unlock()
		w.count[kindOfSubject(m.Subject)]++
	})
	if err == nil {
		err = y.conn.NATS().Flush()
	}
	if err != nil {
		y.t.Fatal(err)
	}
	y.t.Cleanup(func() { _ = sub.Unsubscribe() })
	return w
}

// kindOfSubject shortens a subject to what it is for.
func kindOfSubject(subject string) string {
	parts := strings.Split(subject, ".")
	switch parts[0] {
	case "$JS":
		return strings.Join(parts[:min(len(parts), 5)], ".")
	case "_INBOX", "bell":
		return parts[0]
	}
	return strings.Join(parts[:min(len(parts), 2)], ".")
}

func (w *wiretap) reset() {
	w.mu.Lock()
	defer w.mu.Unlock()
	clear(w.count)
}

func (w *wiretap) of(kind string) int {
	w.mu.Lock()
	defer w.mu.Unlock()
	return w.count[kind]
}

func (w *wiretap) String() string {
	w.mu.Lock()
	defer w.mu.Unlock()
	var b strings.Builder
	for _, k := range v4.SortedKeys(w.count) {
		fmt.Fprintf(&b, "%6d %s\n", w.count[k], k)
	}
	return b.String()
}

// The event of a change is published by the relay and by nobody else, and each question is asked no more often than
// the write needs its answer.
func TestAnEventIsPublishedOnce(t *testing.T) {
	y := start(t)
	second := y.replica()
	w, audit := y.wiretap(), "audit."+y.account.String()
	for n := range 20 {
		y.want(201, "POST", "/access/tags", map[string]any{"name": fmt.Sprint("t", n)})
		if n == 10 {
			y.handler = second.handler
		}
	}
	x, err := y.api.store.BeginAction(t.Context(), y.account, store.Change{Action: "revoke", Kind: "device"})
	if err != nil {
		t.Fatal(err)
	}
	x.End(t.Context(), store.Change{Action: "revoke", Kind: "device", ID: "1"}, store.Change{Action: "revoke", Kind: "device", ID: "2"})
	if n := len(y.trailOf(y.account)); n != 22 {
		t.Fatalf("%d events", n)
	}
	bustest.Eventually(t, "nothing is in the outbox", func() bool {
		subjects, err := y.conn.Subjects(t.Context(), topology.AuditOutbox, ">")
		return err == nil && len(subjects) == 0
	})
	bustest.Eventually(t, "all are seen", func() bool { return w.of(audit) >= 22 })
	if n := w.of(audit); n != 22 {
		t.Errorf("22 events were published %d times:\n%s", n, w)
	}
}

// A reader of the audit log learns that it lacks changes, and does not wait for a log that cannot be written.
func TestTheAuditLogSaysThatChangesAreMissing(t *testing.T) {
	y := start(t)
	y.want(201, "POST", "/access/tags", map[string]any{"name": "a"})
	y.trailOf(y.account)
	for _, paths := range []string{"/audit_logs", "/logs/audit?since=2020-01-01T00:00:00Z&before=2200-01-01T00:00:00Z"} {
		if r := y.do("GET", paths, nil); r.says(v4.CodeNotYetRelayed) != "" {
			t.Errorf("%s: %v", paths, r.Messages)
		}
	}
	y.api.store.Relay.Lagging[topology.BucketStream(topology.Config)].Store(true)
	for _, paths := range []string{"/audit_logs", "/logs/audit?since=2020-01-01T00:00:00Z&before=2200-01-01T00:00:00Z"} {
		if r := y.do("GET", paths, nil); r.Status != 200 || !strings.Contains(r.says(v4.CodeNotYetRelayed), "are not in the audit log yet") {
			t.Errorf("%s: %d %v", paths, r.Status, r.Messages)
		}
	}
}

// An outbox message that only a newer replica can read holds nothing up, and waits for that replica.
func TestAnOutboxMessageOfANewerVersionHoldsNothingUp(t *testing.T) {
	y := start(t)
	event := proto.NewID()
	newer := &nats.Msg{Subject: topology.Outbox(topology.Config, y.account, event), Data: []byte("from the future"),
		Header: nats.Header{proto.HeaderSchema: {"audit_outbox.99"}}}
	if schema := new(proto.AuditOutbox).Schema(); schema.Name != "audit_outbox" {
		t.Fatalf("the schema is %s", schema)
	}
	if _, err := y.conn.JetStream().PublishMsg(t.Context(), newer); err != nil {
		t.Fatal(err)
	}
	y.want(201, "POST", "/access/tags", map[string]any{"name": "a"})
	bustest.Eventually(t, "the change after it is recorded", func() bool { return len(y.relayed(y.account)) == 1 })
	parked, err := y.conn.LeaderLast(t.Context(), topology.AuditOutbox, topology.ActionOutbox(y.account, event))
	if err != nil || string(parked.Data) != "from the future" || parked.Header.Get(proto.HeaderSchema) != "audit_outbox.99" {
		t.Errorf("kept: %+v, %v", parked, err)
	}
}

// BenchmarkWrite measures writes one after another: the time until the answer, and the messages of each.
func BenchmarkWrite(b *testing.B) {
	y := start(b)
	app := text(y.want(201, "POST", "/access/apps", map[string]any{"name": "a", "domain": "a.example.com"}), "id")
	policy := text(y.want(201, "POST", "/access/policies", policyBody("a", proto.NewID().String())), "id")
	for _, c := range []struct {
		name, method, path string
		status             int
		body               func(n int) any
	}{
		{"create an application", "POST", "/access/apps", 201, func(n int) any {
			return map[string]any{"name": fmt.Sprint("a", n), "domain": fmt.Sprintf("h%d-%d.example.com", b.N, n)}
		}},
		{"update an application", "PUT", "/access/apps/" + app, 200, func(n int) any {
			return map[string]any{"name": fmt.Sprint("a", n), "domain": "a.example.com"}
		}},
		{"create a policy", "POST", "/access/policies", 201, func(n int) any { return policyBody(fmt.Sprint("p", n), proto.NewID().String()) }},
		{"update a policy", "PUT", "/access/policies/" + policy, 200, func(n int) any { return policyBody(fmt.Sprint("p", n), proto.NewID().String()) }},
	} {
		b.Run(c.name, func(b *testing.B) {
			y.t = b
			w := y.wiretap()
			w.reset()
			var took []time.Duration
			for n := 0; b.Loop(); n++ {
				body := c.body(n)
				at := time.Now()
				y.want(c.status, c.method, c.path, body)
				took = append(took, time.Since(at))
			}
			bustest.Eventually(b, "everything is relayed", func() bool {
				return w.of("audit."+y.account.String()) >= len(took)
			})
			slices.Sort(took)
			b.ReportMetric(float64(took[len(took)/2].Microseconds())/1000, "ms-p50")
			b.ReportMetric(float64(took[len(took)*99/100].Microseconds())/1000, "ms-p99")
			b.Logf("%d writes:\n%s", len(took), w)
		})
	}
}
