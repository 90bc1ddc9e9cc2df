package integration_test

import (
	"encoding/json"
	"net/http"
	"net/url"
	"strings"
	"testing"

	"plumbline.dev/services/console/consoletest"
	"plumbline.dev/services/console/integration"
)

type object = map[string]any

// stored is the integration of the tests.
func stored(change ...func(object)) object {
	i := object{"id": "i1", "name": consoletest.Hostile, "type": "custom_s2s", "interval": "5m", "x_concurrency": 8,
		"x_paused": false, "config": object{"api_url": "https://scores.example.com/posture", "access_client_id": "c.access"}}
	for _, f := range change {
		f(i)
	}
	return i
}

func statusOf(change func(object)) object {
	s := object{"id": "i1", "name": "x", "interval": "5m", "checks": 1, "standing": "on_time",
		"poll": object{"tick": 8842, "at": "2026-11-30T11:58:00Z", "pages": 100, "devices": 100_000}}
	if change != nil {
		change(s)
	}
	return s
}

// api is the API of the tests, with further routes.
func api(more map[string]http.HandlerFunc) map[string]http.HandlerFunc {
	routes := map[string]http.HandlerFunc{
		"GET /devices/posture/integration":    consoletest.Answer([]any{stored()}),
		"GET /devices/posture/integration/i1": consoletest.Answer(stored()),
		"GET /plumbline/status":               consoletest.Answer([]any{statusOf(nil)}),
		"GET /devices/posture": consoletest.Answer([]any{
			object{"id": "c1", "name": "EDR healthy" + consoletest.Hostile, "type": "custom_s2s",
				"input": object{"connection_id": "i1", "operator": ">=", "score": 60}},
			object{"id": "c2", "name": "of another", "type": "custom_s2s", "input": object{"connection_id": "i2"}}}),
	}
	for pattern, h := range more {
		routes[pattern] = h
	}
	return routes
}

func start(t *testing.T, more map[string]http.HandlerFunc) *consoletest.Console {
	return consoletest.New(t, api(more), integration.Register)
}

func TestListShowsWhatNeedsAttention(t *testing.T) {
	for want, change := range map[string]func(object){
		"On time": nil,
		"Overdue": func(s object) { s["overdue"] = true },
		"Failing": func(s object) {
			s["poll"].(object)["error"], s["poll"].(object)["http_status"] = "api_error", 503
			s["poll"].(object)["detail"] = "The API answered 503." + consoletest.Hostile
		},
		"No poll yet": func(s object) { s["poll"] = nil },
	} {
		c := start(t, map[string]http.HandlerFunc{"GET /plumbline/status": consoletest.Answer([]any{statusOf(change)})})
		c.Get("/integrations").Has(http.StatusOK, want, "custom_s2s", "5 min").Safe()
		c.Fragment("/integrations", "integrations").Has(http.StatusOK, want).Safe()
		if want == "Failing" {
			c.Get("/integrations").Has(http.StatusOK, "api_error, HTTP 503: The API answered 503.")
		}
	}
	paused := stored(func(i object) { i["x_paused"] = true })
	start(t, map[string]http.HandlerFunc{"GET /devices/posture/integration": consoletest.Answer([]any{paused})}).
		Get("/integrations").Has(http.StatusOK, "Paused")
	start(t, map[string]http.HandlerFunc{"GET /devices/posture/integration": consoletest.Answer([]any{})}).
		Get("/integrations").Has(http.StatusOK, "No integrations yet", "Add integration").Safe()
	start(t, map[string]http.HandlerFunc{"GET /plumbline/status": consoletest.Refuse(403, "no")}).
		Get("/integrations").Has(http.StatusOK, "Unknown").Safe()
}

func TestDetail(t *testing.T) {
	c := start(t, nil)
	p := c.Get("/integrations/i1").Has(http.StatusOK, consoletest.Hostile, "On time", "Stored sealed for the fetchers",
		"EDR healthy", "score is at least 60", "Test and save", "Poll now", "Pause", "Copy as",
		"plumb integration create --name '\">").Safe()
	if strings.Contains(p.Text(), "of another") {
		t.Error("a check of another integration is shown")
	}
	for _, label := range []string{"Name", "REST API URL", "Polling frequency", "Concurrency", "Access client ID"} {
		if got := strings.Join(p.Texts("label", ""), ", "); !strings.Contains(got, label) {
			t.Errorf("no label %q: %s", label, got)
		}
	}
	c.Get("/integrations/new").Has(http.StatusOK, "New integration", "Test and save", "Access client secret").Safe()
	c.Get("/integrations/i9").Has(http.StatusNotFound)
	consoletest.Down(t, integration.Register).Get("/integrations/i1").Has(http.StatusBadGateway, "does not answer")
	other := start(t, map[string]http.HandlerFunc{
		"GET /devices/posture/integration/i1": consoletest.Answer(stored(func(i object) { i["type"] = "kolide" }))})
	other.Get("/integrations/i1").Has(http.StatusOK, "stored and not polled", "Not polled").Safe()
}

// form is a browser's form.
func form(change ...string) url.Values {
	v := url.Values{"name": {"Fleet"}, "api_url": {"https://scores.example.com/posture"}, "interval": {"10m"},
		"x_concurrency": {"4"}, "access_client_id": {"c.access"}, "access_client_secret": {""}}
	for i := 0; i+1 < len(change); i += 2 {
		v.Set(change[i], change[i+1])
	}
	return v
}

func bodyOf(t *testing.T, text string) (body object) {
	t.Helper()
	if err := json.Unmarshal([]byte(text), &body); err != nil {
		t.Fatal(err)
	}
	return body
}

func TestSaveKeepsTheStoredSecret(t *testing.T) {
	c := start(t, map[string]http.HandlerFunc{"PATCH /devices/posture/integration/i1": consoletest.Answer(stored())})
	p := c.Post("/integrations/i1", form())
	if p.Status != http.StatusSeeOther || p.Header.Get("Location") != "/integrations/i1" {
		t.Errorf("%d %v", p.Status, p.Header)
	}
	body := bodyOf(t, c.Asked("PATCH")[0].Body)
	config := body["config"].(object)
	if _, sent := config["access_client_secret"]; sent || body["interval"] != "10m" || body["x_concurrency"] != 4.0 ||
		body["type"] != nil {
		t.Errorf("sent %v", body)
	}
	c.Post("/integrations/i1", form("access_client_secret", "new"))
	if got := bodyOf(t, c.Asked("PATCH")[1].Body)["config"].(object)["access_client_secret"]; got != "new" {
		t.Errorf("sent the secret %v", got)
	}
}

func TestErrorsStandAtTheirFields(t *testing.T) {
	const prefix = "invalid posture integration request: "
	for message, want := range map[string]string{
		"config.api_url must begin with https://":                                             "f-api_url-error Must begin with https://",
		"the host of config.api_url has changed: enter config.access_client_secret again":     "f-access_client_secret-error The host of the URL has",
		"invalid credentials: The API answered 403 Forbidden.":                                "f-access_client_secret-error The API answered 403 Forbidden.",
		"the scoring API did not pass the test (timeout): The server did not answer in time.": "f-api_url-error The scoring API did not pass the test (timeout)",
		"name must not be empty": "f-name-error Must not be empty.",
		"another thing":          "Not saved. Another thing.",
	} {
		c := start(
			t,
			map[string]http.HandlerFunc{"PATCH /devices/posture/integration/i1": consoletest.Refuse(400, prefix+message)},
		)
		p := c.Post("/integrations/i1", form("access_client_secret", "typed-secret"))
		p.Has(http.StatusUnprocessableEntity).Safe()
		id, text, _ := strings.Cut(want, " ")
		if id == "Not" {
			p.Has(http.StatusUnprocessableEntity, want)
		} else if !strings.Contains(p.Body, `id="`+id+`">`+text) {
			t.Errorf("%s: no %q", message, want)
		}
		if strings.Contains(p.Body, "typed-secret") {
			t.Errorf("%s: the secret came back", message)
		}
	}
	c := start(t, nil)
	c.Post("/integrations/i1", form("x_concurrency", "x")).Has(http.StatusUnprocessableEntity,
		"whole number from 1 to 256")
	c.Post("/integrations", form()).Has(http.StatusUnprocessableEntity, "Enter the Client Secret").Safe()
	if n := len(c.Asked("PATCH")) + len(c.Asked("POST")); n != 0 {
		t.Errorf("%d requests with values that are wrong", n)
	}
	// To htmx, the form with its errors takes the place of the old one, whatever was asked for.
	r := c.Request(http.MethodPost, "/integrations/i1/test", form("x_concurrency", "0"))
	r.Header.Set("HX-Request", "true")
	r.Header.Set("HX-Target", "div#test")
	p := c.Do(r).Has(http.StatusUnprocessableEntity, "whole number", "REST API URL").Safe()
	if p.Header.Get("HX-Retarget") != "#workbench" || len(p.Texts("nav", "")) > 0 {
		t.Errorf("%v", p.Header)
	}
}

func TestCreate(t *testing.T) {
	c := start(t, map[string]http.HandlerFunc{"POST /devices/posture/integration": consoletest.Answer(stored())})
	p := c.Post("/integrations", form("access_client_secret", "s"))
	if p.Status != http.StatusSeeOther || p.Header.Get("Location") != "/integrations/i1" {
		t.Errorf("%d %v", p.Status, p.Header)
	}
	if body := bodyOf(t, c.Asked("POST")[0].Body); body["type"] != "custom_s2s" ||
		body["config"].(object)["access_client_secret"] != "s" {
		t.Errorf("sent %v", body)
	}
}

func TestActions(t *testing.T) {
	c := start(t, map[string]http.HandlerFunc{
		"PATCH /devices/posture/integration/i1":  consoletest.Answer(stored()),
		"POST /plumbline/integrations/i1/poll":   consoletest.Answer(object{"tick": 9, "at": "2026-11-30T12:00:00Z"}),
		"DELETE /devices/posture/integration/i1": consoletest.Answer(nil),
		"GET /access/policies": consoletest.Answer([]any{object{"id": "p1", "name": "Staff" + consoletest.Hostile,
			"require": []any{object{"device_posture": object{"integration_uid": "c1"}}}}}),
		"GET /access/apps":   consoletest.Answer([]any{}),
		"GET /access/groups": consoletest.Refuse(403, "no"),
	})
	for _, verb := range []string{"poll", "pause", "resume"} {
		if p := c.Post("/integrations/i1/"+verb, url.Values{}); p.Status != http.StatusSeeOther {
			t.Errorf("%s: %d %s", verb, p.Status, p.Text())
		}
	}
	if all := c.Asked("PATCH"); len(all) != 2 || all[0].Body != `{"x_paused":true}` ||
		all[1].Body != `{"x_paused":false}` {
		t.Errorf("sent %+v", all)
	}
	c.Get("/integrations/i1/delete").Has(http.StatusOK, "1 check loses", "EDR healthy", "Staff",
		"Delete integration").Safe()
	if p := c.Post("/integrations/i1/delete", url.Values{}); p.Header.Get("Location") != "/integrations" {
		t.Errorf("%d %v", p.Status, p.Header)
	}
	used := start(t, map[string]http.HandlerFunc{
		"DELETE /devices/posture/integration/i1": consoletest.Refuse(409, "the integration is in use"),
		"GET /access/policies":                   consoletest.Answer([]any{}),
		"GET /access/apps":                       consoletest.Answer([]any{}),
		"GET /access/groups":                     consoletest.Answer([]any{}),
	})
	used.Post("/integrations/i1/delete", url.Values{}).Has(http.StatusConflict, "Not deleted.", "in use",
		"No policy").Safe()
	readOnly := start(t, map[string]http.HandlerFunc{
		"PATCH /devices/posture/integration/i1": consoletest.Refuse(403, "the API token needs more")})
	readOnly.Post("/integrations/i1/pause", url.Values{}).Has(http.StatusForbidden, "Not permitted").Safe()
}
