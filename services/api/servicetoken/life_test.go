package servicetoken_test

import (
	"strings"
	"testing"
	"time"

	"plumbline.dev/proto"
	"plumbline.dev/services/api/apitest"
	"plumbline.dev/services/api/v4"
	"plumbline.dev/services/internal/policy"
	"plumbline.dev/services/internal/servicetoken"
)

// valid reports whether a secret of the token is valid now.
func valid(f *apitest.Fixture, made map[string]any, secret string) bool {
	f.T.Helper()
	t := storedToken(f, made["client_id"])
	_, ok := servicetoken.Authenticate(secret, &t, f.Clock.Now())
	return ok
}

func TestRefreshOfServiceTokens(t *testing.T) {
	t.Parallel()
	f := apitest.Start(t)
	made := f.Want(201, "POST", "/access/service_tokens", map[string]any{"name": "a", "duration": "2h"})
	path := "/access/service_tokens/" + apitest.Text(made, "id")
	if r := f.Want(200, "POST", path+"/refresh", nil); r["expires_at"] != "2027-03-01T14:00:00Z" ||
		r["client_secret"] != nil || r["duration"] != "2h" {
		t.Errorf("a year more: %v", r)
	}
	f.Clock.Advance(3 * 8760 * time.Hour)
	if r := f.Want(200, "POST", path+"/refresh", "ignored"); r["expires_at"] != "2030-02-28T12:00:00Z" {
		t.Errorf("an expired one, a year from now: %v", r)
	}
	if !valid(f, made, apitest.Text(made, "client_secret")) {
		t.Error("the secret of a refreshed token does not work")
	}
	forever := f.Want(201, "POST", "/access/service_tokens", map[string]any{"name": "b", "duration": "forever"})
	if r := f.Want(200, "POST", "/access/service_tokens/"+apitest.Text(forever, "id")+"/refresh",
		nil); r["expires_at"] != forever["expires_at"] {
		t.Errorf("for ever and a year: %v, %v", forever["expires_at"], r["expires_at"])
	}
	f.WantError(404, v4.CodeNotFound, "POST", "/access/service_tokens/"+proto.NewID().String()+"/refresh", nil)
}

func TestRotationWithAGracePeriod(t *testing.T) {
	t.Parallel()
	f := apitest.Start(t)
	made := f.Want(201, "POST", "/access/service_tokens", map[string]any{"name": "a"})
	path := "/access/service_tokens/" + apitest.Text(made, "id")
	secrets := []string{apitest.Text(made, "client_secret")}
	rotate := func(method, path string, body any) map[string]any {
		t.Helper()
		r := f.Want(200, method, path, body)
		secrets = append(secrets, apitest.Text(r, "client_secret"))
		return r
	}
	works := func(want ...bool) {
		t.Helper()
		for n, w := range want {
			if got := valid(f, made, secrets[n]); got != w {
				t.Errorf("secret %d works: %t", n, got)
			}
		}
	}
	at := func(d time.Duration) string { return f.Clock.Now().Add(d).UTC().Format(time.RFC3339) }

	if r := rotate("POST", path+"/rotate", nil); r["previous_client_secret_expires_at"] != nil ||
		r["client_secret_version"] != 1.0 || r["client_id"] != made["client_id"] {
		t.Errorf("rotated %v", r)
	}
	works(false, true)

	until := at(time.Hour)
	if r := rotate("POST", path+"/rotate",
		map[string]any{"previous_client_secret_expires_at": until}); r["previous_client_secret_expires_at"] != until {
		t.Errorf("rotated %v", r)
	}
	if got := f.Want(200, "GET", path, nil); got["previous_client_secret_expires_at"] != until ||
		got["client_secret"] != nil {
		t.Errorf("read %v", got)
	}
	works(false, true, true)
	f.Clock.Advance(time.Hour)
	works(false, false, true)
	if r := f.Want(200, "PUT", path,
		map[string]any{"previous_client_secret_expires_at": at(time.Hour)}); r["previous_client_secret_expires_at"] !=
		at(time.Hour) {
		t.Errorf("moved %v", r)
	}
	works(false, false, true) // an expired secret stays expired

	rotate("PUT", path, map[string]any{"client_secret_version": 5, "previous_client_secret_expires_at": at(time.Hour)})
	works(false, false, true, true)
	f.Want(200, "PUT", path, map[string]any{"previous_client_secret_expires_at": at(3 * time.Hour)})
	f.Clock.Advance(2 * time.Hour)
	works(false, false, true, true)
	f.Want(200, "PUT", path, map[string]any{"name": "renamed", "client_secret_version": 5})
	works(false, false, true, true)
	f.Want(200, "PUT", path, map[string]any{"previous_client_secret_expires_at": at(time.Minute)})
	f.Clock.Advance(time.Minute)
	works(false, false, false, true)

	rotate("POST", path+"/rotate", map[string]any{"previous_client_secret_expires_at": "2001-01-01T00:00:00Z"})
	works(false, false, false, false, true)
	rotate("POST", path+"/rotate", map[string]any{"previous_client_secret_expires_at": at(time.Hour)})
	f.Want(200, "PUT", path, map[string]any{"previous_client_secret_expires_at": nil})
	works(false, false, false, false, false, true)

	// Disabling a token ends the grace period for good.
	rotate("POST", path+"/rotate", map[string]any{"previous_client_secret_expires_at": at(time.Hour)})
	works(false, false, false, false, false, true, true)
	f.Want(200, "PUT", path, map[string]any{"enabled": false})
	works(false, false, false, false, false, false, false)
	if on := f.Want(200, "PUT", path, map[string]any{"enabled": true}); on["enabled"] != true {
		t.Errorf("turned on %v", on)
	}
	works(false, false, false, false, false, false, true)

	for _, body := range []any{"[]", `{"previous_client_secret_expires_at":5}`,
		`{"previous_client_secret_expires_at":"soon"}`, "{"} {
		f.WantError(400, v4.CodeInvalid, "POST", path+"/rotate", body)
	}
}

// TestConcurrentRotations checks that of several clients that raise the version at the same moment one gets a secret.
func TestConcurrentRotations(t *testing.T) {
	t.Parallel()
	f := apitest.Start(t)
	made := f.Want(201, "POST", "/access/service_tokens", map[string]any{"name": "a"})
	results := make(chan apitest.Response, 4)
	for range cap(results) {
		go func() {
			results <- f.Do("PUT", "/access/service_tokens/"+apitest.Text(made, "id"),
				map[string]any{"client_secret_version": 2})
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

// The reasons of a denial follow from the states of a token in the API.
func TestDisabledServiceTokensAreRejected(t *testing.T) {
	t.Parallel()
	f := apitest.Start(t)
	made := f.Want(201, "POST", "/access/service_tokens", map[string]any{"name": "a", "enabled": false})
	token := storedToken(f, made["client_id"])
	if why, ok := servicetoken.Authenticate(apitest.Text(made, "client_secret"), &token, f.Clock.Now()); ok ||
		why != policy.TokenDisabled {
		t.Errorf("%v %t", why, ok)
	}
}
