package api

import (
	"fmt"
	"strings"
	"testing"
	"time"

	"plumbline.dev/bus/topology"
	"plumbline.dev/proto"
	"plumbline.dev/services/api/v4"
	"plumbline.dev/services/internal/credential"
	"plumbline.dev/services/internal/policy"
	"plumbline.dev/services/internal/servicetoken"
)

// works tells whether a secret of the token is right now.
func (y *system) works(made map[string]any, secret string) bool {
	y.t.Helper()
	t := y.storedToken(made["client_id"])
	_, ok := servicetoken.Authenticate(secret, &t, y.clock.Now())
	return ok
}

func TestRefresh(t *testing.T) {
	y := start(t)
	made := y.want(201, "POST", "/access/service_tokens", map[string]any{"name": "a", "duration": "2h"})
	path := "/access/service_tokens/" + text(made, "id")
	if r := y.want(200, "POST", path+"/refresh", nil); r["expires_at"] != "2027-03-01T14:00:00Z" || r["client_secret"] != nil || r["duration"] != "2h" {
		t.Errorf("a year more: %v", r)
	}
	y.clock.Advance(3 * 8760 * time.Hour)
	if r := y.want(200, "POST", path+"/refresh", "ignored"); r["expires_at"] != "2030-02-28T12:00:00Z" {
		t.Errorf("an expired one, a year from now: %v", r)
	}
	if !y.works(made, text(made, "client_secret")) {
		t.Error("the secret of a refreshed token does not work")
	}
	forever := y.want(201, "POST", "/access/service_tokens", map[string]any{"name": "b", "duration": "forever"})
	if r := y.want(200, "POST", "/access/service_tokens/"+text(forever, "id")+"/refresh", nil); r["expires_at"] != forever["expires_at"] {
		t.Errorf("for ever and a year: %v, %v", forever["expires_at"], r["expires_at"])
	}
	y.refused(404, v4.CodeNotFound, "POST", "/access/service_tokens/"+proto.NewID().String()+"/refresh", nil)
}

func TestRotationWithAGracePeriod(t *testing.T) {
	y := start(t)
	made := y.want(201, "POST", "/access/service_tokens", map[string]any{"name": "a"})
	path := "/access/service_tokens/" + text(made, "id")
	secrets := []string{text(made, "client_secret")}
	rotate := func(method, path string, body any) map[string]any {
		t.Helper()
		r := y.want(200, method, path, body)
		secrets = append(secrets, text(r, "client_secret"))
		return r
	}
	valid := func(want ...bool) {
		t.Helper()
		for n, w := range want {
			if got := y.works(made, secrets[n]); got != w {
				t.Errorf("secret %d works: %t", n, got)
			}
		}
	}
	at := func(d time.Duration) string { return y.clock.Now().Add(d).UTC().Format(time.RFC3339) }

	if r := rotate("POST", path+"/rotate", nil); r["previous_client_secret_expires_at"] != nil || r["client_secret_version"] != 1.0 || r["client_id"] != made["client_id"] {
		t.Errorf("rotated %v", r)
	}
	valid(false, true)

	until := at(time.Hour)
	if r := rotate("POST", path+"/rotate", map[string]any{"previous_client_secret_expires_at": until}); r["previous_client_secret_expires_at"] != until {
		t.Errorf("rotated %v", r)
	}
	if got := y.want(200, "GET", path, nil); got["previous_client_secret_expires_at"] != until || got["client_secret"] != nil {
		t.Errorf("read %v", got)
	}
	valid(false, true, true)
	y.clock.Advance(time.Hour)
	valid(false, false, true)
	if r := y.want(200, "PUT", path, map[string]any{"previous_client_secret_expires_at": at(time.Hour)}); r["previous_client_secret_expires_at"] != at(time.Hour) {
		t.Errorf("moved %v", r)
	}
	valid(false, false, true) // what has ended does not begin again

	rotate("PUT", path, map[string]any{"client_secret_version": 5, "previous_client_secret_expires_at": at(time.Hour)})
	valid(false, false, true, true)
	y.want(200, "PUT", path, map[string]any{"previous_client_secret_expires_at": at(3 * time.Hour)})
	y.clock.Advance(2 * time.Hour)
	valid(false, false, true, true)
	y.want(200, "PUT", path, map[string]any{"name": "renamed", "client_secret_version": 5})
	valid(false, false, true, true)
	y.want(200, "PUT", path, map[string]any{"previous_client_secret_expires_at": at(time.Minute)})
	y.clock.Advance(time.Minute)
	valid(false, false, false, true)

	rotate("POST", path+"/rotate", map[string]any{"previous_client_secret_expires_at": "2001-01-01T00:00:00Z"})
	valid(false, false, false, false, true)
	rotate("POST", path+"/rotate", map[string]any{"previous_client_secret_expires_at": at(time.Hour)})
	y.want(200, "PUT", path, map[string]any{"previous_client_secret_expires_at": nil})
	valid(false, false, false, false, false, true)

	// Turning a token off ends the grace for good.
	rotate("POST", path+"/rotate", map[string]any{"previous_client_secret_expires_at": at(time.Hour)})
	valid(false, false, false, false, false, true, true)
	y.want(200, "PUT", path, map[string]any{"enabled": false})
	valid(false, false, false, false, false, false, false)
	if on := y.want(200, "PUT", path, map[string]any{"enabled": true}); on["enabled"] != true {
		t.Errorf("turned on %v", on)
	}
	valid(false, false, false, false, false, false, true)

	for _, body := range []any{"[]", `{"previous_client_secret_expires_at":5}`, `{"previous_client_secret_expires_at":"soon"}`, "{"} {
		y.refused(400, v4.CodeInvalid, "POST", path+"/rotate", body)
	}
}

// Somebody who lost the race to the same version has no secret, and is told so.
func TestTwoEditorsRaiseTheVersion(t *testing.T) {
	y := start(t)
	made := y.want(201, "POST", "/access/service_tokens", map[string]any{"name": "a"})
	results := make(chan response, 4)
	for range cap(results) {
		go func() {
			results <- y.do("PUT", "/access/service_tokens/"+text(made, "id"), map[string]any{"client_secret_version": 2})
		}()
	}
	secrets := 0
	for range cap(results) {
		if r := <-results; strings.Contains(string(r.Result), "client_secret\":") {
			secrets++
		} else if r.Status != 200 && r.Status != 409 {
			t.Errorf("%d %s", r.Status, r.Body)
		}
	}
	if secrets != 1 {
		t.Errorf("%d got a secret", secrets)
	}
}

func TestTokensBroughtAlong(t *testing.T) {
	y := start(t)
	old := strings.Repeat("0123456789abcdef", 4)
	for n, body := range []map[string]any{
		{"name": "a", "client_id": "00112233445566778899aabbccddeeff.access", "client_secret": old},
		{"name": "a", "x_client_id": "10112233445566778899AABBCCDDEEFF.access", "x_client_secret": credential.NewServiceSecret()},
		{"name": "a", "client_id": "20112233445566778899aabbccddeeff.access"}, // no secret: what a list showed
	} {
		made := y.want(201, "POST", "/access/service_tokens", body)
		if n < 2 && !strings.HasPrefix(text(made, "client_id"), fmt.Sprint(n)+"0112233445566778899aabbccddeeff") || !y.works(made, text(made, "client_secret")) {
			t.Errorf("made %v of %v", made, body)
		}
	}
	y.refused(409, v4.CodeConflict, "POST", "/access/service_tokens",
		map[string]any{"name": "again", "client_id": "00112233445566778899aabbccddeeff.access", "client_secret": old})
	id := "30112233445566778899aabbccddeeff.access"
	for name, body := range map[string]map[string]any{
		"a weak secret":    {"name": "a", "client_id": id, "client_secret": strings.Repeat("ab", 32)},
		"a short secret":   {"name": "a", "client_id": id, "client_secret": "hunter2"},
		"another form":     {"name": "a", "client_id": id, "client_secret": strings.ToUpper(old)},
		"a weak new form":  {"name": "a", "client_id": id, "client_secret": "cfast_" + strings.Repeat("a", 48)},
		"no secret":        {"name": "a", "x_client_id": id},
		"no id":            {"name": "a", "client_secret": old},
		"another id":       {"name": "a", "client_id": "me.access", "client_secret": old},
		"a number":         {"name": "a", "client_id": id, "client_secret": 5},
		"an id of another": {"name": "a", "client_id": id + ".example.com", "client_secret": old},
	} {
		t.Run(name, func(t *testing.T) {
			y.t = t
			if message := y.refused(400, v4.CodeInvalid, "POST", "/access/service_tokens", body); strings.Contains(message, old) {
				t.Error(message)
			}
		})
	}
}

// When a token was last used is shown, and does not count as a change of the token.
func TestLastSeen(t *testing.T) {
	y := start(t)
	made := y.want(201, "POST", "/access/service_tokens", map[string]any{"name": "a"})
	path := "/access/service_tokens/" + text(made, "id")
	tag := y.do("GET", path, nil).Header.Get("ETag")
	key, err := topology.TokenSeenKey(y.account, text(made, "client_id"))
	if err != nil {
		t.Fatal(err)
	}
	if made["last_seen_at"] != nil {
		t.Errorf("made %v", made)
	}
	if _, err := y.conn.Put(t.Context(), topology.Tokens, key, &proto.TokenSeen{At: proto.At(y.clock.Now())}, 0); err != nil {
		t.Fatal(err)
	}
	r := y.do("GET", path, nil)
	if !strings.Contains(string(r.Result), `"last_seen_at":"2026-03-01T12:00:00Z"`) || r.Header.Get("ETag") != tag {
		t.Errorf("%s, tag %s, before %s", r.Result, r.Header.Get("ETag"), tag)
	}
	if list := y.do("GET", "/access/service_tokens", nil); !strings.Contains(string(list.Result), `"last_seen_at":"2026-03-01T12:00:00Z"`) {
		t.Errorf("list %s", list.Result)
	}
	y.want(200, "DELETE", path, nil)
	if _, err := y.conn.Get(t.Context(), topology.Tokens, key, &proto.TokenSeen{}); err == nil {
		t.Error("when a deleted token was last used is left behind")
	}
}

func TestATokenThatIsUsedStays(t *testing.T) {
	y := start(t)
	made := y.want(201, "POST", "/access/service_tokens", map[string]any{"name": "a"})
	path, rule := "/access/service_tokens/"+text(made, "id"), map[string]any{"service_token": map[string]any{"token_id": made["id"]}}
	blocked := func(what string) {
		t.Helper()
		if m := y.refused(400, v4.CodeTokenInUse, "DELETE", path, nil); !strings.Contains(m, what) {
			t.Error(m)
		}
	}
	p := y.want(201, "POST", "/access/policies", with2(policyBody("p", "x"), "require", []any{rule}))
	blocked(`policy "p"`)
	y.want(202, "DELETE", "/access/policies/"+text(p, "id"), nil)
	g := y.want(201, "POST", "/access/groups", map[string]any{"name": "g", "include": []any{rule}})
	blocked(`group "g"`)
	y.want(202, "DELETE", "/access/groups/"+text(g, "id"), nil)
	for _, authentication := range []any{
		map[string]any{"scheme": "access_service_token", "client_id": made["client_id"], "client_secret": secretText},
		[]any{map[string]any{"scheme": "httpbasic", "user": "u", "password": secretText}, map[string]any{"scheme": "access_service_token", "client_id": made["client_id"], "client_secret": secretText}},
	} {
		app := y.want(201, "POST", "/access/apps", map[string]any{"name": "s", "domain": "a.example.com", "scim_config": map[string]any{"remote_uri": "https://x", "authentication": authentication}})
		if strings.Contains(jsonText(t, app), secretText) || !strings.Contains(jsonText(t, app), "remote_uri") {
			t.Errorf("made %v", app)
		}
		blocked(`SCIM configuration of the application "s"`)
		y.want(202, "DELETE", "/access/apps/"+text(app, "id"), nil)
	}
	y.want(200, "DELETE", path, nil)
}

// The reasons of a refusal are the ones that the api's states lead to.
func TestATurnedOffTokenIsRefused(t *testing.T) {
	y := start(t)
	made := y.want(201, "POST", "/access/service_tokens", map[string]any{"name": "a", "enabled": false})
	token := y.storedToken(made["client_id"])
	if why, ok := servicetoken.Authenticate(text(made, "client_secret"), &token, y.clock.Now()); ok || why != policy.TokenDisabled {
		t.Errorf("%v %t", why, ok)
	}
}
