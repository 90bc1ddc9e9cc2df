package application_test

import (
	"fmt"
	"net/http"
	"net/url"
	"strconv"
	"strings"
	"testing"

	"plumbline.dev/services/console/consoletest"
)

// revised answers with a resource and a revision.
func revised(result any, revision string) http.HandlerFunc {
	return func(w http.ResponseWriter, r *http.Request) {
		w.Header().Set("ETag", `"`+revision+`"`)
		consoletest.Answer(result)(w, r)
	}
}

func TestASavedPolicyKeepsWhatTheFormDoesNotHave(t *testing.T) {
	before := policy()
	before["future"], before["session_duration"] = object{"n": 1, "of": []any{"a"}}, "30m"
	c := start(t, map[string]http.HandlerFunc{"GET /access/policies/p1": revised(before, "7"),
		"PUT /access/policies/p1": consoletest.Answer(before)})
	page := c.Get("/policies/p1").Has(200)
	if curl := strings.Join(page.Texts("pre", ""), " "); !strings.Contains(curl, `"future"`) {
		t.Errorf("a copied command removes members: %s", curl)
	}
	form := page.Form("/policies/p1")
	form.Set("name", "Renamed")
	c.Post("/policies/p1", form).Has(303)
	form.Set("session_duration", "")
	c.Post("/policies/p1", form).Has(303)
	puts := c.Asked("PUT")
	if body := sent(t, puts[0].Body); text(t, body["future"]) != `{"n":1,"of":["a"]}` || body["name"] != "Renamed" ||
		body["session_duration"] != "30m" || body["id"] != nil {
		t.Errorf("%v", body)
	}
	if body := sent(t, puts[1].Body); body["session_duration"] != nil || body["future"] == nil {
		t.Errorf("%v", body)
	}
	for _, put := range puts {
		if got := put.Header.Get("If-Match"); got != `"7"` {
			t.Errorf("saved whatever the revision: If-Match %q", got)
		}
	}
}

func mails(n int) (rules []any) {
	for i := range n {
		rules = append(rules, object{"email": object{"email": fmt.Sprintf("u%d@example.com", i)}})
	}
	return rules
}

// Rules below empty rows stay in the form when it is shown again.
func TestAFormShownAgainHasEveryRule(t *testing.T) {
	before := policy()
	before["require"] = mails(6)
	c := start(t, map[string]http.HandlerFunc{"GET /access/policies/p1": consoletest.Answer(before),
		"PUT /access/policies/p1": consoletest.Answer(before)})
	form := c.Get("/policies/p1").Form("/policies/p1")
	for _, n := range []string{"1", "2", "3"} {
		form.Set("require."+n+".selector", "")
		form.Set("require."+n+".value", "")
	}
	form.Set("name", "")
	again := c.Post("/policies/p1", form).Has(422, "Enter a name.").Form("/policies/p1")
	again.Set("name", "P")
	c.Post("/policies/p1", again).Has(303)
	var left []string
	for _, rule := range sent(t, c.Asked("PUT")[0].Body)["require"].([]any) {
		left = append(left, rule.(object)["email"].(object)["email"].(string))
	}
	if got := strings.Join(left, " "); got != "u0@example.com u4@example.com u5@example.com" {
		t.Errorf("saved %s", got)
	}
}

func TestLongListsAreSavedWholeOrNotAtAll(t *testing.T) {
	const most = 1000 // rules of a list in the form
	for _, n := range []int{201, most, most + 1} {
		before := policy()
		before["exclude"] = mails(n)
		c := start(t, map[string]http.HandlerFunc{"GET /access/policies/p1": consoletest.Answer(before),
			"PUT /access/policies/p1": consoletest.Answer(before)})
		page := c.Get("/policies/p1")
		if n > most {
			page.Has(409, "too many rules")
			c.Post("/policies/p1", url.Values{"name": {"P"}, "decision": {"allow"}}).Has(409, "too many rules")
			if len(c.Asked("PUT")) > 0 {
				t.Error("a part of the rules was saved")
			}
			continue
		}
		form := page.Form("/policies/p1")
		c.Post("/policies/p1", form).Has(303)
		if got := len(sent(t, c.Asked("PUT")[0].Body)["exclude"].([]any)); got != n {
			t.Errorf("%d of %d rules were saved", got, n)
		}
		for i := n; i <= most; i++ {
			form.Set("exclude."+strconv.Itoa(i)+".selector", "everyone")
		}
		c.Post("/policies/p1", form).Has(422, "at most 1000 rules")
	}
}

// A name is shown only if it leads back to the same resource.
func TestNamesThatSeveralHave(t *testing.T) {
	before := policy()
	before["include"] = []any{object{"service_token": object{"token_id": "t2"}},
		object{"service_token": object{"token_id": "t1"}},
		object{"email": object{"email": " padded@example.com"}}, object{"future": object{"n": 12345678901234567}}}
	before["require"], before["exclude"] = []any{}, []any{}
	for _, tokens := range []http.HandlerFunc{nil, consoletest.Refuse(403, "no")} {
		routes := map[string]http.HandlerFunc{"GET /access/policies/p1": consoletest.Answer(before),
			"PUT /access/policies/p1": consoletest.Answer(before)}
		if tokens != nil {
			routes["GET /access/service_tokens"] = tokens
		}
		c := start(t, routes)
		c.Post("/policies/p1", c.Get("/policies/p1").Form("/policies/p1")).Has(303)
		if body := c.Asked("PUT")[0].Body; !strings.Contains(body, `"include":[{"service_token":{"token_id":"t2"}},`+
			`{"service_token":{"token_id":"t1"}},{"email":{"email":" padded@example.com"}},{"future":{"n":12345678901234567}}]`) {
			t.Errorf("saved %s", body)
		}
	}
}

func TestASavedApplicationKeepsDestinations(t *testing.T) {
	before := stored(func(a object) {
		a["destinations"] = []any{object{"type": "public", "uri": "wiki.example.com", "future": 1},
			object{"type": "private", "cidr": "10.0.0.0/8"}, object{"type": "public", "uri": "old.example.com"}}
		a["self_hosted_domains"] = []any{"wiki.example.com", "old.example.com"}
	})
	c := start(t, map[string]http.HandlerFunc{"GET /access/apps/a1": revised(before, "7"),
		"PUT /access/apps/a1": consoletest.Answer(before)})
	page := c.Get("/applications/a1").Has(200, "Further destinations, which stay as they are: private")
	form := page.Form("/applications/a1")
	save := func(hosts string) object {
		form.Set("domains", hosts)
		c.Post("/applications/a1", form).Has(303)
		all := c.Asked("PUT")
		if got := all[len(all)-1].Header.Get("If-Match"); got != `"7"` {
			t.Errorf("saved whatever the revision: If-Match %q", got)
		}
		return sent(t, all[len(all)-1].Body)
	}
	body := save(form.Get("domains"))
	for _, name := range []string{"destinations", "self_hosted_domains", "domain"} {
		if text(t, body[name]) != text(t, before[name]) {
			t.Errorf("untouched: %v", body)
		}
	}
	for hosts, want := range map[string]string{
		"new.example.com wiki.example.com": `wiki.example.com [{"type":"public","uri":"new.example.com"},` +
			`{"future":1,"type":"public","uri":"wiki.example.com"},{"cidr":"10.0.0.0/8","type":"private"}]`,
		"new.example.com": `new.example.com [{"type":"public","uri":"new.example.com"},{"cidr":"10.0.0.0/8","type":"private"}]`,
		"":                `<nil> [{"cidr":"10.0.0.0/8","type":"private"}]`,
	} {
		body := save(hosts)
		if got := fmt.Sprint(body["domain"], " ", text(t, body["destinations"])); got != want ||
			body["self_hosted_domains"] != nil {
			t.Errorf("%q: %s %v, want %s", hosts, got, body["self_hosted_domains"], want)
		}
	}
}

func TestAnEmptySessionDurationIsTheDefault(t *testing.T) {
	c := start(t, map[string]http.HandlerFunc{"PUT /access/apps/a1": consoletest.Answer(stored())})
	form := c.Get("/applications/a1").Form("/applications/a1")
	form.Set("session_duration", "")
	c.Post("/applications/a1", form).Has(303)
	if body := sent(t, c.Asked("PUT")[0].Body); body["session_duration"] != nil || body["logo_url"] != "kept" {
		t.Errorf("%v", body)
	}
}
