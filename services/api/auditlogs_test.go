package api

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
	"plumbline.dev/services/api/auditlog"
	"plumbline.dev/services/api/v4"
)

// recorded stores events, those of another account between them, and gives the ids of ours in their order.
func (y *system) recorded(n int, change func(n int, e *proto.AuditEvent)) []string {
	y.t.Helper()
	other := proto.NewAccount()
	var ids []string
	var all []bus.Outgoing
	for i := range n {
		e := &proto.AuditEvent{ID: proto.NewID(), At: proto.At(y.clock.Now().Add(time.Duration(i) * time.Second)), Action: "update", Kind: "app",
			Resource: "r", Name: fmt.Sprint(i), Actor: proto.Actor{Type: "token", ID: "t", IP: "192.0.2.1"}, After: json.RawMessage(`{"name":"x"}`)}
		if change != nil {
			change(i, e)
		}
		ids = append(ids, e.ID.String())
		all = append(all, bus.Outgoing{Subject: topology.Audit(y.account), Body: e})
		for range i % 3 {
			all = append(all, bus.Outgoing{Subject: topology.Audit(other), Body: &proto.AuditEvent{ID: proto.NewID()}})
		}
	}
	for _, err := range y.conn.PublishAll(y.t.Context(), all) {
		if err != nil {
			y.t.Fatal(err)
		}
	}
	return ids
}

// audit reads a page and gives its ids.
func (y *system) audit(query string) ([]string, map[string]any) {
	y.t.Helper()
	r := y.do("GET", "/audit_logs?"+query, nil)
	var list []struct{ ID proto.ID }
	if err := json.Unmarshal(r.Result, &list); err != nil || r.Status != 200 {
		y.t.Fatalf("%s: %d %s, %v", query, r.Status, r.Body, err)
	}
	ids := []string{}
	for _, v := range list {
		ids = append(ids, v.ID.String())
	}
	return ids, r.ResultInfo
}

// The pages of the log, put together, are the log: each change once, in order, in either direction, although the
// stream has other accounts' changes between ours, and more than one step back can hold.
func TestTheAuditLogIsPaged(t *testing.T) {
	y := start(t)
	ids := y.recorded(1500, nil)
	newest := slices.Clone(ids)
	slices.Reverse(newest)
	for query, want := range map[string][]string{"per_page=400": newest, "per_page=700&direction=asc": ids, "per_page=1000&direction=desc": newest} {
		got := []string{}
		for page := 1; ; page++ {
			some, info := y.audit(query + fmt.Sprint("&page=", page))
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
	if got, info := y.audit(""); len(got) != auditlog.PerPage || !slices.Equal(got, newest[:auditlog.PerPage]) || info["total_pages"] != 15. {
		t.Errorf("a page: %d, %v", len(got), info)
	}
}

func TestTheAuditLogIsFiltered(t *testing.T) {
	y := start(t)
	y.clock.Set(time.Now().Truncate(time.Second)) // the stream's clock is the server's
	begin := y.clock.Now()
	ids := y.recorded(300, func(n int, e *proto.AuditEvent) {
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
		got, info := y.audit(query)
		slices.Reverse(got)
		if want == nil || !slices.Equal(got, want) {
			t.Errorf("%s: %d changes, wanted %d", query, len(got), len(want))
		}
		if _, told := info["total_count"]; told != (query == "per_page=300") {
			t.Errorf("%s: %v", query, info)
		}
	}
	for _, query := range []string{"page=0", "per_page=x", "since=soon", "before=1", "direction=up", "actor.ip=here", "zone.name=example.com", "export=true", "page=99999999"} {
		y.refused(400, v4.CodeInvalid, "GET", "/audit_logs?"+query, nil)
	}
}

// The newer log has the same changes; its parts, put together, are the log, in either direction.
func TestTheNewerAuditLog(t *testing.T) {
	y := start(t)
	y.clock.Set(time.Now().Truncate(time.Second)) // the stream's clock is the server's
	begin := y.clock.Now()
	ids := y.recorded(50, func(n int, e *proto.AuditEvent) {
		switch {
		case n%10 == 0:
			e.Action, e.Actor = "delete", proto.Actor{Type: "key", ID: "k", Name: "a key", Email: "a@example.com", IP: "10.1.2.3"}
		case n%10 == 7:
			e.Kind, e.Resource, e.Actor = "group", "g", proto.Actor{Type: "system", ID: "exchange"}
		}
	})
	walk := func(query string) (got []string, all []map[string]any) {
		t.Helper()
		for cursor, parts := "", 0; parts == 0 || cursor != ""; parts++ {
			r := y.do("GET", "/logs/audit?"+query+"&cursor="+cursor, nil)
			var some []map[string]any
			if err := json.Unmarshal(r.Result, &some); err != nil || r.Status != 200 || parts > 50 {
				t.Fatalf("%s: %d %s", query, r.Status, r.Body)
			}
			for _, record := range some {
				got = append(got, text(record, "id"))
			}
			all = append(all, some...)
			cursor = text(r.ResultInfo["cursors"].(map[string]any), "after")
		}
		return got, all
	}
	newest := slices.Clone(ids)
	slices.Reverse(newest)
	period := "since=" + url.QueryEscape(begin.Format(time.RFC3339)) + "&before=" + url.QueryEscape(begin.Add(time.Hour).Format(time.RFC3339))
	for query, want := range map[string][]string{
		"limit=7":                                   newest,
		"limit=25&direction=asc":                    ids,
		"limit=50":                                  newest,
		period + "&limit=1000":                      newest,
		"action_type=delete&limit=2":                {ids[40], ids[30], ids[20], ids[10], ids[0]},
		"actor_type=system&limit=2":                 {ids[47], ids[37], ids[27], ids[17], ids[7]},
		"actor_type=system&resource_type.not=group": {},
		"id=" + ids[3] + "&id=" + ids[9]:            {ids[9], ids[3]},
		"action_type.not=update&actor_context=api_key&direction=asc&limit=4": {ids[0], ids[10], ids[20], ids[30], ids[40]},
	} {
		if got, _ := walk(query); len(got) != len(want) || len(want) > 0 && !slices.Equal(got, want) {
			t.Errorf("%s: %d changes, wanted %d", query, len(got), len(want))
		}
	}
	_, all := walk("direction=asc&limit=20")
	same(t, "by a key", all[0], map[string]any{"id": ids[0], "account": map[string]any{"id": y.account.String()},
		"action":   map[string]any{"description": "delete app", "result": "success", "time": all[0]["action"].(map[string]any)["time"], "type": "delete"},
		"actor":    map[string]any{"id": "k", "context": "api_key", "email": "a@example.com", "ip_address": "10.1.2.3", "token_id": "k", "token_name": "a key", "type": "user"},
		"resource": map[string]any{"id": "r", "product": "zero_trust", "response": map[string]any{"name": "x"}, "scope": "accounts", "type": "app", "x_name": "0"}})
	same(t, "by a service", all[7]["actor"], map[string]any{"id": "exchange", "type": "system"})
	for _, bad := range []string{"limit=0", "cursor=x", "cursor=0", "cursor=-1", "since=soon", "direction=up", "raw_method=GET", "zone_id.not=x", "product_category=access"} {
		y.refused(400, v4.CodeInvalid, "GET", "/logs/audit?"+bad, nil)
	}
}

// A list stays of a size that can be held; the whole change is there for who asks for it.
func TestLargeChangesAreShownAlone(t *testing.T) {
	y := start(t)
	large := json.RawMessage(`{"x":"` + strings.Repeat("x", auditlog.MaxShown) + `"}`)
	ids := y.recorded(3, func(n int, e *proto.AuditEvent) {
		if n == 1 {
			e.After = large
		}
	})
	list := y.do("GET", "/audit_logs", nil)
	if len(list.Body) > auditlog.MaxShown || !strings.Contains(string(list.Body), `"x_large":true`) {
		t.Errorf("%d bytes", len(list.Body))
	}
	if alone := y.do("GET", "/audit_logs?id="+ids[1], nil); !strings.Contains(string(alone.Result), `"newValueJson":`+string(large)) {
		t.Errorf("%d bytes", len(alone.Body))
	}
}

// A client sees the changes that it made, at whichever replica, of api and of the bus, it asks.
func TestOwnChangesAreInTheAuditLog(t *testing.T) {
	y := start(t)
	second := y.replica()
	for n := range 20 {
		y.handler = y.api.handler
		y.want(201, "POST", "/access/tags", map[string]any{"name": fmt.Sprint("t", n)})
		y.handler = second.handler
		var newest []struct{ Metadata struct{ Name string } }
		r := y.do("GET", "/audit_logs?per_page=1", nil)
		for ; r.says(v4.CodeNotYetRelayed) != ""; r = y.do("GET", "/audit_logs?per_page=1", nil) {
			t.Logf("change %d takes long", n) // as the answer says
		}
		if err := json.Unmarshal(r.Result, &newest); err != nil || len(newest) != 1 || newest[0].Metadata.Name != fmt.Sprint("t", n) {
			t.Fatalf("after change %d: %+v, %v", n, newest, err)
		}
	}
}

// What the log has twice, since it was told again after all replicas had been away, is shown once.
func TestAnEventThatIsThereTwiceIsShownOnce(t *testing.T) {
	y := start(t)
	for _, name := range []string{"a", "b", "c"} {
		y.want(201, "POST", "/access/tags", map[string]any{"name": name})
	}
	for _, e := range y.trailOf(y.account) {
		if _, err := y.conn.Publish(t.Context(), bus.Outgoing{Subject: topology.Audit(y.account), Body: e}); err != nil {
			t.Fatal(err)
		}
	}
	for _, query := range []string{"", "?direction=asc", "?x_type=tag"} {
		if r := y.do("GET", "/audit_logs"+query, nil); r.ResultInfo["count"] != 3.0 {
			t.Errorf("%s: %v", query, r.ResultInfo)
		}
	}
	for page, want := range []float64{2, 1, 0} {
		if r := y.do("GET", fmt.Sprintf("/audit_logs?per_page=2&page=%d", page+1), nil); r.ResultInfo["count"] != want {
			t.Errorf("page %d: %v", page+1, r.ResultInfo)
		}
	}
}
