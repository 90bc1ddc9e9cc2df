package auditlog_test

import (
	"encoding/json"
	"net/url"
	"slices"
	"testing"
	"time"

	"plumbline.dev/proto"
	"plumbline.dev/services/api/apitest"
	"plumbline.dev/services/api/v4"
)

// TestNewAuditLog checks that the newer endpoint has the same changes, page by page in both directions.
func TestNewAuditLog(t *testing.T) {
	t.Parallel()
	f := apitest.Start(t)
	f.Clock.Set(time.Now().Truncate(time.Second)) // the stream's clock is the server's
	begin := f.Clock.Now()
	ids := storeEvents(f, 50, func(n int, e *proto.AuditEvent) {
		switch {
		case n%10 == 0:
			e.Action, e.Actor = "delete", proto.Actor{Type: "key", ID: "k", Name: "a key", Email: "a@example.com",
				IP: "10.1.2.3"}
		case n%10 == 7:
			e.Kind, e.Resource, e.Actor = "group", "g", proto.Actor{Type: "system", ID: "exchange"}
		}
	})
	walk := func(query string) (got []string, all []map[string]any) {
		t.Helper()
		for cursor, parts := "", 0; parts == 0 || cursor != ""; parts++ {
			r := f.Do("GET", "/logs/audit?"+query+"&cursor="+cursor, nil)
			var some []map[string]any
			if err := json.Unmarshal(r.Result, &some); err != nil || r.Status != 200 || parts > 50 {
				t.Fatalf("%s: %d %s", query, r.Status, r.Body)
			}
			for _, record := range some {
				got = append(got, apitest.Text(record, "id"))
			}
			all = append(all, some...)
			cursor = apitest.Text(r.ResultInfo["cursors"].(map[string]any), "after")
		}
		return got, all
	}
	newest := slices.Clone(ids)
	slices.Reverse(newest)
	period := "since=" + url.QueryEscape(begin.Format(time.RFC3339)) + "&before=" +
		url.QueryEscape(begin.Add(time.Hour).Format(time.RFC3339))
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
			t.Errorf("%s: %d changes, want %d", query, len(got), len(want))
		}
	}
	_, all := walk("direction=asc&limit=20")
	apitest.Same(t, "by a key", all[0], map[string]any{"id": ids[0], "account": map[string]any{"id": f.Account.String()},
		"action": map[string]any{"description": "delete app", "result": "success",
			"time": all[0]["action"].(map[string]any)["time"], "type": "delete"},
		"actor": map[string]any{"id": "k", "context": "api_key", "email": "a@example.com", "ip_address": "10.1.2.3",
			"token_id": "k", "token_name": "a key", "type": "user"},
		"resource": map[string]any{"id": "r", "product": "zero_trust", "response": map[string]any{"name": "x"},
			"scope": "accounts", "type": "app", "x_name": "0"}})
	apitest.Same(t, "by a service", all[7]["actor"], map[string]any{"id": "exchange", "type": "system"})
	end := apitest.Text(f.Do("GET", "/logs/audit?limit=1", nil).ResultInfo, "x_newest")
	later := storeEvents(f, 2, func(int, *proto.AuditEvent) {})
	r := f.Do("GET", "/logs/audit?direction=asc&cursor="+end, nil)
	var fresh []map[string]any
	if err := json.Unmarshal(r.Result, &fresh); err != nil || len(fresh) != 2 || fresh[0]["id"] != later[0] ||
		fresh[1]["id"] != later[1] || apitest.Text(r.ResultInfo, "x_newest") == end {
		t.Errorf("what came after %s: %v, %v, %v", end, fresh, r.ResultInfo, err)
	}
	for _, bad := range []string{"limit=0", "cursor=x", "cursor=0", "cursor=-1", "since=soon", "direction=up",
		"raw_method=GET", "zone_id.not=x", "product_category=access"} {
		f.WantError(400, v4.CodeInvalid, "GET", "/logs/audit?"+bad, nil)
	}
}
