package exchange

import (
	"encoding/json"
	"strings"
	"time"

	"plumbline.dev/proto"
	"plumbline.dev/services/internal/servicetoken"
)

const (
	week = 7 * 24 * time.Hour
	// tellUntil is how long after a token's expiry it is announced. Earlier notices are found in ACCESS_LOG, which
	// keeps them for thirty days.
	tellUntil = 25 * 24 * time.Hour
	// leastIdle is the shortest valid inactivity in days (api/README.md 2.5). A smaller value cannot come from the API,
	// and would disable tokens in use.
	leastIdle = 30
)

// The states of service tokens in the metric.
const (
	stateValid    = "valid"
	stateExpiring = "expiring"
	stateExpired  = "expired"
	stateDisabled = "disabled"
)

// stateOf returns the state of a token.
func stateOf(t *proto.ServiceToken, now time.Time) string {
	switch {
	case t.Disabled:
		return stateDisabled
	case servicetoken.Expired(t, now):
		return stateExpired
	case t.ExpiresAt != 0 && !now.Before(t.ExpiresAt.Time().Add(-week)):
		return stateExpiring
	}
	return stateValid
}

// noticeOf returns the notice due for a token's expiry, or "" if there is none. Disabled tokens are announced too,
// because they may be enabled again.
func noticeOf(t *proto.ServiceToken, now time.Time) proto.TokenState {
	end := t.ExpiresAt.Time()
	switch {
	case t.ExpiresAt == 0 || now.Before(end.Add(-week)) || now.After(end.Add(tellUntil)):
		return ""
	case now.Before(end):
		return proto.TokenExpiring
	}
	return proto.TokenExpired
}

// told reports whether the newest notice of a token, or nil, covers a state and an expiry. A notice of inactivity
// covers everything due before it, because a janitor publishes expiry notices first.
func told(newest *proto.TokenNotice, state proto.TokenState, expiry proto.Millis) bool {
	if newest == nil || newest.ExpiresAt != expiry {
		return false
	}
	switch newest.State {
	case proto.TokenExpired:
		return true
	case proto.TokenExpiring:
		return state == proto.TokenExpiring
	}
	due := expiry.Time()
	if state == proto.TokenExpiring {
		due = due.Add(-week)
	}
	return !newest.At.Time().Before(due)
}

// idle reports whether a token is to be disabled or deleted as unused (api/README.md 2.5): it is older than the
// threshold and was neither used nor edited within it. Enabling a token is an edit.
func idle(t *proto.ServiceToken, seen proto.Millis, i proto.Inactivity, now time.Time) bool {
	since := proto.At(now.Add(-time.Duration(i.Days) * 24 * time.Hour))
	return i.Enabled && i.Days >= leastIdle && t.CreatedAt != 0 && max(t.CreatedAt, t.UpdatedAt, seen) <= since &&
		(i.Delete || !t.Disabled)
}

// referred adds the service tokens that rules name directly.
func referred(into map[proto.ID]bool, lists ...[]proto.Rule) {
	for _, rules := range lists {
		for _, r := range rules {
			var body struct {
				TokenID string `json:"token_id"`
			}
			if r.Selector != "service_token" || json.Unmarshal(r.Body, &body) != nil {
				continue
			}
			if id, err := proto.ParseID(strings.TrimSpace(body.TokenID)); err == nil {
				into[id] = true
			}
		}
	}
}

// disabled returns a token disabled for inactivity. The secret from before a rotation must not become valid again
// when the token is enabled.
func disabled(t *proto.ServiceToken, now time.Time) *proto.ServiceToken {
	off := *t
	off.Disabled, off.UpdatedAt = true, proto.At(now)
	off.PreviousHash, off.PreviousUntil = nil, min(off.PreviousUntil, proto.At(now))
	return &off
}

// shown returns a service token for the audit log, in the form of the API and without secrets.
func shown(t *proto.ServiceToken, seen proto.Millis) json.RawMessage {
	at := func(m proto.Millis) *time.Time {
		if m == 0 {
			return nil
		}
		utc := m.Time().UTC()
		return &utc
	}
	data, err := json.Marshal(struct {
		ID        proto.ID   `json:"id"`
		ClientID  string     `json:"client_id"`
		Name      string     `json:"name"`
		Duration  string     `json:"duration"`
		Version   int        `json:"client_secret_version"`
		Enabled   bool       `json:"enabled"`
		ExpiresAt *time.Time `json:"expires_at"`
		CreatedAt *time.Time `json:"created_at"`
		UpdatedAt *time.Time `json:"updated_at"`
		LastSeen  *time.Time `json:"last_seen_at"`
	}{t.ID, t.ClientID, t.Name, t.DurationText, t.Version, !t.Disabled, at(t.ExpiresAt), at(t.CreatedAt), at(t.UpdatedAt),
		at(seen)})
	if err != nil {
		return nil // impossible for these types
	}
	return data
}
