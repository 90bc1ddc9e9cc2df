package check_test

import (
	"encoding/json"
	"fmt"
	"io"
	"maps"
	"net/http"
	"net/url"
	"strings"
	"testing"

	"plumbline.dev/services/console/check"
	"plumbline.dev/services/console/consoletest"
)

type object = map[string]any

// stored is the check of the tests.
func stored(change ...func(object)) object {
	c := object{"id": "c1", "name": "EDR" + consoletest.Hostile, "type": "custom_s2s", "expiration": "1h",
		"description": "kept", "match": []any{object{"platform": "windows"}}, "x_mode": "enforce",
		"x_breaker":     object{"share": 0.1},
		"x_remediation": "Start the **agent**." + consoletest.Hostile,
		"input":         object{"connection_id": "i1", "operator": ">=", "score": 60}}
	for _, f := range change {
		f(c)
	}
	return c
}

// scores are 10 devices at 41, 20 at 65 and 30 at 90, and 5 without a score.
func scores() object {
	all := make([]int, 101)
	all[41], all[65], all[90] = 10, 20, 30
	return object{"integration_id": "i1", "devices": 65, "without_score": 5, "scores": all, "outdated_pages": 0}
}

func start(t *testing.T, more map[string]http.HandlerFunc) *consoletest.Console {
	routes := map[string]http.HandlerFunc{
		"GET /devices/posture":    consoletest.Answer([]any{stored()}),
		"GET /devices/posture/c1": withRevision(stored()),
		"GET /devices/posture/integration": consoletest.Answer([]any{
			object{"id": "i1", "name": "Fleet" + consoletest.Hostile, "type": "custom_s2s"},
			object{"id": "i2", "name": "Other", "type": "custom_s2s"}}),
		"GET /plumbline/overview": consoletest.Answer(object{"checks": []any{object{"id": "c1", "pass": 50, "fail": 10,
			"unknown": 5, "exempt": 1, "applications": 2}}}),
		"GET /plumbline/devices/scores": consoletest.Answer(scores()),
		"GET /access/organizations": consoletest.Answer(object{"name": "x",
			"x_breaker": object{"share": 0.4, "floor": 7}}),
	}
	maps.Copy(routes, more)
	return consoletest.New(t, routes, check.Register)
}

// withRevision answers with a resource of revision 7.
func withRevision(result any) http.HandlerFunc {
	return func(w http.ResponseWriter, r *http.Request) {
		w.Header().Set("ETag", `"7"`)
		consoletest.Answer(result)(w, r)
	}
}

// form is the form of the stored check, with changes.
func form(pairs ...string) url.Values {
	f := url.Values{"name": {"EDR"}, "connection_id": {"i1"}, "operator": {">="}, "score": {"60"}, "expiration": {"1h"},
		"x_mode": {"enforce"}, "revision": {`"7"`}, "share": {"0.1"}}
	for n := 0; n < len(pairs); n += 2 {
		f.Set(pairs[n], pairs[n+1])
	}
	return f
}

func TestList(t *testing.T) {
	for want, change := range map[string]func(object){
		"Enforced":      func(object) {},
		"Observe only":  func(c object) { c["x_mode"] = "observe" },
		"Not evaluated": func(c object) { c["type"] = "firewall" },
	} {
		c := start(t, map[string]http.HandlerFunc{"GET /devices/posture": consoletest.Answer([]any{stored(change)})})
		c.Get("/checks").Has(http.StatusOK, want, "Fleet", "50").Safe()
		c.Fragment("/checks", "checks").Has(http.StatusOK, want).Safe()
	}
	start(t, map[string]http.HandlerFunc{"GET /devices/posture": consoletest.Answer([]any{})}).
		Get("/checks").Has(http.StatusOK, "No checks yet", "Add check").Safe()
	start(t, map[string]http.HandlerFunc{"GET /plumbline/overview": consoletest.Refuse(403, "no")}).
		Get("/checks").Has(http.StatusOK, "at least 60").Safe()
}

func TestDetailIsASentenceWithTheScores(t *testing.T) {
	p := start(t, nil).Get("/checks/c1").Has(http.StatusOK, "A device passes when its score from", "at least",
		"At 60: 10 of 60 devices with a score fail", "limit of the breaker for a poll: 10 % of a page, or 7 devices",
		"sessions on them end at 2 applications", "score 65: 20 devices, pass", "score 41: 10 devices, fail",
		"As users see it:").Safe()
	if all := p.Texts("circle", "knob"); len(all) != 1 {
		t.Errorf("%d knobs", len(all))
	}
	if all := p.Texts("strong", ""); len(all) != 1 || all[0] != "agent" {
		t.Errorf("the preview: %q", all)
	}
}

func TestEffectOfAnotherThreshold(t *testing.T) {
	c := start(t, nil)
	for query, want := range map[string]string{
		"score=70":                          "At 70: 20 more devices fail",
		"score=41":                          "At 41: 10 fewer devices fail",
		"score=55":                          "At 55: as many devices fail as now",
		"operator=<&score=50":               "At 50: 40 more devices fail",
		"score=70&connection_id=i2":         "At 70: 30 of 60 devices with a score fail",
		"score=70&enabled=false":            "limit of the breaker for a poll: off",
		"score=70&share=0.25&floor=3":       "25 % of a page, or 3 devices",
		"score=seventy":                     "No scores yet",
		"score=" + consoletest.Hostile[:40]: "No scores yet",
	} {
		q := form()
		for _, pair := range strings.Split(query, "&") {
			name, value, _ := strings.Cut(pair, "=")
			q.Set(name, value)
		}
		c.Fragment("/checks/c1/effect?"+q.Encode(), "effect").Has(http.StatusOK, want).Safe()
	}
	c.Fragment("/checks/new/effect?"+form("score", "70").Encode(), "effect").
		Has(http.StatusOK, "At 70: 30 of 60 devices with a score fail").Safe()
	start(t, map[string]http.HandlerFunc{"GET /plumbline/devices/scores": consoletest.Refuse(403, "no")}).
		Fragment("/checks/c1/effect?"+form().Encode(), "effect").Has(http.StatusOK, "You may not read scores").Safe()
}

func TestExactTrial(t *testing.T) {
	result := object{"devices": 65, "pass": 30, "fail": 30, "unknown": 5, "flips": 1204, "flips_to_fail": 1200,
		"flips_to_pass": 4, "more": true, "flipping": []any{object{"device_id": "d1", "name": consoletest.Hostile, "score": 65,
			"from": "pass", "outcome": "fail", "reason": "score"}}}
	c := start(t, map[string]http.HandlerFunc{"POST /plumbline/checks/try": consoletest.Answer(result)})
	path := "/trial?" + form("score", "70").Encode()
	c.Fragment("/checks/c1"+path, "trial").
		Has(http.StatusOK, "1,204 outcomes flip", "1,200 to fail", "The first 1 devices").Safe()
	c.Get("/checks/new"+path).Has(http.StatusOK, "1,204 outcomes flip").Safe()
	asked := c.Asked(http.MethodPost)
	var edit, fresh struct {
		RuleID string `json:"rule_id"`
		Rule   object
	}
	if json.Unmarshal([]byte(asked[0].Body), &edit) != nil || json.Unmarshal([]byte(asked[1].Body), &fresh) != nil {
		t.Fatal(asked)
	}
	if edit.RuleID != "c1" || edit.Rule["input"].(object)["score"] != 70.0 || edit.Rule["name"] != nil {
		t.Errorf("%+v", edit)
	}
	if fresh.RuleID != "" || fresh.Rule["type"] != "custom_s2s" || fresh.Rule["name"] == "" {
		t.Errorf("%+v", fresh)
	}
	start(t, map[string]http.HandlerFunc{"POST /plumbline/checks/try": consoletest.Refuse(400, "x_grace is too long")}).
		Fragment("/checks/c1"+path, "trial").Has(http.StatusOK, "Is too long").Safe()
}

func TestTrialOverTheLogIsStreamed(t *testing.T) {
	lines := func(w http.ResponseWriter, r *http.Request) {
		var q object
		if json.NewDecoder(r.Body).Decode(&q) != nil || q["since"] != "30d" || q["step"] != "6h" || q["rule_id"] != "c1" {
			t.Errorf("%v", q)
		}
		for n := range 3 {
			fmt.Fprintf(w, `{"kind":"step","step":%d,"steps":3,"at":"2026-11-0%dT00:00:00Z","devices":65,"fail":%d}`+"\n", n+1, n+1, n)
		}
		_, _ = io.WriteString(w, `{"kind":"summary","most_flips":12,"most_flips_at":"2026-11-02T00:00:00Z"}`+"\n")
	}
	c := start(t, map[string]http.HandlerFunc{"POST /plumbline/checks/try": lines})
	p := c.Get("/checks/c1/past/live?" + form("score", "70").Encode())
	if p.Status != http.StatusOK || p.Header.Get("Content-Type") != "text/event-stream" ||
		!strings.Contains(p.Body, "at most 12 outcomes differ") || strings.Count(p.Body, "data: ") == 0 {
		t.Errorf("%d %v: %s", p.Status, p.Header, p.Body)
	}
	cut := func(w http.ResponseWriter, _ *http.Request) {
		_, _ = io.WriteString(w, `{"kind":"step","step":1,"steps":3}`+"\n")
	}
	broken := start(t, map[string]http.HandlerFunc{"POST /plumbline/checks/try": cut})
	if p := broken.Get("/checks/c1/past/live?" + form().Encode()); !strings.Contains(p.Body, "The trial ended early") {
		t.Error(p.Body)
	}
}

func TestSaveKeepsWhatTheFormDoesNotHave(t *testing.T) {
	c := start(t, map[string]http.HandlerFunc{"PUT /devices/posture/c1": consoletest.Answer(stored())})
	c.Post("/checks/c1", form("score", "70", "x_grace", "7d", "expect_flips", "25", "enabled", "true")).
		Has(http.StatusSeeOther)
	put := c.Asked(http.MethodPut)
	if len(put) != 1 || put[0].Query != "expect_flips=25" || put[0].Header.Get("If-Match") != `"7"` {
		t.Fatalf("%+v", put)
	}
	var body object
	if err := json.Unmarshal([]byte(put[0].Body), &body); err != nil {
		t.Fatal(err)
	}
	input, breaker := body["input"].(object), body["x_breaker"].(object)
	if body["description"] != "kept" || body["match"] == nil || body["id"] != nil || body["x_grace"] != "7d" ||
		input["score"] != 70.0 || breaker["share"] != 0.1 || breaker["enabled"] != true || body["x_recover_score"] != nil {
		t.Errorf("%v", body)
	}
	if _, found := body["x_remediation"]; !found { // emptied, so it is reset
		t.Errorf("%v", body)
	}
}

func TestSaveThatIsRejected(t *testing.T) {
	for want, c := range map[string]struct {
		status  int
		message string
		fields  []string
	}{
		"would flip the outcomes of 30": {409, "the change would flip the outcomes of 30 of 65 devices", []string{"expect_flips", "2"}},
		"Must be a number":              {400, "", []string{"x_recover_score", "much"}},
		"Must be a whole number":        {400, "", []string{"expect_flips", "-1"}},
		"Is too long":                   {400, "x_grace is too long", nil},
		"Must be between 0 and 1":       {400, "invalid posture rule request: x_breaker.share must be between 0 and 1, got 3", nil},
		"Changed in the meantime":       {412, "it has changed", nil},
	} {
		status := http.StatusUnprocessableEntity
		if c.status == 412 {
			status = 412
		}
		console := start(t, map[string]http.HandlerFunc{"PUT /devices/posture/c1": consoletest.Refuse(c.status, c.message)})
		console.Post("/checks/c1", form(c.fields...)).Has(status, want).Safe()
		if c.message == "" && len(console.Asked(http.MethodPut)) > 0 {
			t.Errorf("%s: a wrong form was sent", want)
		}
	}
}

func TestNewCheck(t *testing.T) {
	c := start(t, map[string]http.HandlerFunc{"POST /devices/posture": consoletest.Answer(object{"id": "c2"})})
	c.Get("/checks/new").Has(http.StatusOK, "New check", "At 60: 10 of 60 devices with a score fail").Safe()
	c.Get("/checks/new?copy=c1").Has(http.StatusOK, "New check").Safe()
	if p := c.Post("/checks", form()); p.Status != http.StatusSeeOther || p.Header.Get("Location") != "/checks/c2" {
		t.Errorf("%d %v", p.Status, p.Header)
	}
	if sent := c.Asked(http.MethodPost); len(sent) != 1 || !strings.Contains(sent[0].Body, `"type":"custom_s2s"`) {
		t.Errorf("%+v", sent)
	}
	start(t, map[string]http.HandlerFunc{"GET /devices/posture/integration": consoletest.Answer([]any{})}).
		Get("/checks/new").Has(http.StatusOK, "No integration to take scores from").Safe()
}

func TestPreview(t *testing.T) {
	c := start(t, nil)
	text := url.Values{"x_remediation": {"**now** " + consoletest.Hostile + " [x](javascript:alert(1))"}}
	if p := c.Post("/checks/preview", text).Has(http.StatusOK, "now").Safe(); len(p.Attributes("a", "href")) > 0 {
		t.Error(p.Body)
	}
	c.Post("/checks/preview", nil).Has(http.StatusOK, "names the check only").Safe()
}

func TestDeleteSaysWhatBreaks(t *testing.T) {
	rule := []any{object{"device_posture": object{"integration_uid": "c1"}}}
	users := map[string]http.HandlerFunc{
		"GET /access/policies": consoletest.Answer([]any{object{"id": "p1", "name": consoletest.Hostile, "require": rule}}),
		"GET /access/apps":     consoletest.Answer([]any{object{"id": "a1", "name": "wiki", "policies": []any{object{"include": rule}}}}),
		"GET /access/groups":   consoletest.Answer([]any{object{"id": "g1", "name": "staff", "exclude": rule}}),
	}
	users["DELETE /devices/posture/c1"] = consoletest.Refuse(400, "the rule is in use")
	c := start(t, paged(users))
	c.Get("/checks/c1/delete").Has(http.StatusOK, "These require the check", "wiki", "staff").Safe()
	c.Post("/checks/c1/delete", nil).Has(http.StatusConflict, "Not deleted. the rule is in use").Safe()
	none := map[string]http.HandlerFunc{"GET /access/policies": consoletest.Refuse(403, "no"),
		"GET /access/apps": consoletest.Answer([]any{}), "GET /access/groups": consoletest.Answer([]any{}),
		"DELETE /devices/posture/c1": consoletest.Answer(object{"id": "c1"})}
	c = start(t, none)
	c.Get("/checks/c1/delete").Has(http.StatusOK, "access does not change", "You may not read all of them").Safe()
	if p := c.Post("/checks/c1/delete", nil); p.Status != http.StatusSeeOther || p.Header.Get("Location") != "/checks" {
		t.Errorf("%d %v", p.Status, p.Header)
	}
}

// paged ends each list with an empty page.
func paged(routes map[string]http.HandlerFunc) map[string]http.HandlerFunc {
	for pattern, h := range routes {
		if strings.HasPrefix(pattern, "GET /access/") {
			routes[pattern] = func(w http.ResponseWriter, r *http.Request) {
				if r.URL.Query().Get("page") != "1" {
					h = consoletest.Answer([]any{})
				}
				h(w, r)
			}
		}
	}
	return routes
}

func TestWithoutTheControlPlane(t *testing.T) {
	c := consoletest.Down(t, check.Register)
	for _, path := range []string{"/checks", "/checks/c1", "/checks/new", "/checks/c1/delete"} {
		c.Get(path).Has(http.StatusBadGateway, "The control plane does not answer").Safe()
	}
	c.Fragment("/checks/c1/effect?"+form().Encode(), "effect").Has(http.StatusBadGateway, "does not answer").Safe()
}
