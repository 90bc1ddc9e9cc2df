package signingkey_test

import (
	"strings"
	"testing"
	"time"

	"plumbline.dev/proto"
	"plumbline.dev/services/api/apitest"
	"plumbline.dev/services/api/apitoken"
	"plumbline.dev/services/api/v4"
)

func TestKeys(t *testing.T) {
	t.Parallel()
	const path = "/access/keys"
	f := apitest.Start(t)
	if r := f.Do("GET", path, nil); r.Status != 503 || r.Header.Get("X-Should-Retry") != "false" {
		t.Errorf("without an exchange: %d %s", r.Status, r.Body)
	}
	state := proto.KeysAnswer{IntervalDays: 42, LastRotation: proto.At(f.Clock.Now())}
	state.NextRotation = state.LastRotation.Add(42*24*time.Hour - time.Minute)
	var broken *proto.Error
	f.StartExchange(func(c *proto.KeysCommand) *proto.KeysAnswer {
		if c.IntervalDays > 0 {
			state.IntervalDays = c.IntervalDays
		}
		if c.Rotate {
			state.LastRotation = state.LastRotation.Add(time.Hour)
		}
		a := state
		a.Error = broken
		return &a
	})
	r := f.Do("GET", path, nil)
	const members = `"days_until_next_rotation":42,"key_rotation_interval_days":42,` +
		`"last_key_rotation_at":"2026-03-01T12:00:00Z"`
	if want := `{` + members + `,"success":true,"errors":[],"messages":[],"result":{` + members +
		`}}`; string(r.Body) != want && string(r.Body) != want+"\n" {
		t.Errorf("%s", r.Body)
	}
	if got := f.Want(200, "PUT", path,
		map[string]any{"key_rotation_interval_days": 21.0}); got["key_rotation_interval_days"] != 21.0 {
		t.Errorf("changed %v", got)
	}
	for _, body := range []any{nil, `{}`, `{"key_rotation_interval_days":20}`, `{"key_rotation_interval_days":366}`,
		`{"key_rotation_interval_days":"30"}`} {
		f.WantError(400, v4.CodeInvalid, "PUT", path, body)
	}
	for _, body := range []any{nil, `{}`} {
		f.Clock.Advance(time.Second) // the order of the events is that of their times
		f.Want(200, "POST", path+"/rotate", body)
	}
	if got := f.Want(200, "GET", path, nil); got["last_key_rotation_at"] != "2026-03-01T14:00:00Z" {
		t.Errorf("rotated %v", got)
	}
	if got := apitest.Summary(f.Events()); got != "update keys, rotate keys, rotate keys" {
		t.Errorf("recorded %s", got)
	}
	// All accounts share the keys: another account can read their state, and change nothing.
	other, token := proto.NewAccount(), strings.Repeat("another_", 6)
	if _, err := apitoken.Bootstrap(t.Context(), f.Conn, f.Clock, other, token, ""); err != nil {
		t.Fatal(err)
	}
	for _, c := range []struct {
		method, path string
		body         any
		status       int
	}{{"GET", path, nil, 200}, {"PUT", path, map[string]any{"key_rotation_interval_days": 21}, 403},
		{"POST", path + "/rotate", nil, 403}} {
		req := f.Request(c.method, "/client/v4/accounts/"+other.String()+c.path, c.body)
		req.Header.Set("Authorization", "Bearer "+token)
		if r := f.Send(req); r.Status != c.status {
			t.Errorf("%s %s of another account: %d %s", c.method, c.path, r.Status, r.Body)
		}
	}
	broken = &proto.Error{Code: "unavailable", Message: "not now"}
	f.WantError(503, v4.CodeUnavailable, "GET", path, nil)
	f.WantError(503, v4.CodeUnavailable, "POST", path+"/rotate", nil)
}
