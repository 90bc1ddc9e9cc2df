package api

import (
	"encoding/json"
	"fmt"
	"regexp"
	"strings"
	"testing"
	"time"

	"plumbline.dev/bus/topology"
	"plumbline.dev/proto"
	"plumbline.dev/services/api/v4"
	"plumbline.dev/services/internal/credential"
)

func (y *system) storedToken(clientID any) proto.ServiceToken {
	y.t.Helper()
	key, err := topology.ServiceTokenKey(y.account, fmt.Sprint(clientID))
	if err != nil {
		y.t.Fatal(err)
	}
	var t proto.ServiceToken
	if _, err := y.conn.Get(y.t.Context(), topology.Tokens, key, &t); err != nil {
		y.t.Fatal(err)
	}
	return t
}

func TestServiceTokenLife(t *testing.T) {
	y := start(t)
	made := y.want(201, "POST", "/access/service_tokens", map[string]any{"name": "poller", "client_secret_version": 1.0, "duration": "2h30m"})
	secret := text(made, "client_secret")
	if !regexp.MustCompile(`^cfast_[0-9A-Za-z]{48}$`).MatchString(secret) || !regexp.MustCompile(`^[0-9a-f]{32}\.access$`).MatchString(text(made, "client_id")) {
		t.Errorf("made %v", made)
	}
	if made["expires_at"] != "2026-03-01T14:30:00Z" || made["duration"] != "2h30m" {
		t.Errorf("made %v", made)
	}
	record := y.storedToken(made["client_id"])
	if !credential.Matches(secret, record.SecretHash) || strings.Contains(string(must(proto.Marshal(&record))), secret[6:]) {
		t.Error("the stored record is not of the secret's hash alone")
	}
	path := "/access/service_tokens/" + text(made, "id")

	y.clock.Advance(time.Hour)
	renamed := y.want(200, "PUT", path, map[string]any{"name": "renamed", "duration": "2h30m", "client_secret_version": 1})
	if renamed["client_secret"] != nil || renamed["name"] != "renamed" || renamed["expires_at"] != "2026-03-01T14:30:00Z" {
		t.Errorf("an equal version rotates, or an equal duration prolongs: %v", renamed)
	}
	if renamed = y.want(200, "PUT", path, map[string]any{"duration": "3h"}); renamed["expires_at"] != "2026-03-01T16:00:00Z" {
		t.Errorf("another duration is not based on the update: %v", renamed)
	}
	if kept := y.want(200, "PUT", path, map[string]any{}); kept["name"] != "renamed" || kept["expires_at"] != renamed["expires_at"] || kept["duration"] != "3h" {
		t.Errorf("what is absent is not kept: %v", kept)
	}
	rotated := y.want(200, "PUT", path, map[string]any{"client_secret_version": 2, "enabled": false})
	if rotated["client_secret"] == nil || rotated["client_secret"] == secret || rotated["client_secret_version"] != 2.0 || rotated["enabled"] != false {
		t.Errorf("rotated %v", rotated)
	}
	if record := y.storedToken(made["client_id"]); !record.Disabled || !credential.Matches(text(rotated, "client_secret"), record.SecretHash) {
		t.Errorf("stored %+v", record)
	}
	// A lower version makes no secret. The next one does.
	lower := y.want(200, "PUT", path, map[string]any{"client_secret_version": 1})
	if lower["client_secret"] != nil || lower["client_secret_version"] != 1.0 {
		t.Errorf("a lower version: %v", lower)
	}
	if again := y.want(200, "PUT", path, map[string]any{"client_secret_version": 2}); again["client_secret"] == nil || again["client_secret"] == rotated["client_secret"] {
		t.Errorf("raised again: %v", again)
	}

	if gone := y.want(200, "DELETE", path, nil); gone["id"] != made["id"] || gone["client_secret"] != nil {
		t.Errorf("deleted %v", gone)
	}
	y.refused(404, v4.CodeNotFound, "GET", path, nil)
	y.refused(404, v4.CodeNotFound, "DELETE", path, nil)
	y.refused(404, v4.CodeNotFound, "PUT", path, map[string]any{})
}

func must[T any](v T, err error) T {
	if err != nil {
		panic(err)
	}
	return v
}

func TestServiceTokensThatAreRefused(t *testing.T) {
	y := start(t)
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
			y.t = t
			y.refused(400, v4.CodeInvalid, "POST", "/access/service_tokens", body)
		})
	}
	if made := y.want(201, "POST", "/access/service_tokens", map[string]any{"name": "a", "client_secret_version": 0}); made["client_secret_version"] != 1.0 {
		t.Errorf("made %v", made)
	}
	y.want(201, "POST", "/access/service_tokens", map[string]any{"name": "a", "client_secret_version": 2, "previous_client_secret_expires_at": "2026-05-01T00:00:00Z"})
}

func TestListsEndWithAnEmptyPage(t *testing.T) {
	y := start(t)
	for n := range 5 {
		y.clock.Advance(time.Second)
		y.want(201, "POST", "/access/service_tokens", map[string]any{"name": fmt.Sprintf("token %d", n)})
	}
	names := func(query string) (got []string, info map[string]any) {
		t.Helper()
		r := y.do("GET", "/access/service_tokens"+query, nil)
		var all []struct{ Name string }
		if err := json.Unmarshal(r.Result, &all); err != nil || r.Status != 200 {
			t.Fatalf("%d %s", r.Status, r.Body)
		}
		for _, a := range all {
			got = append(got, a.Name)
		}
		return got, r.ResultInfo
	}
	var walked []string
	for page := 1; ; page++ {
		got, info := names(fmt.Sprintf("?page=%d&per_page=2", page))
		if info["page"] != float64(page) || info["per_page"] != 2.0 || info["total_count"] != 5.0 || info["total_pages"] != 3.0 || info["count"] != float64(len(got)) {
			t.Errorf("page %d: %v", page, info)
		}
		if len(got) == 0 {
			break
		}
		walked = append(walked, got...)
	}
	if strings.Join(walked, ",") != "token 0,token 1,token 2,token 3,token 4" {
		t.Errorf("walked %v", walked)
	}
	if got, _ := names(""); len(got) != 5 {
		t.Errorf("all on the first page: %v", got)
	}
	if got, _ := names("?name=token+3"); len(got) != 1 {
		t.Errorf("by name: %v", got)
	}
	if got, _ := names("?search=TOKEN"); len(got) != 5 {
		t.Errorf("by search: %v", got)
	}
	if _, info := names("?per_page=100000"); info["per_page"] != 1000.0 {
		t.Errorf("a page of any size: %v", info)
	}
	for _, q := range []string{"?page=0", "?page=-1", "?page=x", "?per_page=0", "?page=99999999999"} {
		y.refused(400, v4.CodeInvalid, "GET", "/access/service_tokens"+q, nil)
	}
	// 1<<31-1 pages of 1000 do not overflow.
	if got, _ := names("?page=2147483647&per_page=1000"); len(got) != 0 {
		t.Errorf("far past the end: %v", got)
	}
}
