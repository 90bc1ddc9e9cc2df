package device_test

import (
	"encoding/json"
	"io"
	"net/http"
	"net/http/httptest"
	"net/url"
	"slices"
	"strings"
	"testing"

	"plumbline.dev/services/console/consoletest"
	"plumbline.dev/services/console/device"
)

type object = map[string]any

const id = "1f6b0c52-0000-4000-8000-00000000e901"

// made returns a device of the API with a name.
func made(name string) object {
	return object{"device_id": id, "hostname": name, "email": "ola@example.com", "serial_number": "PF3K92LM",
		"virtual_ipv4": "100.64.9.2", "page": 3, "enrolled_at": "2026-11-01T00:00:00Z", "score": 41,
		"scored_at": "2026-11-30T11:59:00Z", "checks": []any{
			object{"check_id": "c1", "name": name + " check", "outcome": "fail", "observed": "fail", "enforced": ""},
			object{"check_id": "c2", "name": "Disk", "outcome": "pass", "observed": "fail", "enforced": "held"}},
		"exemptions": []any{object{"id": "x1", "device_id": id, "rule_id": "c2", "rule_name": name,
			"until":  "2026-12-01T00:00:00Z",
			"reason": name, "author": name}}}
}

func explained(name string) object {
	integration := object{"integration_id": "i1", "name": name, "tick": 8842, "polled_at": "2026-11-30T11:59:00Z",
		"poll": object{"attempts": 1, "status": 200, "error": ""}}
	app := func(n string) object { return object{"id": n, "name": name} }
	return object{"device_id": id, "page": 3, "checks": []any{
		object{"check_id": "c1", "name": "EDR", "type": "custom_s2s", "outcome": "fail", "reason": "score",
			"sentence": "The newest score is 41, but it must be at least 60.", "score": 41, "mode": "enforce",
			"observed_at": "2026-11-30T11:59:00Z", "integration": integration,
			"remediation":  "Turn on **protection**.<script>alert(1)</script>" + name,
			"applications": []any{app("a1"), app("a2"), app("a3"), app("a4"), app("a5")}},
		object{"check_id": "c2", "name": name, "type": "custom_s2s", "outcome": "pass", "reason": "held",
			"sentence": "Held.", "why": "held since noon", "integration": integration, "applications": []any{}},
		object{"check_id": "c3", "name": "Firewall", "type": "firewall", "outcome": "unknown", "reason": "unsupported",
			"sentence": "The check is stored and not evaluated.", "applications": []any{}}}}
}

func timeline(name string) object {
	return object{"since": "2026-10-31T12:00:00Z", "until": "2026-11-30T12:00:00Z",
		"known_since": "2026-10-31T12:00:00Z", "checks": []any{object{"check_id": "c1", "name": name, "segments": []any{
			object{"from": "2026-10-31T12:00:00Z", "until": "2026-11-02T00:00:00Z", "outcome": "pass", "reason": "none"},
			object{"from": "2026-11-02T00:00:00Z", "until": "2026-11-30T09:12:00Z", "outcome": "pass", "reason": "score"},
			object{"from": "2026-11-30T09:12:00Z", "until": "2026-11-30T12:00:00Z", "outcome": "fail", "reason": name}}}}}
}

// fleet is an API with one device.
func fleet(name string) map[string]http.HandlerFunc {
	return map[string]http.HandlerFunc{
		"GET /plumbline/devices": consoletest.Answer([]any{made(name)}),
		"GET /plumbline/devices/counts": consoletest.Answer(object{"devices": 1_000_000, "some": object{"fail": 8112},
			"checks": []any{object{"check_id": "c1", "name": name, "fail": 8112, "pass": 1}}}),
		"GET /plumbline/devices/{id}":          consoletest.Answer(made(name)),
		"GET /plumbline/explain/{id}":          consoletest.Answer(explained(name)),
		"GET /plumbline/devices/{id}/timeline": consoletest.Answer(timeline(name)),
		"GET /access/users": consoletest.Answer([]any{object{"id": "u1", "name": name, "email": name,
			"active_device_count": 2}}),
		"GET /access/users/{id}/active_sessions": consoletest.Answer([]any{object{"name": "n",
			"metadata": object{"iat": 1_796_000_000, "expires": 1_796_086_400}}}),
		"GET /devices/posture": consoletest.Answer([]any{object{"id": "c1", "name": name, "type": "custom_s2s"}}),
	}
}

func TestListShowsDevices(t *testing.T) {
	c := consoletest.New(t, fleet("oslo-tablet-3"), device.Register)
	page := c.Get("/devices?filter="+url.QueryEscape(`check:"EDR"=fail`)).Has(http.StatusOK, "oslo-tablet-3",
		"ola@example.com", "PF3K92LM", "Fails 1 of 2", "41", `plumb devices list --filter 'check:"EDR"=fail'`).Safe()
	if got := page.Attributes("input", "value"); !slices.Contains(got, `check:"EDR"=fail`) || !slices.Contains(got, id) {
		t.Errorf("fields: %q", got)
	}
	asked := c.Asked("GET")
	if n := slices.IndexFunc(asked, func(a consoletest.Asked) bool { return a.Path == "/plumbline/devices" }); n < 0 ||
		asked[n].Query != "filter=check%3A%22EDR%22%3Dfail&outdated=1&per_page=50" {
		t.Errorf("%v", asked)
	}
}

// The export and the commands follow the filter that is typed.
func TestTypedFilterOfExport(t *testing.T) {
	c := consoletest.New(t, fleet("oslo-tablet-3"), device.Register)
	whole := c.Get("/devices")
	if n := strings.Count(whole.Body, `id="acts"`); n != 1 || strings.Contains(whole.Body, "swap-oob") {
		t.Errorf("the page has the actions %d times: %s", n, whole.Body)
	}
	part := c.Fragment("/devices?filter=outcome:fail", "devices").
		Has(http.StatusOK, "plumb devices list --filter 'outcome:fail'").Safe()
	if !slices.Contains(part.Attributes("a", "href"), "/devices/export?filter=outcome%3Afail&format=csv") ||
		!slices.Contains(part.Attributes("div", "data-hx-swap-oob"), "true") {
		t.Errorf("%s", part.Body)
	}
}

// The pill of a device in the list is that of its page: a device that one check does not know is denied.
func TestListShowsUnknownBeforeExempt(t *testing.T) {
	d := made("oslo-tablet-3")
	d["checks"] = []any{object{"check_id": "c1", "name": "EDR", "outcome": "unknown"},
		object{"check_id": "c2", "name": "Disk", "outcome": "pass", "observed": "fail", "enforced": "exempt"}}
	routes := fleet("oslo-tablet-3")
	routes["GET /plumbline/devices"] = consoletest.Answer([]any{d})
	page := consoletest.New(t, routes, device.Register).Get("/devices").Has(http.StatusOK, "Unknown 1 of 2")
	if pills := page.Texts("span", "pill"); slices.Contains(pills, "Exempt") {
		t.Errorf("pills: %q", pills)
	}
}

func TestChipsAddAndRemoveTerms(t *testing.T) {
	c := consoletest.New(t, fleet("EDR"), device.Register)
	for filter, want := range map[string]string{
		"":                     "/devices?filter=outcome%3Afail",
		"a b":                  "/devices?filter=a+b+outcome%3Afail",
		"a OR b":               "/devices?filter=%28a+OR+b%29+outcome%3Afail",
		`"a b" outcome:fail x`: "/devices?filter=%22a+b%22+x",
		"outcome:fail":         "/devices",
	} {
		page := c.Get("/devices/chips?filter="+url.QueryEscape(filter)).
			Has(http.StatusOK, "1,000,000 devices", "8,112").Safe()
		if paths := page.Attributes("a", "href"); len(paths) < 2 || paths[0] != want {
			t.Errorf("%s: %q, want %s", filter, paths, want)
		}
	}
}

func TestListExplainsABadFilter(t *testing.T) {
	c := consoletest.New(t, map[string]http.HandlerFunc{"GET /plumbline/devices": consoletest.Refuse(http.StatusBadRequest,
		`access.api.error.invalid_request: filter, character 1: unknown property "chek": use one of check`)},
		device.Register)
	c.Get("/devices?filter=chek:a").
		Has(http.StatusUnprocessableEntity, "cannot be read", "character 1", "use one of").Safe()
}

func TestEmptyLists(t *testing.T) {
	c := consoletest.New(t, map[string]http.HandlerFunc{"GET /plumbline/devices": consoletest.Answer([]any{})},
		device.Register)
	c.Get("/devices").Has(http.StatusOK, "No devices yet", "Start here")
	c.Get("/devices?filter=a").Has(http.StatusOK, "No device matches", "Show all devices")
}

func TestDeviceShowsWhy(t *testing.T) {
	c := consoletest.New(t, fleet("oslo-tablet-3"), device.Register)
	page := c.Get("/devices/"+id).Has(http.StatusOK, "oslo-tablet-3", "Fails 1 of 2", "PF3K92LM", "100.64.9.2",
		"41, but it must be at least 60", "tick 8,842, HTTP 200", "No exemption", "Closes 5 applications", "and 2 more",
		"Turn on protection", "A breaker holds the outcome", "No application uses the check", "not evaluated").Safe()
	if n := len(page.Attributes("rect", "class")); n != 3 {
		t.Errorf("the ribbon has %d rectangles", n)
	}
	c.Fragment("/devices/"+id, "checks").Has(http.StatusOK, "Closes 5 applications").Safe()
	c.Fragment("/devices/"+id+"/sessions", "sessions").Has(http.StatusOK, "2 devices", "Began").Safe()
}

// A check whose outcome is older than what is known of it has no beginning to show.
func TestCheckUnchangedForLong(t *testing.T) {
	routes := fleet("oslo-tablet-3")
	routes["GET /plumbline/devices/{id}/timeline"] = consoletest.Answer(object{"since": "2026-10-31T12:00:00Z",
		"until": "2026-11-30T12:00:00Z", "known_since": "2026-10-31T12:00:00Z", "checks": []any{object{"check_id": "c1",
			"name": "EDR", "segments": []any{object{"from": "2026-10-31T12:00:00Z", "until": "2026-11-30T12:00:00Z",
				"outcome": "fail", "reason": "score"}}}}})
	page := consoletest.New(t, routes, device.Register).Get("/devices/"+id).Has(http.StatusOK, "evidence from",
		"fail from 2026-10-31 12:00:00 to 2026-11-30 12:00:00 UTC")
	if strings.Contains(page.Text(), ", evidence") {
		t.Errorf("the line begins with a comma: %s", page.Text())
	}
	changed := consoletest.New(t, fleet("oslo-tablet-3"), device.Register).Get("/devices/" + id)
	if !strings.Contains(changed.Text(), ", evidence") {
		t.Errorf("%s", changed.Text())
	}
}

func TestHostileNamesStayText(t *testing.T) {
	c := consoletest.New(t, fleet(consoletest.Hostile), device.Register)
	for _, path := range []string{"/devices?filter=" + url.QueryEscape(consoletest.Hostile), "/devices/" + id,
		"/devices/chips?filter=" + url.QueryEscape(consoletest.Hostile), "/devices/" + id + "/sessions"} {
		c.Get(path).Has(http.StatusOK).Safe()
	}
	c.Post("/devices/bulk", url.Values{"action": {"exempt"}, "id": {consoletest.Hostile}}).Has(http.StatusOK).Safe()
}

func TestExempt(t *testing.T) {
	routes := fleet("oslo-tablet-3")
	routes["POST /plumbline/exemptions"] = consoletest.Answer(object{"id": "x2"})
	c := consoletest.New(t, routes, device.Register)
	c.Post("/devices/"+id+"/exempt", url.Values{"rule_id": {"c1"}, "until": {"2026-12-02T10:00"}, "reason": {""}}).
		Has(http.StatusUnprocessableEntity, "Say why").Safe().Open("exempt", true)
	if n := len(c.Asked("POST")); n != 0 {
		t.Errorf("%d requests without a reason", n)
	}
	c.Get("/devices/"+id).Open("exempt", false)
	c.Post("/devices/"+id+"/exempt", url.Values{"rule_id": {"c1"}, "until": {"2026-12-02T10:00"}, "reason": {"lost"}}).
		Has(http.StatusSeeOther)
	var sent object
	if posts := c.Asked("POST"); len(posts) != 1 || json.Unmarshal([]byte(posts[0].Body), &sent) != nil ||
		sent["device_id"] != id || sent["rule_id"] != "c1" || sent["until"] != "2026-12-02T10:00:00Z" ||
		sent["reason"] != "lost" {
		t.Errorf("%v", posts)
	}
}

func TestActions(t *testing.T) {
	routes := fleet("oslo-tablet-3")
	for _, pattern := range []string{"POST /devices/physical-devices/{id}/revoke", "POST /devices/registrations/unrevoke",
		"DELETE /plumbline/devices/{id}", "DELETE /plumbline/exemptions/{id}", "POST /plumbline/integrations/{id}/poll"} {
		routes[pattern] = consoletest.Answer(object{"id": id})
	}
	routes["GET /plumbline/status"] = consoletest.Answer([]any{object{"id": "i1", "checks": 1},
		object{"id": "i2", "checks": 1, "paused": true}, object{"id": "i3"}})
	c := consoletest.New(t, routes, device.Register)
	for path, want := range map[string]string{"/revoke": "POST /devices/physical-devices/" + id + "/revoke",
		"/unrevoke": "POST /devices/registrations/unrevoke", "/remove": "DELETE /plumbline/devices/" + id,
		"/exemptions/x1/end": "DELETE /plumbline/exemptions/x1", "/poll": "POST /plumbline/integrations/i1/poll"} {
		before := len(c.Asked(""))
		c.Post("/devices/"+id+path, url.Values{}).Has(http.StatusSeeOther)
		var did []string
		for _, a := range c.Asked("")[before:] {
			if a.Method != http.MethodGet {
				did = append(did, a.Method+" "+a.Path)
			}
		}
		if !slices.Equal(did, []string{want}) {
			t.Errorf("%s: %q, want %s", path, did, want)
		}
	}
}

func TestBulk(t *testing.T) {
	routes := fleet("oslo-tablet-3")
	routes["DELETE /devices/registrations"] = consoletest.Answer(nil)
	routes["POST /plumbline/exemptions"] = consoletest.Answer(object{"id": "x2"})
	c := consoletest.New(t, routes, device.Register)
	c.Post("/devices/bulk", url.Values{"action": {"remove"}}).Has(http.StatusSeeOther)
	c.Post("/devices/bulk", url.Values{"action": {"nothing"}, "id": {id}}).Has(http.StatusNotFound)
	c.Post("/devices/bulk", url.Values{"action": {"remove"}, "all": {"on"}, "filter": {"oslo"}}).
		Has(http.StatusOK, "Remove 1 device", "oslo-tablet-3", "closed to them").Safe()
	if n := len(c.Asked("DELETE")); n != 0 {
		t.Errorf("%d requests before the confirmation", n)
	}
	c.Post("/devices/bulk/run/remove", url.Values{"id": {"a", "b"}, "filter": {"oslo"}}).Has(http.StatusSeeOther)
	if all := c.Asked("DELETE"); len(all) != 1 || all[0].Query != "id=a&id=b" {
		t.Errorf("%v", all)
	}
	c.Post("/devices/bulk/run/exempt", url.Values{"id": {"a", "b"}, "until": {"x"}}).
		Has(http.StatusUnprocessableEntity, "Say why", "Exempt 2 devices").Safe()
	c.Post("/devices/bulk/run/exempt", url.Values{"id": {"a", "b"}, "until": {"2026-12-02T10:00"}, "reason": {"r"}}).
		Has(http.StatusSeeOther)
	if n := len(c.Asked("POST")); n != 2 {
		t.Errorf("%d exemptions", n)
	}
	many := url.Values{"id": slices.Repeat([]string{id}, 1001)}
	c.Post("/devices/bulk/run/remove", many).Has(http.StatusBadRequest, "1 to 1000")
}

func TestExport(t *testing.T) {
	routes := fleet("a")
	routes["GET /plumbline/devices/export"] = func(w http.ResponseWriter, _ *http.Request) {
		_, _ = w.Write([]byte("a,b\n"))
	}
	c := consoletest.New(t, routes, device.Register)
	page := c.Get("/devices/export?format=csv&filter=a")
	if page.Body != "a,b\n" || !strings.HasPrefix(page.Header.Get("Content-Type"), "text/csv") ||
		!strings.Contains(page.Header.Get("Content-Disposition"), "devices.csv") {
		t.Errorf("%v %s", page.Header, page.Body)
	}
	c.Get("/devices/export?format=xlsx").Has(http.StatusBadRequest)
	refused := consoletest.New(t, map[string]http.HandlerFunc{
		"GET /plumbline/devices/export": consoletest.Refuse(http.StatusForbidden, "no permission")}, device.Register)
	refused.Get("/devices/export?format=csv").Has(http.StatusForbidden, "Not permitted")
}

// An export that the API cuts short fails in the browser too: it is not taken for the whole fleet.
func TestExportCutShort(t *testing.T) {
	routes := fleet("a")
	routes["GET /plumbline/devices/export"] = func(w http.ResponseWriter, _ *http.Request) {
		_, _ = w.Write([]byte("a,b\n"))
		_ = http.NewResponseController(w).Flush()
		panic(http.ErrAbortHandler)
	}
	c := consoletest.New(t, routes, device.Register)
	console := httptest.NewServer(c.Handler)
	defer console.Close()
	r := c.Request(http.MethodGet, console.URL+"/devices/export?format=csv", nil)
	r.RequestURI = ""
	resp, err := http.DefaultClient.Do(r)
	if err != nil {
		return // cut before the headers left
	}
	defer resp.Body.Close()
	if body, err := io.ReadAll(resp.Body); err == nil {
		t.Errorf("the download ended as if it were complete: %q", body)
	}
}

func TestAbsentAndUnreachable(t *testing.T) {
	consoletest.New(t, nil, device.Register).Get("/devices/" + id).Has(http.StatusNotFound)
	down := consoletest.Down(t, device.Register)
	down.Get("/devices").Has(http.StatusBadGateway, "does not answer")
	down.Get("/devices/"+id).Has(http.StatusBadGateway, "does not answer")
	routes := fleet("a")
	routes["GET /access/users"] = consoletest.Refuse(http.StatusForbidden, "no")
	consoletest.New(t, routes, device.Register).Fragment("/devices/"+id+"/sessions", "sessions").
		Has(http.StatusOK, "may not read people")
}

// TestEndSessions checks that the sessions of the person whom the page showed are ended, and nobody else's.
func TestEndSessions(t *testing.T) {
	routes := fleet("a")
	routes["POST /access/organizations/revoke_user"] = consoletest.Answer(true)
	c := consoletest.New(t, routes, device.Register)
	email, _ := made("a")["email"].(string)
	c.Fragment("/devices/"+id+"/sessions", "sessions").Has(http.StatusOK, "End all sessions of a?")
	c.Post("/devices/"+id+"/sessions/end", url.Values{"email": {"other@example.com"}}).
		Has(http.StatusConflict, "enrolled for somebody else").Safe()
	if asked := c.Asked("POST"); len(asked) != 0 {
		t.Errorf("sessions of another person were ended: %v", asked)
	}
	if p := c.Post("/devices/"+id+"/sessions/end", url.Values{"email": {email}}); p.Status != http.StatusSeeOther {
		t.Errorf("%d %s", p.Status, p.Text())
	}
	if asked := c.Asked("POST"); len(asked) != 1 || !strings.Contains(asked[0].Body, `"email":"`+email+`"`) {
		t.Errorf("asked %v", asked)
	}
}
