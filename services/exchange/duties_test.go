package exchange

import (
	"bytes"
	"encoding/json"
	"testing"
	"time"

	"pgregory.net/rapid"
	"plumbline.dev/proto"
)

const testDay = 24 * time.Hour

func TestStateAndNoticeOfAToken(t *testing.T) {
	now := time.UnixMilli(1_800_000_000_000)
	in := func(d time.Duration) proto.Millis { return proto.At(now.Add(d)) }
	for _, c := range []struct {
		name     string
		expires  proto.Millis
		disabled bool
		state    string
		notice   proto.TokenState
	}{
		{"never expires", 0, false, "valid", ""},
		{"in a year", in(365 * testDay), false, "valid", ""},
		{"in a week and a moment", in(week) + 1, false, "valid", ""},
		{"in a week", in(week), false, "expiring", proto.TokenExpiring},
		{"in a moment", in(0) + 1, false, "expiring", proto.TokenExpiring},
		{"now", in(0), false, "expired", proto.TokenExpired},
		{"25 days ago", in(-tellUntil), false, "expired", proto.TokenExpired},
		{"longer ago", in(-tellUntil) - 1, false, "expired", ""},
		{"turned off", in(365 * testDay), true, "disabled", ""},
		{"turned off, and in a week", in(week), true, "disabled", proto.TokenExpiring},
	} {
		token := &proto.ServiceToken{ExpiresAt: c.expires, Disabled: c.disabled}
		if state, notice := stateOf(token, now), noticeOf(token, now); state != c.state || notice != c.notice {
			t.Errorf("%s: %s, %q", c.name, state, notice)
		}
	}
}

func TestTold(t *testing.T) {
	expiry := proto.Millis(1_800_000_000_000)
	at := func(d time.Duration) proto.Millis { return proto.At(expiry.Time().Add(d)) }
	for _, c := range []struct {
		name              string
		newest            *proto.TokenNotice
		expiring, expired bool
	}{
		{"nothing", nil, false, false},
		{"of another expiry", &proto.TokenNotice{State: proto.TokenExpired, ExpiresAt: expiry - 1}, false, false},
		{"expiring", &proto.TokenNotice{State: proto.TokenExpiring, ExpiresAt: expiry}, true, false},
		{"expired", &proto.TokenNotice{State: proto.TokenExpired, ExpiresAt: expiry}, true, true},
		{"turned off long before", &proto.TokenNotice{State: proto.TokenIdle, ExpiresAt: expiry, At: at(-week) - 1}, false, false},
		{"turned off in the last week", &proto.TokenNotice{State: proto.TokenIdle, ExpiresAt: expiry, At: at(-week)}, true, false},
		{"turned off after its end", &proto.TokenNotice{State: proto.TokenIdle, ExpiresAt: expiry, At: expiry}, true, true},
	} {
		if expiring, expired := told(c.newest, proto.TokenExpiring, expiry),
			told(c.newest, proto.TokenExpired, expiry); expiring != c.expiring || expired != c.expired {
			t.Errorf("%s: %t, %t", c.name, expiring, expired)
		}
	}
}

// However often it is looked at, refreshed, turned off for being idle and turned on again, a token's notices are one
// for each state and expiry, and none is left out that a look met.
func TestEachNoticeIsToldOnce(t *testing.T) {
	type key struct {
		state  proto.TokenState
		expiry proto.Millis
	}
	rapid.Check(t, func(t *rapid.T) {
		now := time.UnixMilli(1_800_000_000_000)
		token := &proto.ServiceToken{ExpiresAt: proto.At(now.Add(10 * testDay))}
		var newest *proto.TokenNotice
		count := map[key]int{}
		look := func() {
			if state := noticeOf(token, now); state != "" && !told(newest, state, token.ExpiresAt) {
				newest = noticeAt(proto.Account{}, token, state, now)
				count[key{state, token.ExpiresAt}]++
			}
		}
		t.Repeat(map[string]func(*rapid.T){
			"time passes": func(t *rapid.T) { now = now.Add(time.Duration(rapid.IntRange(1, 9*24).Draw(t, "hours")) * time.Hour) },
			"a look":      func(*rapid.T) { look() },
			"refreshed": func(*rapid.T) {
				token.ExpiresAt = max(token.ExpiresAt+1, proto.At(now.Add(10*testDay)))
			},
			"turned off": func(*rapid.T) {
				look()
				if !token.Disabled {
					token.Disabled, newest = true, noticeAt(proto.Account{}, token, proto.TokenIdle, now)
				}
			},
			"turned on": func(*rapid.T) { token.Disabled = false },
			"": func(t *rapid.T) {
				for k, n := range count {
					if n > 1 {
						t.Fatalf("%s for the expiry at %d was told %d times", k.state, k.expiry, n)
					}
				}
			},
		})
		look()
		if state := noticeOf(token, now); state != "" && !told(newest, state, token.ExpiresAt) {
			t.Fatalf("%s was not told", state)
		}
	})
}

func TestIdle(t *testing.T) {
	now := time.UnixMilli(1_800_000_000_000)
	ago := func(d time.Duration) proto.Millis { return proto.At(now.Add(-d)) }
	off, remove := proto.Inactivity{Enabled: true, Days: 60}, proto.Inactivity{Enabled: true, Days: 60, Delete: true}
	old := proto.ServiceToken{CreatedAt: ago(400 * testDay), UpdatedAt: ago(60 * testDay)}
	for _, c := range []struct {
		name    string
		setting proto.Inactivity
		change  func(*proto.ServiceToken)
		seen    proto.Millis
		want    bool
	}{
		{"never used", off, func(*proto.ServiceToken) {}, 0, true},
		{"used long ago", off, func(*proto.ServiceToken) {}, ago(60 * testDay), true},
		{"used since", off, func(*proto.ServiceToken) {}, ago(60*testDay) + 1, false},
		{"young", off, func(t *proto.ServiceToken) { t.CreatedAt = ago(59 * testDay) }, 0, false},
		{"edited since", off, func(t *proto.ServiceToken) { t.UpdatedAt = ago(59 * testDay) }, 0, false},
		{"of unknown age", off, func(t *proto.ServiceToken) { t.CreatedAt = 0 }, 0, false},
		{"turned off already", off, func(t *proto.ServiceToken) { t.Disabled = true }, 0, false},
		{"turned off, to be deleted", remove, func(t *proto.ServiceToken) { t.Disabled = true }, 0, true},
		{"to be deleted", remove, func(*proto.ServiceToken) {}, 0, true},
		{"not asked for", proto.Inactivity{Days: 60}, func(*proto.ServiceToken) {}, 0, false},
		{"without days", proto.Inactivity{Enabled: true}, func(*proto.ServiceToken) {}, 0, false},
		{"fewer days than may be", proto.Inactivity{Enabled: true, Days: 29}, func(*proto.ServiceToken) {}, 0, false},
		{"more days", proto.Inactivity{Enabled: true, Days: 365}, func(*proto.ServiceToken) {}, 0, false},
	} {
		token := old
		c.change(&token)
		if got := idle(&token, c.seen, c.setting, now); got != c.want {
			t.Errorf("%s: %t", c.name, got)
		}
	}
}

func TestReferred(t *testing.T) {
	a, b := proto.NewID(), proto.NewID()
	rule := func(selector, body string) proto.Rule {
		return proto.Rule{Selector: selector, Body: json.RawMessage(body)}
	}
	got := map[proto.ID]bool{}
	referred(got, []proto.Rule{rule("everyone", `{}`), rule("service_token", `{"token_id":"`+a.String()+`"}`),
		rule("group", `{"id":"`+b.String()+`"}`)},
		[]proto.Rule{rule("service_token", `{"token_id":7}`), rule("service_token", `nonsense`),
			rule("any_valid_service_token", `{}`)}, nil)
	if len(got) != 1 || !got[a] {
		t.Errorf("%v", got)
	}
}

// Audit events of a token contain neither its current nor its previous secret.
func TestShownHasNoSecrets(t *testing.T) {
	hash, previous := bytes.Repeat([]byte("h"), 32), bytes.Repeat([]byte("p"), 32)
	data := shown(&proto.ServiceToken{ID: proto.NewID(), Name: "n", SecretHash: hash, PreviousHash: previous,
		CreatedAt: 1}, 0)
	var members map[string]any
	if err := json.Unmarshal(data, &members); err != nil {
		t.Fatal(err)
	}
	if len(members) != 10 || members["last_seen_at"] != nil || members["enabled"] != true ||
		bytes.Contains(data, []byte("hhh")) {
		t.Errorf("%s", data)
	}
}
