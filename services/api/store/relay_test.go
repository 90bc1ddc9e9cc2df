package store_test

import (
	"fmt"
	"net/http"
	"testing"

	"plumbline.dev/bus"
	"plumbline.dev/bus/bustest"
	"plumbline.dev/bus/topology"
	"plumbline.dev/proto"
	"plumbline.dev/services/api/apitest"
	"plumbline.dev/services/api/store"
	"plumbline.dev/services/api/v4"
)

// TestChangesWithoutTheAuditLog checks that changes are made while the audit log is unavailable, and recorded in order
// when it is back.
func TestChangesWithoutTheAuditLog(t *testing.T) {
	t.Parallel()
	f := apitest.Start(t)
	back := f.RemoveAuditLog()
	for _, name := range []string{"a", "b", "c"} {
		f.Want(201, "POST", "/access/tags", map[string]any{"name": name})
	}
	f.WantError(503, v4.CodeUnavailable, "GET", "/audit_logs", nil)
	back()
	bustest.Eventually(t, "all are recorded", func() bool {
		f.Clock.Advance(2 * store.RelayRetry)
		return len(f.PublishedEvents()) == 3
	})
	for n, e := range f.Events() {
		if e.Name != string(rune('a'+n)) {
			t.Errorf("event %d is of %s", n, e.Name)
		}
	}
}

// TestAnotherReplicaPublishesEvents checks that a replica publishes the events of another one after its end.
func TestAnotherReplicaPublishesEvents(t *testing.T) {
	t.Parallel()
	f := apitest.Start(t)
	back := f.RemoveAuditLog()
	f.Want(201, "POST", "/access/tags", map[string]any{"name": "a"})
	f.Want(201, "POST", "/access/service_tokens", map[string]any{"name": "a"})
	f.Stop()
	back()
	if n := len(f.PublishedEvents()); n != 0 {
		t.Fatalf("%d events", n)
	}
	f.Replica()
	bustest.Eventually(t, "both are recorded", func() bool {
		f.Clock.Advance(2 * store.RelayRetry)
		return len(f.PublishedEvents()) == 2
	})
}

// TestEventsAreStoredWithTheChange checks that the outbox has the events of each change, whenever the process ends.
func TestEventsAreStoredWithTheChange(t *testing.T) {
	t.Parallel()
	f := apitest.Start(t)
	stored := map[string]int{}
	for _, bucket := range []string{topology.Config, topology.Tokens} {
		if err := f.Conn.JetStream().DeleteConsumer(t.Context(), topology.BucketStream(bucket),
			topology.ConsumerAudit); err != nil {
			t.Fatal(err)
		}
	}
	app := f.Want(201, "POST", "/access/apps", map[string]any{"name": "a", "domain": "a.example.com", "policies": []any{
		map[string]any{"name": "own", "decision": "bypass", "include": []any{apitest.Everyone()}}}})
	key := "/tokens/" + apitest.Text(f.Want(200, "POST", "/tokens", f.TokenBody("a", apitest.ReadApps)), "id")
	if r := f.Do("PUT", key+"/value", nil); r.Status != 200 {
		t.Fatal(r)
	}
	f.Want(202, "DELETE", "/access/apps/"+apitest.Text(app, "id"), nil)
	for _, bucket := range []string{topology.Config, topology.Tokens} {
		stream := topology.BucketStream(bucket)
		at, err := f.Conn.Position(t.Context(), stream)
		if err == nil {
			err = f.Conn.Range(t.Context(), stream, "outbox.>", 1, at.Last, func(m *bus.Msg) error {
				var body proto.AuditOutbox
				if err := m.Decode(&body); err != nil {
					return err
				}
				for _, e := range body.Events {
					stored[e.Action+" "+e.Kind]++
				}
				return nil
			})
		}
		if err != nil {
			t.Fatal(err)
		}
	}
	for _, what := range []string{"create app", "create policy", "create api_token", "roll api_token", "delete policy",
		"delete app"} {
		if stored[what] == 0 {
			t.Errorf("the outbox has no event of %q: %v", what, stored)
		}
	}
}

// TestLimitOfWaitingEvents checks that changes are rejected while too many events wait for the audit log.
func TestLimitOfWaitingEvents(t *testing.T) {
	t.Parallel()
	f := apitest.Start(t)
	back := f.RemoveAuditLog()
	f.Want(201, "POST", "/access/tags", map[string]any{"name": "first"})
	var waiting []bus.Outgoing
	for range store.MaxWaiting {
		e := &proto.AuditEvent{ID: proto.NewID(), Action: store.ActionCreate, Kind: string(topology.KindTag)}
		waiting = append(waiting, store.OutboxMessages(f.Account, topology.Config, []*proto.AuditEvent{e})...)
	}
	for _, err := range f.Conn.PublishAll(t.Context(), waiting) {
		if err != nil {
			t.Fatal(err)
		}
	}
	bustest.Eventually(t, "the waiting events are counted", func() bool {
		f.Clock.Advance(store.RelayLook)
		return f.Metric("plumbline_api_audit_owed") > store.MaxWaiting
	})
	created := 0
	create := func() int {
		created++
		return f.Do("POST", "/access/tags", map[string]any{"name": fmt.Sprint(created)}).Status
	}
	bustest.Eventually(t, "changes are rejected", func() bool { return create() == http.StatusServiceUnavailable })
	f.WantError(503, v4.CodeUnavailable, "POST", "/access/tags", map[string]any{"name": "a"})
	f.WantError(503, v4.CodeUnavailable, "POST", "/access/service_tokens", map[string]any{"name": "a"})
	if r := f.Do("POST", "/access/tags", map[string]any{"name": "a"}); r.Header.Get("X-Should-Retry") != "true" {
		t.Errorf("a client is not told that nothing was written: %v", r.Header)
	}
	f.Want(200, "GET", "/access/tags", nil)
	back()
	bustest.Eventually(t, "changes are made again", func() bool {
		f.Clock.Advance(2 * store.RelayRetry)
		return create() == http.StatusCreated
	})
}

func TestWaitingEventsAreCounted(t *testing.T) {
	t.Parallel()
	f := apitest.Start(t)
	back := f.RemoveAuditLog()
	for _, name := range []string{"a", "b", "c"} {
		f.Want(201, "POST", "/access/tags", map[string]any{"name": name})
	}
	waiting := func(n float64) func() bool {
		return func() bool {
			f.Clock.Advance(store.RelayLook)
			return f.Metric("plumbline_api_audit_owed") == n
		}
	}
	bustest.Eventually(t, "three events wait", waiting(3))
	back()
	bustest.Eventually(t, "no event waits", waiting(0))
}
