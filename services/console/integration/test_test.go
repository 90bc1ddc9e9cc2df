package integration_test

import (
	"net/http"
	"net/url"
	"strings"
	"testing"

	"plumbline.dev/services/console/consoletest"
)

// result is the result of a passed test.
func result(change func(object)) object {
	v := object{
		"at": "2026-11-30T12:00:00Z", "error": "", "detail": "", "attempts": 1, "took_ms": 160,
		"connection": object{"address": "203.0.113.7:443", "connected_ms": 10.2, "handshake_ms": 7.9,
			"tls_version": "TLS 1.3", "certificate": object{"subject": "CN=a" + consoletest.Hostile, "issuer": "CN=b",
				"trusted":    true,
				"not_before": "2026-01-01T00:00:00Z", "not_after": "2027-03-01T00:00:00Z"}},
		"credential": object{"kind": "application_token", "application_id": "a1", "status": "accepted",
			"application_name": "scores" + consoletest.Hostile, "audience": "95b981e0ffff"},
		"request": object{"method": "POST", "url": "https://scores.example.com/posture", "size": 20,
			"headers": []any{object{"name": "Cf-Access-Jwt-Assertion", "value": "(hidden)"}}, "body": `{"devices":[]}`},
		"response": object{"http_status": 200, "protocol": "HTTP/2.0", "took_ms": 142.4, "size": 41_000, "headers": []any{},
			"body": "<p>" + consoletest.Hostile},
		"asked": 2, "answered": 1, "missing": 1, "invalid": 0, "unknown": 0,
		"checks": []any{object{"id": "c1", "name": "EDR healthy", "operator": ">=", "score": 60}},
		"devices": []any{
			object{"device_id": "d1", "name": "lisbon" + consoletest.Hostile, "score": 87,
				"checks": []any{object{"check_id": "c1", "outcome": "pass"}}},
			object{"device_id": "d2", "name": "", "score": nil, "problem": "missing",
				"checks": []any{object{"check_id": "c1", "outcome": "unknown"}}}},
	}
	if change != nil {
		change(v)
	}
	return v
}

const apiTest = "POST /plumbline/integrations/test"

func tested(t *testing.T, v object) *consoletest.Console {
	return start(t, map[string]http.HandlerFunc{apiTest: consoletest.Answer(v),
		"PATCH /devices/posture/integration/i1": consoletest.Answer(stored(func(i object) { i["name"] = "saved" })),
		"POST /devices/posture/integration":     consoletest.Answer(stored())})
}

func TestTestPane(t *testing.T) {
	c := tested(t, result(nil))
	p := c.Post("/integrations/i1/test", form("api_url", "https://scores.example.com/other")).Has(http.StatusOK,
		"Passed", "nothing saved yet", "Connected 203.0.113.7:443 in 18 ms, TLS 1.3, certificate valid to 2027-03-01",
		"Application token accepted audience 95b981e0… of application scores", "200 in 142 ms, 41 KB",
		"2 devices asked, 1 answered , 1 missing, 0 invalid", "EDR healthy ≥ 60", "lisbon", "87", "Pass", "Missing",
		"Cf-Access-Jwt-Assertion: (hidden)").Safe()
	kinds := strings.Join(p.Attributes("li", "class"), " ")
	if !strings.Contains(kinds, "ok ok ok warn") {
		t.Errorf("steps are %s", kinds)
	}
	sent := bodyOf(t, c.Asked("POST")[0].Body)
	if sent["integration_id"] != "i1" || sent["device_ids"] != nil ||
		sent["integration"].(object)["config"].(object)["api_url"] != "https://scores.example.com/other" {
		t.Errorf("asked %v", sent)
	}
	if len(c.Asked("PATCH")) != 0 {
		t.Error("a test saved something")
	}
}

func TestTestPaneOfFailures(t *testing.T) {
	for name, c := range map[string]struct {
		change func(object)
		want   []string
	}{
		"untrusted": {func(v object) {
			v["error"], v["detail"], v["response"] = "api_error", "The server's certificate is not trusted.", nil
			v["connection"].(object)["failure"] = "The server's certificate is not trusted."
			v["connection"].(object)["certificate"].(object)["trusted"] = false
			v["credential"].(object)["status"] = "unknown"
		}, []string{"Failed", "not trusted", "Not connected 203.0.113.7:443, certificate of CN=a",
			"Application token not tested", "No response came."}},
		"refused by the exchange": {func(v object) {
			v["error"], v["detail"], v["response"], v["connection"] = "auth_failed", "The exchange refused.", nil, nil
			v["credential"].(object)["status"], v["credential"].(object)["detail"] = "refused", "no policy admits the token"
		}, []string{"Failed", "No call was made", "Application token refused no policy admits the token"}},
		"refused by the API": {func(v object) {
			v["error"], v["detail"] = "auth_failed", "The API answered 403 Forbidden."
			v["response"].(object)["http_status"] = 403
			v["credential"] = object{"kind": "service_credentials", "status": "refused", "detail": ""}
		}, []string{"The API answered 403 Forbidden.", "Client ID and Secret refused", "403 in 142 ms"}},
		"slow": {func(v object) {
			v["error"], v["detail"], v["response"] = "timeout", "The server did not answer in time.", nil
		}, []string{"did not answer in time", "Connected", "No response"}},
		"internal": {func(v object) {
			v["response"].(object)["withheld"] = "The headers and the body are not shown, because 10.0.0.1 is internal."
		}, []string{"Passed", "because 10.0.0.1 is internal."}},
		"not prepared": {func(v object) {
			v["error"], v["detail"] = "api_error", "The URL names no host."
			v["response"], v["connection"], v["request"], v["credential"] = nil, nil, nil, nil
		}, []string{"The URL names no host.", "No call was made"}},
	} {
		t.Run(name, func(t *testing.T) {
			tested(t, result(c.change)).Post("/integrations/i1/test", form()).Has(http.StatusOK, c.want...).Safe()
		})
	}
	expiring := result(func(v object) {
		v["connection"].(object)["certificate"].(object)["not_after"] = "2026-12-05T00:00:00Z"
	})
	p := tested(t, expiring).Post("/integrations/i1/test", form()).Has(http.StatusOK, "Passed")
	if kinds := strings.Join(p.Attributes("li", "class"), " "); !strings.Contains(kinds, "warn ok ok warn") {
		t.Errorf("a certificate about to expire: %s", kinds)
	}
	limited := start(t, map[string]http.HandlerFunc{apiTest: consoletest.Refuse(429, "too many tests")})
	limited.Post("/integrations/i1/test", form()).Has(http.StatusTooManyRequests)
}

func TestTestAndSave(t *testing.T) {
	c := tested(t, result(nil))
	c.Post("/integrations/i1/test?then=save", form("access_client_secret", "typed-secret")).Has(http.StatusOK, "Passed",
		"saved", "Stored sealed").Safe()
	if all := c.Asked("PATCH"); len(all) != 1 || !strings.Contains(all[0].Body, "typed-secret") {
		t.Errorf("saved %+v", all)
	}
	p := c.Post("/integrations/new/test?then=save", form("access_client_secret", "s"))
	if p.Status != http.StatusSeeOther || p.Header.Get("Location") != "/integrations/i1" {
		t.Errorf("%d %v", p.Status, p.Header)
	}
	failing := tested(t, result(func(v object) { v["error"], v["detail"] = "timeout", "Slow." }))
	failing.Post("/integrations/i1/test?then=save", form()).Has(http.StatusOK, "Failed", "nothing saved yet")
	if len(failing.Asked("PATCH")) != 0 {
		t.Error("an integration that failed its test was saved")
	}
	// htmx gets the requested part.
	r := c.Request(http.MethodPost, "/integrations/i1/test", form())
	r.Header.Set("HX-Request", "true")
	r.Header.Set("HX-Target", "div#test")
	part := c.Do(r).Has(http.StatusOK, "Passed").Safe()
	if len(part.Texts("nav", ""))+len(part.Texts("form", "")) > 0 || part.Header.Get("HX-Retarget") != "" {
		t.Errorf("the pane came with more: %s", part.Text())
	}
}

func TestPolls(t *testing.T) {
	poll := object{"tick": 8842, "began_at": "2026-11-30T11:58:00Z", "ended_at": "2026-11-30T11:58:01Z", "took_ms": 430,
		"plan_ms": 20, "calls_ms": 300, "evaluate_ms": 130, "pages": 100, "devices": 100_000, "changed": 31, "held": 412,
		"failed_pages": 2, "failures": []any{object{"error": "api_error", "pages": 2, "http_status": 503,
			"detail": "The API answered 503." + consoletest.Hostile}}}
	older := object{"tick": 8841, "began_at": "2026-11-30T11:53:00Z", "took_ms": 400, "plan_ms": nil, "calls_ms": 300,
		"evaluate_ms": 100, "pages": 100, "failures": []any{}}
	c := start(t, map[string]http.HandlerFunc{
		"GET /plumbline/integrations/i1/polls": consoletest.Answer([]any{poll, older})})
	part := c.Fragment("/integrations/i1/polls", "polls").Has(http.StatusOK, "tick 8,842",
		"100 pages · 430 ms · 31 changed",
		"412 held", "2 of 100", "evaluate and log").Safe()
	if all := part.Attributes("svg", "aria-label"); len(all) != 2 ||
		all[0] != "Poll 8842: plan 20ms, calls 300ms, evaluate and log 130ms" {
		t.Errorf("charts %q", all)
	}
	c.Get("/integrations/i1/polls?all=1").Has(http.StatusOK, "tick 8,841").Safe()
	detail := c.Get("/integrations/i1/polls/8842?at=2026-11-30T11:58:00Z").Has(http.StatusOK, "Poll 8,842",
		"100, 98 succeeded", "20 ms", "api_error", "503", "412").Safe()
	if len(detail.Attributes("svg", "role")) < 1 {
		t.Error("no chart")
	}
	asked := c.Asked("GET")
	var last string
	for _, a := range asked {
		if strings.HasSuffix(a.Path, "/polls") {
			last = a.Query
		}
	}
	q, err := url.ParseQuery(last)
	if err != nil || q.Get("since") != "2026-11-30T11:57:00Z" || q.Get("until") != "2026-11-30T12:08:00Z" {
		t.Errorf("asked for %v, %v", q, err)
	}
	c.Get("/integrations/i1/polls/8841").Has(http.StatusOK, "plan –")
	c.Get("/integrations/i1/polls/7").Has(http.StatusNotFound, "no such poll")
	c.Get("/integrations/i1/polls/x").Has(http.StatusNotFound)
	none := start(t, map[string]http.HandlerFunc{"GET /plumbline/integrations/i1/polls": consoletest.Answer([]any{})})
	none.Fragment("/integrations/i1/polls", "polls").Has(http.StatusOK, "no polls yet")
}
