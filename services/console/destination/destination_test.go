package destination_test

import (
	"encoding/json"
	"maps"
	"net/http"
	"net/url"
	"reflect"
	"strings"
	"testing"

	"plumbline.dev/services/console/consoletest"
	"plumbline.dev/services/console/destination"
)

type object = map[string]any

const one = "/plumbline/destinations/d1"

// stored returns a destination, changed.
func stored(change ...func(o, state object)) object {
	state := object{"status": "delivering", "attempts": 0, "delivered": 1234, "failed": 2, "last_error": "",
		"waiting_since": nil, "next_attempt_at": nil, "last_success_at": "2026-11-30T11:59:00Z", "disabled_reason": ""}
	o := object{"id": "d1", "name": consoletest.Hostile, "kind": "webhook", "endpoint": "https://hooks.example.com",
		"headers": []any{object{"name": "X-Key"}}, "events": []any{"posture.check.held", "later." + consoletest.Hostile},
		"template": "</textarea>" + consoletest.Hostile, "paused": false, "state": state, "future": "kept"}
	for _, f := range change {
		f(o, state)
	}
	return o
}

func start(t *testing.T, d object, more map[string]http.HandlerFunc) *consoletest.Console {
	routes := map[string]http.HandlerFunc{
		"GET /plumbline/destinations": consoletest.List([]any{d}, object{}),
		"GET " + one:                  consoletest.Answer(d), "PUT " + one: consoletest.Answer(d),
		"DELETE " + one: consoletest.Answer(object{"id": "d1"}),
	}
	maps.Copy(routes, more)
	return consoletest.New(t, routes, destination.Register)
}

// sent returns the body of the only request with a method.
func sent(t *testing.T, c *consoletest.Console, method string) (body object) {
	t.Helper()
	asked := c.Asked(method)
	if len(asked) != 1 {
		t.Fatalf("%d requests", len(asked))
	}
	if err := json.Unmarshal([]byte(asked[0].Body), &body); err != nil {
		t.Fatal(err)
	}
	return body
}

// Each status of the deliveries has a word, what it means, and the action that ends it.
func TestStatuses(t *testing.T) {
	failed := func(_, s object) {
		s["last_error"], s["last_error_at"], s["attempts"] = "The receiver answered 503."+consoletest.Hostile,
			"2026-11-30T11:58:00Z", 3
		s["waiting_since"], s["next_attempt_at"] = "2026-11-30T11:00:00Z", "2026-11-30T12:30:00Z"
	}
	for status, c := range map[string]struct {
		change func(o, s object)
		list   []string
		detail []string
	}{
		"delivering": {func(object, object) {}, []string{"Delivering", "nothing waits"}, []string{"1,234", "Pause"}},
		"retrying": {failed, []string{"Retrying", "ago", "answered 503"},
			[]string{"The next attempt is", "Later messages wait"}},
		"paused": {func(o, _ object) { o["paused"] = true }, []string{"Paused"}, []string{"Events wait", "Resume"}},
		"disabled": {func(_, s object) { s["disabled_reason"] = "The receiver answered 410." + consoletest.Hostile },
			[]string{"Disabled", "answered 410"}, []string{"Nothing is delivered until", "Resume"}},
		"starting": {func(object, object) {}, []string{"No dispatcher yet"}, []string{"check that one is running"}},
		"later":    {func(object, object) {}, []string{"later"}, []string{"Pause"}},
	} {
		d := stored(c.change, func(_, s object) { s["status"] = status })
		console := start(t, d, nil)
		console.Get("/destinations").Has(http.StatusOK, append(c.list, "https://hooks.example.com", "Webhook")...).Safe()
		console.Get("/destinations/d1").Has(http.StatusOK, c.detail...).Safe()
		console.Fragment("/destinations/d1", "state").Has(http.StatusOK).Safe()
		console.Fragment("/destinations", "destinations").Has(http.StatusOK, c.list...).Safe()
	}
	console := start(t, stored(), map[string]http.HandlerFunc{
		"GET /plumbline/destinations": consoletest.List([]any{}, object{})})
	console.Get("/destinations").Has(http.StatusOK, "No destinations yet", "Add destination").Safe()
	consoletest.Down(t, destination.Register).Get("/destinations").Has(http.StatusBadGateway, "does not answer").Safe()
}

func TestCreate(t *testing.T) {
	made := stored(func(o, _ object) { o["secret"] = "whsec_SECRET" })
	c := start(t, stored(), map[string]http.HandlerFunc{"POST /plumbline/destinations": consoletest.Answer(made)})
	form := c.Get("/destinations/new").Has(http.StatusOK, "Add destination", "Standard Webhooks").Safe().
		Form("/destinations")
	form.Set("name", "SOC")
	c.Post("/destinations", form).Has(http.StatusUnprocessableEntity, "Enter the URL").Safe()
	form.Set("url", "https://hooks.example.com/PATHSECRET")
	form["events"] = []string{"posture.check.held"}
	form.Set("headers.0.name", "X-Key")
	c.Post("/destinations", form).Has(http.StatusUnprocessableEntity, "Enter the value of the header").Safe()
	form.Set("headers.0.value", "HEADERSECRET")
	form.Set("headers.1.value", "HEADERSECRET")
	page := c.Post("/destinations", form).Has(http.StatusUnprocessableEntity, "needs the name").Safe()
	if strings.Contains(page.Body, "HEADERSECRET") {
		t.Error("the value of a header is sent back")
	}
	form.Del("headers.1.value")
	page = c.Post("/destinations", form).Has(http.StatusOK, "whsec_SECRET", "shown this once").Safe()
	if page.Header.Get("Location") != "" || strings.Contains(page.Body, "HEADERSECRET") {
		t.Error("a secret is in a redirect or sent back")
	}
	want := object{"kind": "webhook", "name": "SOC", "url": "https://hooks.example.com/PATHSECRET", "template": "",
		"events": []any{"posture.check.held"}, "headers": []any{object{"name": "X-Key", "value": "HEADERSECRET"}}}
	if got := sent(t, c, "POST"); !reflect.DeepEqual(got, want) {
		t.Errorf("%v", got)
	}
	refused := start(t, stored(), map[string]http.HandlerFunc{"POST /plumbline/destinations": consoletest.Refuse(400,
		"template: it fails for the event posture.check.held")})
	refused.Post("/destinations", form).Has(http.StatusUnprocessableEntity, "It fails for the event").Safe()
}

// A form that nobody changed sends back what is stored, without the URL and the values of headers, which stay.
func TestSave(t *testing.T) {
	c := start(t, stored(), nil)
	form := c.Get("/destinations/d1").Has(http.StatusOK).Safe().Form("/destinations/d1")
	c.Post("/destinations/d1", form).Has(http.StatusSeeOther)
	want := stored()
	for _, name := range []string{"id", "endpoint", "state"} {
		delete(want, name)
	}
	if got := sent(t, c, "PUT"); !reflect.DeepEqual(got, want) {
		t.Errorf("%v", got)
	}
	c.Forget()
	form.Set("url", "https://other.example.com")
	form.Set("headers.0.name", "")
	form["events"] = []string{"posture.outcome.changed", "posture.results.reset", "posture.check.held",
		"posture.check.released", "service_token.expiring", "service_token.expired"}
	c.Post("/destinations/d1", form).Has(http.StatusSeeOther)
	got := sent(t, c, "PUT")
	if got["url"] != "https://other.example.com" || len(got["headers"].([]any)) != 0 || len(got["events"].([]any)) != 0 {
		t.Errorf("%v", got)
	}
	changed := start(t, stored(), map[string]http.HandlerFunc{"PUT " + one: consoletest.Refuse(412, "changed")})
	changed.Post("/destinations/d1", form).Has(http.StatusPreconditionFailed, "Changed in the meantime")
}

func TestActions(t *testing.T) {
	result := object{"delivered": false, "event_id": "msg_1", "status": 0, "took_ms": 15000,
		"error": "No answer came." + consoletest.Hostile}
	rotated := stored(func(o, _ object) {
		o["secret"], o["previous_secret_expires_at"] = "whsec_NEW", "2026-12-01T12:00:00Z"
	})
	c := start(t, stored(), map[string]http.HandlerFunc{"POST " + one + "/test": consoletest.Answer(result),
		"POST " + one + "/replay": consoletest.Answer(stored()), "POST " + one + "/rotate": consoletest.Answer(rotated)})
	page := c.Get("/destinations/d1")
	c.Post("/destinations/d1/test", page.Form("/destinations/d1/test")).
		Has(http.StatusOK, "Failed", "No answer came.", "no response", "15 s").Safe()

	c.Forget()
	c.Post("/destinations/d1/pause", page.Form("/destinations/d1/pause")).Has(http.StatusSeeOther)
	if got := sent(t, c, "PUT"); got["paused"] != true || got["future"] != "kept" || got["state"] != nil {
		t.Errorf("%v", got)
	}
	c.Forget()
	c.Post("/destinations/d1/resume", url.Values{}).Has(http.StatusSeeOther)
	if got := sent(t, c, "PUT"); got["paused"] != false {
		t.Errorf("%v", got)
	}

	c.Forget()
	c.Post("/destinations/d1/replay", url.Values{"since": {"yesterday"}}).
		Has(http.StatusUnprocessableEntity, "in UTC from which").Safe().Open("replay", true)
	c.Post("/destinations/d1/replay", url.Values{"since": {"2026-11-30T08:00"}}).Has(http.StatusSeeOther)
	if got := sent(t, c, "POST"); got["since"] != "2026-11-30T08:00:00Z" {
		t.Errorf("%v", got)
	}

	c.Forget()
	c.Post("/destinations/d1/rotate", page.Form("/destinations/d1/rotate")).
		Has(http.StatusOK, "whsec_NEW", "Former secret signs until").Safe()
	if got := sent(t, c, "POST"); got["overlap"] != "24h0m0s" {
		t.Errorf("%v", got)
	}
	c.Post("/destinations/d1/rotate", url.Values{"overlap": {"1s"}}).Has(http.StatusBadRequest, "not rotated")

	asks := c.Get("/destinations/d1/delete").Has(http.StatusOK, "gets no more messages", "A breaker holds outcomes").Safe()
	c.Post("/destinations/d1/delete", asks.Form("/destinations/d1/delete")).Has(http.StatusSeeOther)
	if len(c.Asked("DELETE")) != 1 {
		t.Error("nothing was deleted")
	}
}
