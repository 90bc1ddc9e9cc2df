package servicetoken_test

import (
	"fmt"
	"regexp"
	"strings"
	"testing"
	"time"

	"plumbline.dev/bus/bustest"
	"plumbline.dev/bus/topology"
	"plumbline.dev/proto"
	"plumbline.dev/services/api/apitest"
	"plumbline.dev/services/api/v4"
	"plumbline.dev/services/internal/credential"
)

func TestServiceTokenLife(t *testing.T) {
	t.Parallel()
	f := apitest.Start(t)
	made := f.Want(201, "POST", "/access/service_tokens",
		map[string]any{"name": "poller", "client_secret_version": 1.0, "duration": "2h30m"})
	secret := apitest.Text(made, "client_secret")
	if !regexp.MustCompile(`^cfast_[0-9A-Za-z]{48}$`).MatchString(secret) ||
		!regexp.MustCompile(`^[0-9a-f]{32}\.access$`).MatchString(apitest.Text(made, "client_id")) {
		t.Errorf("made %v", made)
	}
	if made["expires_at"] != "2026-03-01T14:30:00Z" || made["duration"] != "2h30m" {
		t.Errorf("made %v", made)
	}
	record := storedToken(f, made["client_id"])
	if !credential.Matches(secret, record.SecretHash) ||
		strings.Contains(string(apitest.Must(proto.Marshal(&record))), secret[6:]) {
		t.Error("the stored record is not of the secret's hash alone")
	}
	path := "/access/service_tokens/" + apitest.Text(made, "id")

	f.Clock.Advance(time.Hour)
	renamed := f.Want(200, "PUT", path,
		map[string]any{"name": "renamed", "duration": "2h30m", "client_secret_version": 1})
	if renamed["client_secret"] != nil || renamed["name"] != "renamed" ||
		renamed["expires_at"] != "2026-03-01T14:30:00Z" {
		t.Errorf("an equal version rotates, or an equal duration prolongs: %v", renamed)
	}
	if renamed = f.Want(200, "PUT", path,
		map[string]any{"duration": "3h"}); renamed["expires_at"] != "2026-03-01T16:00:00Z" {
		t.Errorf("another duration is not based on the update: %v", renamed)
	}
	if kept := f.Want(200, "PUT", path, map[string]any{}); kept["name"] != "renamed" ||
		kept["expires_at"] != renamed["expires_at"] || kept["duration"] != "3h" {
		t.Errorf("what is absent is not kept: %v", kept)
	}
	rotated := f.Want(200, "PUT", path, map[string]any{"client_secret_version": 2, "enabled": false})
	if rotated["client_secret"] == nil || rotated["client_secret"] == secret || rotated["client_secret_version"] != 2.0 ||
		rotated["enabled"] != false {
		t.Errorf("rotated %v", rotated)
	}
	if record := storedToken(f, made["client_id"]); !record.Disabled ||
		!credential.Matches(apitest.Text(rotated, "client_secret"), record.SecretHash) {
		t.Errorf("stored %+v", record)
	}
	// A lower version does not rotate the secret. The next higher one does.
	lower := f.Want(200, "PUT", path, map[string]any{"client_secret_version": 1})
	if lower["client_secret"] != nil || lower["client_secret_version"] != 1.0 {
		t.Errorf("a lower version: %v", lower)
	}
	if again := f.Want(200, "PUT", path, map[string]any{"client_secret_version": 2}); again["client_secret"] == nil ||
		again["client_secret"] == rotated["client_secret"] {
		t.Errorf("raised again: %v", again)
	}

	if gone := f.Want(200, "DELETE", path, nil); gone["id"] != made["id"] || gone["client_secret"] != nil {
		t.Errorf("deleted %v", gone)
	}
	f.WantError(404, v4.CodeNotFound, "GET", path, nil)
	f.WantError(404, v4.CodeNotFound, "DELETE", path, nil)
	f.WantError(404, v4.CodeNotFound, "PUT", path, map[string]any{})
}

func TestInvalidServiceTokensAreRejected(t *testing.T) {
	t.Parallel()
	f := apitest.Start(t)
	for name, body := range map[string]map[string]any{
		"no name":                {"duration": "1h"},
		"an empty name":          {"name": ""},
		"a name of the type":     {"name": 5},
		"a control character":    {"name": "a\nb"},
		"a long name":            {"name": strings.Repeat("x", v4.MaxName+1)},
		"a unit of days":         {"name": "a", "duration": "1d"},
		"a negative duration":    {"name": "a", "duration": "-1h"},
		"no time at all":         {"name": "a", "duration": "0"},
		"a duration too long":    {"name": "a", "duration": "2000000h"},
		"a number":               {"name": "a", "duration": 3600},
		"half a version":         {"name": "a", "client_secret_version": 1.5},
		"version -1":             {"name": "a", "client_secret_version": -1},
		"a time that is none":    {"name": "a", "previous_client_secret_expires_at": "tomorrow"},
		"enabled that is a text": {"name": "a", "enabled": "yes"},
	} {
		t.Run(name, func(t *testing.T) {
			f := f.In(t)
			f.WantError(400, v4.CodeInvalid, "POST", "/access/service_tokens", body)
		})
	}
	if made := f.Want(201, "POST", "/access/service_tokens",
		map[string]any{"name": "a", "client_secret_version": 0}); made["client_secret_version"] != 1.0 {
		t.Errorf("made %v", made)
	}
	f.Want(201, "POST", "/access/service_tokens",
		map[string]any{"name": "a", "client_secret_version": 2,
			"previous_client_secret_expires_at": "2026-05-01T00:00:00Z"})
}

func TestImportedServiceTokens(t *testing.T) {
	t.Parallel()
	f := apitest.Start(t)
	old := strings.Repeat("0123456789abcdef", 4)
	for n, body := range []map[string]any{
		{"name": "a", "client_id": "00112233445566778899aabbccddeeff.access", "client_secret": old},
		{"name": "a", "x_client_id": "10112233445566778899AABBCCDDEEFF.access",
			"x_client_secret": credential.NewServiceSecret()},
		{"name": "a", "client_id": "20112233445566778899aabbccddeeff.access"}, // no secret, as in a list
	} {
		made := f.Want(201, "POST", "/access/service_tokens", body)
		if n < 2 && !strings.HasPrefix(apitest.Text(made, "client_id"), fmt.Sprint(n)+"0112233445566778899aabbccddeeff") ||
			!valid(f, made, apitest.Text(made, "client_secret")) {
			t.Errorf("made %v of %v", made, body)
		}
	}
	f.WantError(409, v4.CodeConflict, "POST", "/access/service_tokens",
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
			f := f.In(t)
			if message := f.WantError(400, v4.CodeInvalid, "POST", "/access/service_tokens", body); strings.Contains(message,
				old) {
				t.Error(message)
			}
		})
	}
}

// TestLastSeen checks that the last use of a token is shown and does not change its revision.
func TestLastSeen(t *testing.T) {
	t.Parallel()
	f := apitest.Start(t)
	made := f.Want(201, "POST", "/access/service_tokens", map[string]any{"name": "a"})
	path := "/access/service_tokens/" + apitest.Text(made, "id")
	tag := f.Do("GET", path, nil).Header.Get("ETag")
	key, err := topology.TokenSeenKey(f.Account, apitest.Text(made, "client_id"))
	if err != nil {
		t.Fatal(err)
	}
	if made["last_seen_at"] != nil {
		t.Errorf("made %v", made)
	}
	if _, err := f.Conn.Put(t.Context(), topology.TokenUses, key, &proto.TokenSeen{At: proto.At(f.Clock.Now())},
		0); err != nil {
		t.Fatal(err)
	}
	var r apitest.Response
	bustest.Eventually(t, "the last use is shown", func() bool {
		r = f.Do("GET", path, nil)
		return strings.Contains(string(r.Result), `"last_seen_at":"2026-03-01T12:00:00Z"`)
	})
	if r.Header.Get("ETag") != tag {
		t.Errorf("%s, tag %s, before %s", r.Result, r.Header.Get("ETag"), tag)
	}
	if list := f.Do("GET", "/access/service_tokens", nil); !strings.Contains(string(list.Result),
		`"last_seen_at":"2026-03-01T12:00:00Z"`) {
		t.Errorf("list %s", list.Result)
	}
	f.Want(200, "DELETE", path, nil)
	if _, err := f.Conn.Get(t.Context(), topology.TokenUses, key, &proto.TokenSeen{}); err == nil {
		t.Error("when a deleted token was last used is left behind")
	}
}

func TestServiceTokensInUseAreNotDeleted(t *testing.T) {
	t.Parallel()
	f := apitest.Start(t)
	made := f.Want(201, "POST", "/access/service_tokens", map[string]any{"name": "a"})
	path, rule := "/access/service_tokens/"+
		apitest.Text(made, "id"), map[string]any{"service_token": map[string]any{"token_id": made["id"]}}
	blocked := func(what string) {
		t.Helper()
		if m := f.WantError(400, v4.CodeTokenInUse, "DELETE", path, nil); !strings.Contains(m, what) {
			t.Error(m)
		}
	}
	p := f.Want(201, "POST", "/access/policies", apitest.With(apitest.PolicyBody("p", "x"), "require", []any{rule}))
	blocked(`policy "p"`)
	f.Want(202, "DELETE", "/access/policies/"+apitest.Text(p, "id"), nil)
	g := f.Want(201, "POST", "/access/groups", map[string]any{"name": "g", "include": []any{rule}})
	blocked(`group "g"`)
	f.Want(202, "DELETE", "/access/groups/"+apitest.Text(g, "id"), nil)
	for _, authentication := range []any{
		map[string]any{"scheme": "access_service_token", "client_id": made["client_id"], "client_secret": apitest.Secret},
		[]any{map[string]any{"scheme": "httpbasic", "user": "u", "password": apitest.Secret},
			map[string]any{"scheme": "access_service_token", "client_id": made["client_id"],
				"client_secret": apitest.Secret}},
	} {
		app := f.Want(201, "POST", "/access/apps",
			map[string]any{"name": "s", "domain": "a.example.com",
				"scim_config": map[string]any{"remote_uri": "https://x", "authentication": authentication}})
		if strings.Contains(apitest.JSON(t, app), apitest.Secret) || !strings.Contains(apitest.JSON(t, app), "remote_uri") {
			t.Errorf("made %v", app)
		}
		blocked(`SCIM configuration of the application "s"`)
		f.Want(202, "DELETE", "/access/apps/"+apitest.Text(app, "id"), nil)
	}
	f.Want(200, "DELETE", path, nil)
}
