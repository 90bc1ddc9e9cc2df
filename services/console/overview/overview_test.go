package overview_test

import (
	"maps"
	"net/http"
	"strings"
	"testing"

	"plumbline.dev/services/console/consoletest"
	"plumbline.dev/services/console/overview"
)

// object is a JSON object of the made-up API.
type object = map[string]any

func dashboard(with object) object {
	all := object{"at": "2026-11-30T12:00:00Z", "devices": 0, "checks": []any{}, "integrations": []any{},
		"exemptions": object{"active": 0, "ending": []any{}}, "service_tokens": object{"count": 0, "expiring": []any{}},
		"api_tokens": object{"count": 1, "expiring": []any{}}}
	maps.Copy(all, with)
	return all
}

func check(with object) object {
	all := object{"id": "c1", "name": "Disk encrypted", "integration_id": "i1", "evaluated": true, "mode": "enforce",
		"pass": 98204, "fail": 1596, "unknown": 200, "changed": 3, "applications": 6,
		"past": []any{object{"at": "2026-11-30T11:50:00Z", "pass": 98207, "fail": 1593, "unknown": 200}}}
	maps.Copy(all, with)
	return all
}

func integration(with object) object {
	all := object{"id": "i1", "name": "Fleet EDR", "interval": "5m", "standing": "on_time", "type": "custom_s2s",
		"freshness": strings.Repeat("0", 99) + "1", "age_ms": 2000, "poll": object{"tick": 8842,
			"at": "2026-11-30T11:58:00Z", "pages": 100, "done_pages": 100, "took_ms": 430, "devices": 100_000}}
	maps.Copy(all, with)
	return all
}

func hold(with object) object {
	all := object{"id": "h1", "name": "Disk encrypted", "rule_id": "c1", "integration_id": "i1", "state": "standing",
		"directions": []any{"lock_out"}, "tick": 8841, "since": "2026-11-30T11:48:00Z",
		"safe_side_at": "2026-11-30T15:48:00Z", "devices": 412, "fleet_lost": 412, "fleet_pass": 1006, "fleet_known": 1100}
	maps.Copy(all, with)
	return all
}

func open(t *testing.T, d object, holds http.HandlerFunc) *consoletest.Console {
	return consoletest.New(t, map[string]http.HandlerFunc{
		"GET /plumbline/overview": consoletest.Answer(d), "GET /plumbline/holds": holds,
	}, overview.Register)
}

func TestOverviewOfAFleet(t *testing.T) {
	c := open(t, dashboard(object{"devices": 100_000, "checks": []any{check(nil),
		check(object{"id": "c2", "name": "OS up to date", "mode": "observe", "observe_only": 25741, "past": []any{}})},
		"integrations": []any{integration(nil)}}), consoletest.Answer([]any{hold(nil)}))
	p := c.Get("/overview").Has(http.StatusOK, "A hold needs a decision.",
		"412 of 1,006 passing devices would fail (41 %) by Disk encrypted after tick 8,841",
		"412 devices keep their pass until 2026-11-30 15:48:00 UTC", "98,204 pass 1,596 fail 200 unknown",
		"Enforced by 6 applications · 3 changed in the last poll", "Observe only · 25,741 would not pass",
		"every 5 min", "100/100 pages in 430 ms", "On time", "this poll 99", "one behind 1").Safe()
	if images := p.Attributes("svg", "aria-label"); !contains(images, "99 this poll, 1 one behind") {
		t.Errorf("the map has no label: %q", images)
	}
	if n := len(p.Attributes("polyline", "points")); n != 1 {
		t.Errorf("%d sparks: a check without earlier polls has none", n)
	}
	if len(c.Asked("")) > 5 {
		t.Errorf("the screen asks %v", c.Asked(""))
	}
	part := c.Fragment("/overview", "now").Has(http.StatusOK, "Disk encrypted").Safe()
	if len(part.Texts("nav", "")) > 0 {
		t.Error("a fragment has the layout")
	}
}

func contains(all []string, part string) bool {
	for _, text := range all {
		if strings.Contains(text, part) {
			return true
		}
	}
	return false
}

func TestWhatNeedsAttention(t *testing.T) {
	d := dashboard(object{"devices": 5, "integrations": []any{
		integration(object{"id": "i2", "name": "Intune", "poll": object{"at": "2026-11-30T11:22:00Z", "pages": 4,
			"failed_pages": 4, "error": "bad_status", "http_status": 503}}),
		integration(object{"id": "i3", "name": "Late", "overdue": true, "standing": "overdue", "age_ms": 3_600_000}),
		integration(object{"id": "i4", "name": "Asleep", "paused": true, "standing": "paused"})},
		"checks": []any{check(object{"name": "Orphan", "integration_id": nil})},
		"service_tokens": object{"count": 2, "expiring": []any{
			object{"id": "t1", "name": "ci", "expires_at": "2026-12-06T12:00:00Z", "rules": 2,
				"last_used_at": "2026-11-30T11:57:00Z"},
			object{"id": "t2", "name": "old", "expires_at": "2026-11-29T12:00:00Z", "rules": 0}}},
		"exemptions": object{"active": 1, "ending": []any{object{"id": "x", "device_id": "d1", "device_name": "oslo-3",
			"until": "2026-12-01T12:00:00Z", "reason": "new laptop"}}},
	})
	p := open(t, d, consoletest.Answer([]any{hold(object{"state": "expired", "devices": 1})})).Get("/overview").Safe()
	p.Has(http.StatusOK, "Safe side Disk encrypted, tick 8841", "1 device passes only if the held and the newest outcome",
		"Failing Intune", "bad_status, HTTP 503 (4 of 4 pages)", "Overdue Late", "Paused Asleep", "No scores Orphan",
		"Expires Service token ci", "2 rules name it, last used 2026-11-30 11:57 UTC", "Expired Service token old",
		"never used", "Exemption ends oslo-3", "Exempt from every check: new laptop")
	if strings.Contains(p.Text(), "A hold needs a decision") {
		t.Error("a hold whose time is over waits for a decision")
	}
}

func TestOverviewOfAnEmptyAccount(t *testing.T) {
	p := open(t, dashboard(nil), consoletest.Answer([]any{})).Get("/overview").Has(http.StatusOK, "Nothing here yet",
		"Start here").Safe()
	if !contains(p.Attributes("a", "href"), "/start") {
		t.Error("the page does not lead to Start here")
	}
}

func TestOverviewWithoutPermissions(t *testing.T) {
	d := dashboard(object{"devices": 2, "exemptions": nil, "service_tokens": nil, "api_tokens": nil})
	p := open(t, d, consoletest.Refuse(http.StatusForbidden, "no")).Get("/overview").Has(http.StatusOK,
		"Your role does not include service tokens", "Your role does not include holds").Safe()
	if strings.Contains(p.Text(), "No hold is open") || strings.Contains(p.Text(), "All good") {
		t.Errorf("the page says what the person may not know: %s", p.Text())
	}
	c := consoletest.New(t, map[string]http.HandlerFunc{
		"GET /plumbline/overview": consoletest.Refuse(http.StatusForbidden, "the token may not read results")},
		overview.Register)
	c.Get("/overview").Has(http.StatusForbidden, "Not permitted").Safe()
}

func TestOverviewEscapesNames(t *testing.T) {
	d := dashboard(object{"devices": 2, "checks": []any{check(object{"name": consoletest.Hostile})},
		"integrations": []any{integration(object{"name": consoletest.Hostile, "overdue": true,
			"poll": object{"failed_pages": 1, "pages": 1, "error": "bad_status", "detail": consoletest.Hostile}})},
		"service_tokens": object{"count": 1, "expiring": []any{object{"id": consoletest.Hostile,
			"name": consoletest.Hostile, "expires_at": "2026-12-06T12:00:00Z"}}},
		"exemptions": object{"active": 1, "ending": []any{object{"device_id": consoletest.Hostile,
			"device_name": consoletest.Hostile, "reason": consoletest.Hostile}}}})
	open(t, d, consoletest.Answer([]any{hold(object{"name": consoletest.Hostile, "id": consoletest.Hostile})})).
		Get("/overview").Has(http.StatusOK, "alert(1)").Safe()
}

func TestManyChecks(t *testing.T) {
	var checks []any
	for range 12 {
		checks = append(checks, check(nil))
	}
	checks = append(checks, check(object{"name": "Held one", "held": 4}))
	c := open(t, dashboard(object{"devices": 2, "checks": checks}), consoletest.Answer([]any{}))
	p := c.Get("/overview").Has(http.StatusOK, "Show 4 more checks").Safe()
	if cards := p.Texts("div", "card"); len(cards) != 9 || !strings.Contains(cards[0], "Held one") {
		t.Errorf("%d cards, the first is %q", len(cards), cards[0])
	}
	if cards := c.Get("/overview?checks=all").Texts("div", "card"); len(cards) != 13 {
		t.Errorf("%d cards of 13", len(cards))
	}
}

func TestOverviewWhileTheAPIIsDown(t *testing.T) {
	consoletest.Down(t, overview.Register).
		Get("/overview").
		Has(http.StatusBadGateway, "The control plane does not answer").
		Safe()
}
