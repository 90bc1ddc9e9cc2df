package member_test

import (
	"encoding/json"
	"fmt"
	"net/http"
	"net/url"
	"testing"

	"plumbline.dev/services/console/consoletest"
	"plumbline.dev/services/console/member"
)

type object = map[string]any

var administrator = object{"id": "r1", "name": "Administrator", "description": "Everything.",
	"permissions": object{"members": object{"read": true, "edit": true}, "apps": object{"read": true, "edit": true}}}

var reader = object{"id": "r2", "name": "Administrator Read Only", "description": "Nothing.",
	"permissions": object{"members": object{"read": true, "edit": false}}}

func stored(id, email string, roles ...any) object {
	return object{"id": id, "email": email, "status": "accepted", "roles": roles, "x_created_at": "2026-11-01T00:00:00Z"}
}

func start(t *testing.T, more map[string]http.HandlerFunc) *consoletest.Console {
	ann := stored("m1", "Ann@Example.com", administrator)
	routes := map[string]http.HandlerFunc{
		"GET /members":    consoletest.Answer([]any{ann, stored("m2", consoletest.Hostile, reader)}),
		"GET /members/m1": consoletest.Answer(ann),
		"GET /members/m2": consoletest.Answer(stored("m2", consoletest.Hostile, reader)),
		"GET /roles":      consoletest.Answer([]any{administrator, reader}),
	}
	for pattern, h := range more {
		routes[pattern] = h
	}
	return consoletest.New(t, routes, member.Register)
}

func TestMembers(t *testing.T) {
	c := start(t, nil)
	c.Get("/members").
		Has(200, "Ann@Example.com", "Administrator Read Only", "Accepted", "Add a member", "apps, members").
		Safe()
	c.Get("/members/m1").
		Has(200, "This is you.", "The only administrator.", "plumb members add Ann@Example.com --role Administrator").
		Safe()
	c.Get("/members/m2").Has(200, "Remove").Safe()
	c.Get("/members/none").Has(404)
	start(
		t,
		map[string]http.HandlerFunc{"GET /members": consoletest.Answer([]any{})},
	).Get("/members").
		Has(200, "No members yet").
		Safe()
	start(
		t,
		map[string]http.HandlerFunc{"GET /members": consoletest.Refuse(403, "the roles of ann lack it")},
	).Get("/members").
		Has(403)
	consoletest.Down(t, member.Register).Get("/members").Has(502)
}

func TestChangesOfMembers(t *testing.T) {
	c := start(
		t,
		map[string]http.HandlerFunc{
			"POST /members":      consoletest.Answer(object{}),
			"PUT /members/m2":    consoletest.Answer(object{}),
			"DELETE /members/m2": consoletest.Answer(object{}),
		},
	)
	for path, form := range map[string]url.Values{"/members": {"email": {" bob@example.com "}, "role": {"r1", "r2"}},
		"/members/m2": {"role": {"r1"}, "status": {"pending"}}, "/members/m2/remove": nil} {
		if p := c.Post(path, form); p.Status != http.StatusSeeOther || p.Header.Get("Location") != "/members" {
			t.Errorf("%s: %d %s", path, p.Status, p.Text())
		}
	}
	for method, want := range map[string]string{"POST": "map[email:bob@example.com roles:[r1 r2]]",
		"PUT": "map[roles:[r1] status:pending]"} {
		var body object
		if err := json.Unmarshal([]byte(c.Asked(method)[0].Body), &body); err != nil || fmt.Sprint(body) != want {
			t.Errorf("%s: %v, %v", method, body, err)
		}
	}
	c.Post("/members", url.Values{"email": {""}}).Has(422, "Enter an e-mail address.", "at least one role").Safe()
	c.Post("/members/m2", url.Values{"status": {"accepted"}}).Has(422, "at least one role").Safe()
	refused := start(
		t,
		map[string]http.HandlerFunc{
			"POST /members":   consoletest.Refuse(409, "already a member"),
			"PUT /members/m2": consoletest.Refuse(403, "cannot grant permissions"),
		},
	)
	refused.Post("/members", url.Values{"email": {"a@example.com"}, "role": {"r1"}}).Has(422, "Already a member").Safe()
	refused.Post("/members/m2", url.Values{"role": {"r1"}, "status": {"accepted"}}).Has(403, "Cannot grant permissions")
}

// TestEndSessionsOfAMember checks that the sessions of the member's address are ended.
func TestEndSessionsOfAMember(t *testing.T) {
	c := start(t, map[string]http.HandlerFunc{"POST /access/organizations/revoke_user": consoletest.Answer(true)})
	c.Get("/members/m2").Has(200, "End all sessions of ").Safe()
	if p := c.Post("/members/m2/sessions/end", nil); p.Status != http.StatusSeeOther {
		t.Errorf("%d %s", p.Status, p.Text())
	}
	var body object
	asked := c.Asked("POST")
	if len(asked) != 1 || json.Unmarshal([]byte(asked[0].Body), &body) != nil || body["email"] == "" || len(body) != 1 {
		t.Errorf("asked %v", asked)
	}
	refused := start(t, map[string]http.HandlerFunc{
		"POST /access/organizations/revoke_user": consoletest.Refuse(403, "not permitted")})
	refused.Post("/members/m2/sessions/end", nil).Has(403, "Not permitted")
}
