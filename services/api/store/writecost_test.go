package store_test

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
	"plumbline.dev/services/api/apitest"
	"plumbline.dev/services/api/store"
	"plumbline.dev/services/api/v4"
)

// wiretap counts published messages by kind of subject.
type wiretap struct {
	mu    sync.Mutex
	count map[string]int
}

// newWiretap returns a wiretap of the fixture's bus.
func newWiretap(f *apitest.Fixture) *wiretap {
	f.T.Helper()
	w := &wiretap{count: map[string]int{}}
	sub, err := f.Conn.NATS().Subscribe(">", func(m *nats.Msg) {
		w.mu.Lock()
		defer w.mu.Unlock()
		w.count[kindOfSubject(m.Subject)]++
	})
	if err == nil {
		err = f.Conn.NATS().Flush()
	}
	if err != nil {
		f.T.Fatal(err)
	}
	f.T.Cleanup(func() { _ = sub.Unsubscribe() })
	return w
}

// kindOfSubject shortens a subject to its purpose.
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

// TestEventsArePublishedOnce checks that only the relay publishes the event of a change.
func TestEventsArePublishedOnce(t *testing.T) {
	t.Parallel()
	f := apitest.Start(t)
	second := f.Replica()
	w, audit := newWiretap(f), "audit."+f.Account.String()
	for n := range 20 {
		f.Want(201, "POST", "/access/tags", map[string]any{"name": fmt.Sprint("t", n)})
		if n == 10 {
			f.Handler = second.Handler()
		}
	}
	x, err := newStore(t, f).BeginAction(t.Context(), f.Account, store.Change{Action: "revoke", Kind: "device"})
	if err != nil {
		t.Fatal(err)
	}
	x.End(t.Context(), store.Change{Action: "revoke", Kind: "device", ID: "1"},
		store.Change{Action: "revoke", Kind: "device", ID: "2"})
	if n := len(f.Events()); n != 22 {
		t.Fatalf("%d events", n)
	}
	bustest.Eventually(t, "nothing is in the outbox", func() bool {
		subjects, err := f.Conn.Subjects(t.Context(), topology.AuditOutbox, ">")
		return err == nil && len(subjects) == 0
	})
	bustest.Eventually(t, "all are seen", func() bool { return w.of(audit) >= 22 })
	if n := w.of(audit); n != 22 {
		t.Errorf("22 events were published %d times:\n%s", n, w)
	}
}

// TestUnpublishedChangesAreNamed checks that the response about the audit log says if changes are missing.
func TestUnpublishedChangesAreNamed(t *testing.T) {
	t.Parallel()
	f := apitest.Start(t)
	f.Want(201, "POST", "/access/tags", map[string]any{"name": "a"})
	f.Events()
	for _, paths := range []string{"/audit_logs", "/logs/audit?since=2020-01-01T00:00:00Z&before=2200-01-01T00:00:00Z"} {
		if r := f.Do("GET", paths, nil); r.Message(v4.CodeNotYetRelayed) != "" {
			t.Errorf("%s: %v", paths, r.Messages)
		}
	}
	// The relay does not publish the events of changes while its consumer is missing.
	config := topology.BucketStream(topology.Config)
	if err := f.Conn.JetStream().DeleteConsumer(t.Context(), config, topology.ConsumerAudit); err != nil {
		t.Fatal(err)
	}
	f.Want(201, "POST", "/access/tags", map[string]any{"name": "b"})
	for _, paths := range []string{"/audit_logs", "/logs/audit?since=2020-01-01T00:00:00Z&before=2200-01-01T00:00:00Z"} {
		if r := f.Do("GET", paths, nil); r.Status != 200 ||
			!strings.Contains(r.Message(v4.CodeNotYetRelayed), "are not in the audit log yet") {
			t.Errorf("%s: %d %v", paths, r.Status, r.Messages)
		}
	}
}

// TestOutboxMessageOfANewerVersion checks that a message that only a newer replica can read does not block later ones,
// and waits for that replica.
func TestOutboxMessageOfANewerVersion(t *testing.T) {
	t.Parallel()
	f := apitest.Start(t)
	event := proto.NewID()
	newer := &nats.Msg{Subject: topology.Outbox(topology.Config, f.Account, event), Data: []byte("from the future"),
		Header: nats.Header{proto.HeaderSchema: {"audit_outbox.99"}}}
	if schema := new(proto.AuditOutbox).Schema(); schema.Name != "audit_outbox" {
		t.Fatalf("the schema is %s", schema)
	}
	if _, err := f.Conn.JetStream().PublishMsg(t.Context(), newer); err != nil {
		t.Fatal(err)
	}
	f.Want(201, "POST", "/access/tags", map[string]any{"name": "a"})
	bustest.Eventually(t, "the change after it is recorded", func() bool { return len(f.PublishedEvents()) == 1 })
	parked, err := f.Conn.LeaderLast(t.Context(), topology.AuditOutbox, topology.ActionOutbox(f.Account, event))
	if err != nil || string(parked.Data) != "from the future" ||
		parked.Header.Get(proto.HeaderSchema) != "audit_outbox.99" {
		t.Errorf("kept: %+v, %v", parked, err)
	}
}

// BenchmarkWrite measures writes one after another: the time until the response, and the messages of each.
func BenchmarkWrite(b *testing.B) {
	f := apitest.Start(b)
	app := apitest.Text(f.Want(201, "POST", "/access/apps", map[string]any{"name": "a", "domain": "a.example.com"}), "id")
	policy := apitest.Text(f.Want(201, "POST", "/access/policies", apitest.PolicyBody("a", proto.NewID().String())), "id")
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
		{"create a policy", "POST", "/access/policies", 201,
			func(n int) any { return apitest.PolicyBody(fmt.Sprint("p", n), proto.NewID().String()) }},
		{"update a policy", "PUT", "/access/policies/" + policy, 200,
			func(n int) any { return apitest.PolicyBody(fmt.Sprint("p", n), proto.NewID().String()) }},
	} {
		b.Run(c.name, func(b *testing.B) {
			f := f.In(b)
			w := newWiretap(f)
			w.reset()
			var took []time.Duration
			for n := 0; b.Loop(); n++ {
				body := c.body(n)
				at := time.Now()
				f.Want(c.status, c.method, c.path, body)
				took = append(took, time.Since(at))
			}
			bustest.Eventually(b, "everything is relayed", func() bool {
				return w.of("audit."+f.Account.String()) >= len(took)
			})
			slices.Sort(took)
			b.ReportMetric(float64(took[len(took)/2].Microseconds())/1000, "ms-p50")
			b.ReportMetric(float64(took[len(took)*99/100].Microseconds())/1000, "ms-p99")
			b.Logf("%d writes:\n%s", len(took), w)
		})
	}
}
