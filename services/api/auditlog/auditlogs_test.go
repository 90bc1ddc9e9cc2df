package auditlog_test

import (
	"encoding/json"
	"fmt"
	"net/url"
	"slices"
	"strings"
	"testing"
	"time"

	"plumbline.dev/bus"
	"plumbline.dev/bus/topology"
	"plumbline.dev/proto"
	"plumbline.dev/services/api/apitest"
	"plumbline.dev/services/api/auditlog"
	"plumbline.dev/services/api/v4"
)

// storeEvents stores events, mixed with those of another account, and returns the ids of ours in order.
func storeEvents(f *apitest.Fixture, n int, change func(n int, e *proto.AuditEvent)) []string {
	f.T.Helper()
	other := proto.NewAccount()
	var ids []string
	var all []bus.Outgoing
	for i := range n {
		e := &proto.AuditEvent{ID: proto.NewID(), At: proto.At(f.Clock.Now().Add(time.Duration(i) * time.Second)),
			Action: "update", Kind: "app",
			Resource: "r", Name: fmt.Sprint(i), Actor: proto.Actor{Type: "token", ID: "t", IP: "192.0.2.1"},
			After: json.RawMessage(`{"name":"x"}`)}
		if change != nil {
			change(i, e)
		}
		ids = append(ids, e.ID.String())
		all = append(all, bus.Outgoing{Subject: topology.Audit(f.Account), Body: e})
		for range i % 3 {
			all = append(all, bus.Outgoing{Subject: topology.Audit(other), Body: &proto.AuditEvent{ID: proto.NewID()}})
		}
	}
	for _, err := range f.Conn.PublishAll(f.T.Context(), all) {
		if err != nil {
			f.T.Fatal(err)
		}
	}
	return ids
}

// readPage returns the ids of a page of the audit log.
func readPage(f *apitest.Fixture, query string) ([]string, map[string]any) {
	f.T.Helper()
	r := f.Do("GET", "/audit_logs?"+query, nil)
	var list []struct{ ID proto.ID }
	if err := json.Unmarshal(r.Result, &list); err != nil || r.Status != 200 {
		f.T.Fatalf("%s: %d %s, %v", query, r.Status, r.Body, err)
	}
	ids := []string{}
	for _, v := range list {
		ids = append(ids, v.ID.String())
	}
	return ids, r.ResultInfo
}

// TestPagesOfTheAuditLog checks that the pages contain each change once and in order, in both directions, among the
// changes of other accounts, and over more messages than one step backwards reads.
func TestPagesOfTheAuditLog(t *testing.T) {
	t.Parallel()
	f := apitest.Start(t)
	ids := storeEvents(f, 1500, nil)
	newest := slices.Clone(ids)
	slices.Reverse(newest)
	for query, want := range map[string][]string{"per_page=400": newest, "per_page=700&direction=asc": ids,
		"per_page=1000&direction=desc": newest} {
		got := []string{}
		for page := 1; ; page++ {
			some, info := readPage(f, query+fmt.Sprint("&page=", page))
			if len(some) == 0 {
				break
			}
			if got = append(got, some...); info["total_count"] != 1500. || info["page"] != float64(page) {
				t.Errorf("%s: %v", query, info)
			}
		}
		if !slices.Equal(got, want) {
			t.Errorf("%s: %d changes, or in another order", query, len(got))
		}
	}
	if got, info := readPage(f, ""); len(got) != auditlog.DefaultPerPage ||
		!slices.Equal(got, newest[:auditlog.DefaultPerPage]) ||
		info["total_pages"] != 15. {
		t.Errorf("a page: %d, %v", len(got), info)
	}
}

func TestFiltersOfTheAuditLog(t *testing.T) {
	t.Parallel()
	f := apitest.Start(t)
	f.Clock.Set(time.Now().Truncate(time.Second)) // the stream's clock is the server's
	begin := f.Clock.Now()
	ids := storeEvents(f, 300, func(n int, e *proto.AuditEvent) {
		if n%10 == 0 {
			e.Action, e.Actor = "delete", proto.Actor{Type: "key", Email: "a@example.com", IP: "10.1.2.3"}
		}
		if n%100 == 7 {
			e.Kind, e.Resource, e.Actor = "group", "g", proto.Actor{Type: "system", ID: "exchange"}
		}
	})
	at := func(n int) string {
		return url.QueryEscape(begin.Add(time.Duration(n) * time.Second).Format(time.RFC3339))
	}
	every := func(from, to, step int) (some []string) {
		for n := from; n < to; n += step {
			some = append(some, ids[n])
		}
		return some
	}
	for query, want := range map[string][]string{
		"per_page=300":                         ids,
		"id=" + ids[17]:                        {ids[17]},
		"action.type=delete":                   every(0, 300, 10),
		"actor.email=a@example.com":            every(0, 300, 10),
		"actor.ip=10.1.2.3":                    every(0, 300, 10),
		"actor.ip=10.0.0.0/8":                  every(0, 300, 10),
		"x_type=group":                         every(7, 300, 100),
		"x_resource=g&x_type=group":            every(7, 300, 100),
		"x_resource=g&x_type=app":              {},
		"actor.ip=10.9.0.0/16":                 {},
		"before=" + at(3):                      ids[:3],
		"since=" + at(297):                     ids[297:],
		"since=" + at(5) + "&before=" + at(8):  ids[5:8],
		"since=2099-01-01":                     {},
		"before=2001-01-01":                    {},
		"action.type=delete&per_page=2&page=3": {ids[240], ids[250]},
		"export=false&hide_user_logs=true&per_page=1&x_type=group": {ids[207]},
	} {
		got, info := readPage(f, query)
		slices.Reverse(got)
		if want == nil || !slices.Equal(got, want) {
			t.Errorf("%s: %d changes, want %d", query, len(got), len(want))
		}
		if _, told := info["total_count"]; told != (query == "per_page=300") {
			t.Errorf("%s: %v", query, info)
		}
	}
	for _, query := range []string{"page=0", "per_page=x", "since=soon", "before=1", "direction=up", "actor.ip=here",
		"zone.name=example.com", "export=true", "page=99999999"} {
		f.WantError(400, v4.CodeInvalid, "GET", "/audit_logs?"+query, nil)
	}
}

// TestLargeChanges checks that a list omits the values of a large change, and that the change is shown in full if it is
// requested by its id.
func TestLargeChanges(t *testing.T) {
	t.Parallel()
	f := apitest.Start(t)
	large := json.RawMessage(`{"x":"` + strings.Repeat("x", auditlog.MaxShown) + `"}`)
	ids := storeEvents(f, 3, func(n int, e *proto.AuditEvent) {
		if n == 1 {
			e.After = large
		}
	})
	list := f.Do("GET", "/audit_logs", nil)
	if len(list.Body) > auditlog.MaxShown || !strings.Contains(string(list.Body), `"x_large":true`) {
		t.Errorf("%d bytes", len(list.Body))
	}
	if alone := f.Do("GET", "/audit_logs?id="+ids[1], nil); !strings.Contains(string(alone.Result), `"newValueJson":`+
		string(large)) {
		t.Errorf("%d bytes", len(alone.Body))
	}
}

// TestOwnChangesAreListed checks that a client finds its newest change at every replica.
func TestOwnChangesAreListed(t *testing.T) {
	t.Parallel()
	f := apitest.Start(t)
	second := f.Replica()
	for n := range 20 {
		f.Handler = f.API.Handler()
		f.Want(201, "POST", "/access/tags", map[string]any{"name": fmt.Sprint("t", n)})
		f.Handler = second.Handler()
		r := f.Do("GET", "/audit_logs?per_page=1", nil)
		for ; r.Message(v4.CodeNotYetRelayed) != ""; r = f.Do("GET", "/audit_logs?per_page=1", nil) {
			t.Logf("change %d takes long, as the response says", n)
		}
		var newest []struct{ Metadata struct{ Name string } }
		if err := json.Unmarshal(r.Result, &newest); err != nil || len(newest) != 1 ||
			newest[0].Metadata.Name != fmt.Sprint("t", n) {
			t.Fatalf("after change %d: %+v, %v", n, newest, err)
		}
	}
}

// TestDuplicateEventsAreShownOnce checks that an event published twice, after all replicas were down, is shown
// once.
func TestDuplicateEventsAreShownOnce(t *testing.T) {
	t.Parallel()
	f := apitest.Start(t)
	for _, name := range []string{"a", "b", "c"} {
		f.Want(201, "POST", "/access/tags", map[string]any{"name": name})
	}
	for _, e := range f.Events() {
		if _, err := f.Conn.Publish(t.Context(), bus.Outgoing{Subject: topology.Audit(f.Account), Body: e}); err != nil {
			t.Fatal(err)
		}
	}
	for _, query := range []string{"", "?direction=asc", "?x_type=tag"} {
		if r := f.Do("GET", "/audit_logs"+query, nil); r.ResultInfo["count"] != 3.0 {
			t.Errorf("%s: %v", query, r.ResultInfo)
		}
	}
	for page, want := range []float64{2, 1, 0} {
		if r := f.Do("GET", fmt.Sprintf("/audit_logs?per_page=2&page=%d", page+1), nil); r.ResultInfo["count"] != want {
			t.Errorf("page %d: %v", page+1, r.ResultInfo)
		}
	}
}

// TestUnreadableEventsOfTheAuditLog checks that the response names the sequences of unreadable events.
func TestUnreadableEventsOfTheAuditLog(t *testing.T) {
	t.Parallel()
	f := apitest.Start(t)
	f.Want(201, "POST", "/access/tags", map[string]any{"name": "tag"})
	if _, err := f.Conn.JetStream().Publish(t.Context(), topology.Audit(f.Account), []byte("garbage")); err != nil {
		t.Fatal(err)
	}
	f.Want(201, "POST", "/access/tags", map[string]any{"name": "another"})
	for _, path := range []string{"/audit_logs", "/logs/audit?since=2020-01-01T00:00:00Z&before=2200-01-01T00:00:00Z"} {
		r := f.Do("GET", path, nil)
		if got := r.Message(v4.CodeUnreadable); r.Status != 200 ||
			!strings.Contains(got, "of the audit log cannot be read and is left out") ||
			strings.Count(string(r.Result), `"tag"`)+strings.Count(string(r.Result), `"another"`) < 2 {
			t.Errorf("%s: %d %q %s", path, r.Status, got, r.Result)
		}
	}
}
