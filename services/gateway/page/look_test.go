package page

import (
	"net/http"
	"regexp"
	"strings"
	"testing"

	"plumbline.dev/services/internal/policy"
)

// Each page says in plain words what happened, and keeps the status for those who help.
func TestHeadline(t *testing.T) {
	for want, r := range map[string]Refusal{
		"Wiki is not available at the moment":     {Status: 503, Application: "Wiki"},
		"There is no application at this address": {Status: 404},
		"Wiki needs a valid service token":        {Status: 401, Application: "Wiki"},
		"This request could not be answered":      {Status: 400},
		"Your device does not meet a requirement": {Status: 403, Application: "Wiki", Check: &Check{Outcome: "fail"}},
		"Your device could not be checked":        {Status: 403, Application: "Wiki", Check: &Check{Outcome: "unknown"}},
		"You do not have access to Wiki":          {Status: 403, Application: "Wiki"},
		"You do not have access to this page":     {Status: 403},
	} {
		_, body := Refuse(http.Header{}, &r)
		if !strings.Contains(string(body), "<h1>"+want+"</h1>") ||
			!strings.Contains(string(body), http.StatusText(r.Status)) {
			t.Errorf("the page lacks %q or its status:\n%s", want, body)
		}
	}
}

// The pages use only names that the tokens declare, and have a style for each of their classes.
func TestStyle(t *testing.T) {
	for _, m := range regexp.MustCompile(`var\((--[a-z0-9-]+)`).FindAllStringSubmatch(style, -1) {
		if !strings.Contains(style, m[1]+":") {
			t.Errorf("%s is declared nowhere", m[1])
		}
	}
	r := refusal
	check := *r.Check
	check.Remediation = "Update."
	r.Check, r.Organization, r.Again = &check, "Example", "/"
	_, page := Refuse(http.Header{}, &r)
	_, notice := Tell(http.Header{}, &Notice{Title: "Log in", Organization: "Example", Links: []Link{{"Log in", "/"}},
		Refused: true, Reason: policy.LoginFailed})
	for _, m := range regexp.MustCompile(`class="([^"]+)"`).FindAllStringSubmatch(string(page)+string(notice), -1) {
		for class := range strings.FieldsSeq(m[1]) {
			if !strings.Contains(style, "."+class) {
				t.Errorf("class %s has no style", class)
			}
		}
	}
	if strings.Contains(style, "url(") || strings.Contains(string(page)+string(notice), "style=") {
		t.Error("the policy forbids loaded resources and style attributes")
	}
}
