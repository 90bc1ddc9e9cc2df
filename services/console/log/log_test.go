package log_test

import (
	"encoding/csv"
	"encoding/json"
	"maps"
	"net/http"
	"net/url"
	"slices"
	"strconv"
	"strings"
	"testing"

	"plumbline.dev/services/console/consoletest"
	"plumbline.dev/services/console/log"
)

// object is a JSON object of the made-up API.
type object = map[string]any

func postureLine(with object) object {
	all := object{"DeviceID": "d1", "DeviceName": "oslo-3", "DeviceSerialNumber": "S-1", "Email": "ola@example.com",
		"PolicyID": "c1", "PostureCheckName": "EDR healthy", "PostureExpectedJSON": object{"operator": ">=", "score": 60},
		"PostureReceivedJSON": object{"score": 41}, "Timestamp": "2026-11-30T11:59:00Z", "x_outcome": "fail",
		"x_reason": "score", "x_observed": "fail", "x_integration_id": "i1", "x_tick": 8842, "x_cursor": "9.1"}
	maps.Copy(all, with)
	return all
}

func accessLine(with object) object {
	all := object{"action": "login", "allowed": false, "app_domain": "wiki.example.com", "app_uid": "a1",
		"created_at": "2026-11-30T11:59:00Z", "ip_address": "192.0.2.1", "ray_id": "8f", "user_email": "ola@example.com",
		"x_reason": "posture_failed", "x_action": "request", "x_check_id": "c1", "x_device_id": "d1", "x_count": 3,
		"x_country": "NO"}
	maps.Copy(all, with)
	return all
}

func auditLine(with object) object {
	all := object{"id": "e1", "action": object{"type": "update", "time": "2026-11-30T11:59:00Z"},
		"actor": object{"email": "ann@example.com", "ip_address": "192.0.2.9", "type": "user", "context": "api_key"},
		"resource": object{"type": "policy", "id": "p1", "x_name": "Allow staff", "x_before": object{"name": "Allow"},
			"response": object{"reusable": true}}}
	maps.Copy(all, with)
	return all
}

const (
	postureAPI = "GET /plumbline/posture-log/newest"
	accessAPI  = "GET /access/logs/access_requests"
	auditAPI   = "GET /logs/audit"
)

func open(t *testing.T, routes map[string]http.HandlerFunc) *consoletest.Console {
	all := map[string]http.HandlerFunc{
		"GET /devices/posture":             consoletest.Answer([]any{object{"id": "c1", "name": "EDR healthy"}}),
		"GET /devices/posture/integration": consoletest.Answer([]any{object{"id": "i1", "name": "Fleet EDR"}}),
	}
	maps.Copy(all, routes)
	return consoletest.New(t, all, log.Register)
}

// query returns the query of the only request to a path of the API.
func query(t *testing.T, c *consoletest.Console, path string) url.Values {
	t.Helper()
	var found []url.Values
	for _, a := range c.Asked("GET") {
		if "GET "+a.Path == path {
			q, err := url.ParseQuery(a.Query)
			if err != nil {
				t.Fatal(err)
			}
			found = append(found, q)
		}
	}
	if len(found) != 1 {
		t.Fatalf("%d requests to %s", len(found), path)
	}
	return found[0]
}

func TestPostureLog(t *testing.T) {
	c := open(t, map[string]http.HandlerFunc{postureAPI: consoletest.List([]any{postureLine(nil),
		postureLine(object{"x_outcome": "pass", "x_reason": "held", "x_why": "a breaker holds it", "DeviceName": ""})},
		object{"cursor": "7.-1", "searched_until": "2026-11-30T11:00:00Z"})})
	p := c.Get("/logs/posture?outcome=fail&device=d1&changed=true&since=2026-11-30T08:00").Has(http.StatusOK, "oslo-3",
		"EDR healthy", "Fail", "41 expects at least 60", "S-1", "Pass observed fail", "a breaker holds it",
		"searched back to 2026-11-30 11:00:00 UTC", "Only changed outcomes", `"x_tick": 8842`, "Fleet EDR").Safe()
	want := url.Values{"outcome": {"fail"}, "device": {"d1"}, "changed": {"true"}, "since": {"2026-11-30T08:00:00Z"},
		"limit": {"50"}}
	if got := query(t, c, postureAPI); got.Encode() != want.Encode() {
		t.Errorf("the API is asked %v, want %v", got, want)
	}
	links := p.Attributes("a", "href")
	for _, path := range []string{"/devices/d1", "/checks/c1", "/integrations/i1", "/logs/posture?device=d1",
		"/logs/posture?changed=true&cursor=7.-1&device=d1&outcome=fail&since=2026-11-30T08%3A00",
		"/logs/posture/export?changed=true&device=d1&format=csv&outcome=fail&since=2026-11-30T08%3A00"} {
		if !slices.Contains(links, path) {
			t.Errorf("there is no link to %s: %q", path, links)
		}
	}
	if copied := p.Texts("pre", ""); len(copied) != 3 || !strings.HasPrefix(copied[2], "curl ") {
		t.Errorf("plumb has no flag for changed outcomes: %q", copied)
	}
	copied := c.Get("/logs/posture?outcome=fail&device=d+1&tail=on").Texts("pre", "")
	if text := copied[len(copied)-1]; text != "plumb log posture --outcome fail --device 'd 1' --follow" {
		t.Errorf("plumb: %s", text)
	}
	part := c.Fragment("/logs/posture?outcome=fail", "log").Has(http.StatusOK, "oslo-3").Safe()
	if len(part.Texts("nav", "nav")) > 0 {
		t.Error("a fragment has the layout")
	}
}

func TestAccessLog(t *testing.T) {
	c := open(t, map[string]http.HandlerFunc{accessAPI: consoletest.List([]any{accessLine(nil),
		accessLine(object{"allowed": true, "user_email": "", "x_client_id": "ab.access", "x_service_token_id": "t1",
			"x_action": "service", "x_count": 1})}, object{"cursor": "55"})})
	p := c.Get("/logs/access?email=ola&allowed=false").Has(http.StatusOK, "Denied request · 3 times", "ola@example.com",
		"wiki.example.com", "posture_failed", "192.0.2.1 NO", "Allowed service", "Service token t1 ab.acces…").Safe()
	if q := query(t, c, accessAPI); q.Get("email") != "ola" || q.Get("allowed") != "false" || !q.Has("cursor") {
		t.Errorf("the API is asked %v", q)
	}
	links := p.Attributes("a", "href")
	for _, path := range []string{"/applications/a1", "/devices/d1", "/checks/c1", "/tokens/t1",
		"/logs/access?x_service_token_id=t1", "/logs/access?allowed=false&cursor=55&email=ola"} {
		if !slices.Contains(links, path) {
			t.Errorf("there is no link to %s: %q", path, links)
		}
	}
}

func TestAuditLog(t *testing.T) {
	c := open(t, map[string]http.HandlerFunc{auditAPI: consoletest.List([]any{auditLine(nil),
		auditLine(object{"resource": object{"type": "policy", "id": "p2"}}),
		auditLine(object{"action": object{"type": "delete"}, "resource": object{"type": "app", "id": "a2"}}),
		auditLine(object{"x_unsure": true, "resource": object{"type": "hold", "id": "h1", "x_large": true}})},
		object{"cursors": object{"after": "12"}})})
	p := c.Get("/logs/audit?actor_email=ann@example.com&until=2026-11-30T12:00&cursor=20").Has(http.StatusOK, "Update",
		"Allow staff policy", "ann@example.com api key", "192.0.2.9", "outcome unknown", "Newest").Safe()
	if q := query(t, c, auditAPI); q.Get("before") != "2026-11-30T12:00:00Z" || q.Get("cursor") != "20" {
		t.Errorf("the API is asked %v", q)
	}
	links := p.Attributes("a", "href")
	for _, path := range []string{"/policies/p2", "/applications/a2"} {
		if slices.Contains(links, path) {
			t.Errorf("a link leads to %s, which is no page", path)
		}
	}
	for _, path := range []string{"/policies/p1", "/holds/h1", "/logs/audit?resource_id=p1", "/logs/audit?id=e1"} {
		if !slices.Contains(links, path) {
			t.Errorf("there is no link to %s: %q", path, links)
		}
	}
}

func TestEmptyLogs(t *testing.T) {
	empty := func(info object) map[string]http.HandlerFunc {
		list := consoletest.List([]any{}, info)
		return map[string]http.HandlerFunc{postureAPI: list, accessAPI: list, auditAPI: list}
	}
	c := open(t, empty(object{}))
	c.Get("/logs/posture").Has(http.StatusOK, "No results yet", "Start here").Safe()
	c.Get("/logs/access").Has(http.StatusOK, "Nothing logged yet").Safe()
	c.Get("/logs/audit?id=x").Has(http.StatusOK, "No line matches", "Clear the filters").Safe()
	open(t, empty(object{"cursor": "3", "searched_until": "2026-11-30T11:00:00Z"})).Get("/logs/posture?outcome=fail").
		Has(http.StatusOK, "No line so far: searched back to 2026-11-30 11:00:00 UTC", "Search further back").Safe()
	if p := c.Get("/logs"); p.Status != http.StatusSeeOther {
		t.Errorf("/logs: %d", p.Status)
	}
}

func TestLogsThatCannotBeRead(t *testing.T) {
	c := open(t, map[string]http.HandlerFunc{
		postureAPI: consoletest.Refuse(http.StatusBadRequest,
			"access.api.error.invalid_request: device must be the id of a device"),
		accessAPI: consoletest.Refuse(http.StatusForbidden, "the token needs Access: Audit Logs Read")})
	c.Get("/logs/posture?device=x").Has(http.StatusUnprocessableEntity, "Device must be the id of a device.").Safe()
	c.Get("/logs/access").Has(http.StatusForbidden, "Not permitted").Safe()
	c.Get("/logs/access/export?format=csv").Has(http.StatusForbidden, "Not permitted").Safe()
	c.Get("/logs/access/export?format=xml").Has(http.StatusBadRequest, "Unknown format").Safe()
	down := consoletest.Down(t, log.Register)
	down.Get("/logs/audit").Has(http.StatusBadGateway, "The control plane does not answer").Safe()
	down.Fragment("/logs/audit", "log").Has(http.StatusBadGateway, "The control plane does not answer").Safe()
}

func TestLogsEscapeWhatPeopleAndDevicesWrite(t *testing.T) {
	h := consoletest.Hostile
	c := open(t, map[string]http.HandlerFunc{
		postureAPI: consoletest.List([]any{postureLine(object{"DeviceName": h, "Email": h, "PostureCheckName": h, "x_why": h,
			"DeviceID": h, "x_outcome": h, "PostureReceivedJSON": object{"score": h}})}, object{"cursor": h}),
		accessAPI: consoletest.List([]any{accessLine(object{"user_email": h, "app_domain": h, "x_reason": h, "app_uid": h,
			"x_country": h, "x_service_token_id": h})}, object{"cursor": h}),
		auditAPI: consoletest.List([]any{auditLine(object{"actor": object{"email": h, "ip_address": h},
			"resource": object{"type": h, "id": h, "x_name": h}})}, object{"cursors": object{"after": h}}),
		"GET /devices/posture": consoletest.Answer([]any{object{"id": h, "name": h}})})
	for path, status := range map[string]int{"/logs/posture?device=": http.StatusOK, "/logs/access?email=": http.StatusOK,
		"/logs/audit?resource_type=x&actor_email=": http.StatusOK, "/logs/audit?": http.StatusUnprocessableEntity} {
		c.Get(path+url.QueryEscape(h)).Has(status, "alert(1)").Safe()
	}
}

// paged answers with a page for each cursor: three of two lines.
func paged(make func(object) object) http.HandlerFunc {
	return func(w http.ResponseWriter, r *http.Request) {
		page, _ := strconv.Atoi(r.URL.Query().Get("cursor"))
		info := object{}
		if page < 2 {
			info["cursor"] = strconv.Itoa(page + 1)
		}
		consoletest.List([]any{make(object{"n": 2 * page, "DeviceName": "=1+1", "user_email": "-a"}),
			make(object{"n": 2*page + 1})}, info)(w, r)
	}
}

func TestExport(t *testing.T) {
	c := open(t, map[string]http.HandlerFunc{postureAPI: paged(postureLine), accessAPI: paged(accessLine)})
	p := c.Get("/logs/posture/export?format=ndjson&outcome=fail&tail=on")
	lines := strings.Split(strings.TrimSpace(p.Body), "\n")
	if len(lines) != 6 || p.Header.Get("Content-Type") != "application/x-ndjson" ||
		!strings.Contains(p.Header.Get("Content-Disposition"), `filename="posture-20261130-120000.ndjson"`) {
		t.Fatalf("%d lines, %v", len(lines), p.Header)
	}
	for n, text := range lines {
		var l object
		if err := json.Unmarshal([]byte(text), &l); err != nil || l["n"] != float64(n) {
			t.Errorf("line %d: %v, %v", n, l, err)
		}
	}
	for _, a := range c.Asked("GET") {
		if strings.Contains(a.Path, "newest") && !strings.Contains(a.Query, "outcome=fail") {
			t.Errorf("the filter is lost: %s", a.Query)
		}
	}
	p = c.Get("/logs/access/export?format=csv")
	rows, err := csv.NewReader(strings.NewReader(p.Body)).ReadAll()
	if err != nil || len(rows) != 7 || rows[0][0] != "created_at" || rows[1][5] != "'-a" ||
		rows[2][5] != "ola@example.com" {
		t.Errorf("%v: %q", err, rows)
	}
}
