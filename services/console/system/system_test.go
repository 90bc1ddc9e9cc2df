package system_test

import (
	"maps"
	"net/http"
	"strings"
	"testing"

	"plumbline.dev/services/console/consoletest"
	"plumbline.dev/services/console/system"
)

// object is a JSON object of the made-up API.
type object = map[string]any

func health(with object) object {
	all := object{"at": "2026-11-30T12:00:00Z", "version": "1.2.3, commit abc", "schemas": []any{"entry.1", "change.1"},
		"nats": object{"server": "nats-1", "version": "2.14.0", "round_trip_ms": 0.21},
		"streams": []any{object{"name": "POSTURE_LOG", "about": "entries", "messages": 12345, "bytes": 5_000_000,
			"limit_bytes": 20_000_000, "max_age_ms": 2_592_000_000, "newest_at": "2026-11-30T11:59:58Z", "servers": 3,
			"servers_current": 3}},
		"queues": []any{object{"stream": "POSTURE_SCORES", "service": "evaluator", "about": "scores to evaluate"}},
		"integrations": []any{object{"id": "i1", "name": "Fleet EDR", "interval": "5m", "standing": "on_time",
			"poll_at": "2026-11-30T11:58:00Z", "pages": 1000, "done_pages": 999, "pending_pages": 1}},
		"limits": []any{object{"name": "checks_per_integration", "about": "Checks over one integration", "limit": 100,
			"used": 4}, object{"name": "devices_per_page", "about": "Devices in one call", "limit": 1000, "used": nil}},
		"problems": []any{}}
	maps.Copy(all, with)
	return all
}

func open(t *testing.T, h object) *consoletest.Console {
	return consoletest.New(t, map[string]http.HandlerFunc{"GET /plumbline/system": consoletest.Answer(h)}, system.Register)
}

func problem(code, severity, subject, id string) object {
	return object{"code": code, "severity": severity, "subject": subject, "id": id, "text": "Text of " + code + "."}
}

func TestHealthy(t *testing.T) {
	c := open(t, health(nil))
	c.Get("/system").Has(http.StatusOK, "Works", "Nothing to do, as far as the control plane can tell.", "Fleet EDR",
		"On time", "999 of 1,000", "Nothing waits", "12,345", "25 % of 20 MB", "30 days", "3 of 3", "1.2.3, commit abc",
		"2.14.0", "answers in 0.21 ms", "entry.1", "4", "100").Safe()
	if part := c.Fragment("/system", "health").Has(http.StatusOK, "Works").Safe(); strings.Contains(part.Body, "<nav") {
		t.Error("a fragment has the layout")
	}
	if n := len(c.Asked("")); n > 6 {
		t.Errorf("the screen asks %v", c.Asked(""))
	}
}

func TestWhatToDo(t *testing.T) {
	h := health(object{"problems": []any{problem("poll_overdue", "fail", consoletest.Hostile, "i1"),
		problem("evaluator_late", "fail", "evaluator", ""), problem("dead_letters", "warn", "POSTURE_DEAD", ""),
		problem("made_up", "info", "x", "")}})
	p := open(t, h).Get("/system").Has(http.StatusOK, "Does not work as it should", "4 remarks", "Text of poll_overdue.",
		"Open the integration: its newest calls have the reason.", "logs --since 10m evaluator",
		"deploy/README.md, “When something goes wrong”", "Look at it", "Good to know", "Text of made_up.").Safe()
	if !strings.Contains(p.Body, `href="/integrations/i1"`) {
		t.Error("no link leads to the integration")
	}
}

func TestAStreamWithoutAnAnswer(t *testing.T) {
	h := health(object{"streams": []any{object{"name": "KV_CONFIG", "error": "no answer in time"},
		object{"name": "AUDIT", "servers": 3, "servers_current": 2}, object{"name": "DEVICES", "servers": 1,
			"servers_current": 1, "unreadable_to": 9}},
		"problems": []any{problem("servers_behind", "warn", "AUDIT", "")}, "queues": []any{object{"service": "registry",
			"waiting": 3, "age_ms": 120_000, "late": true}}})
	open(t, h).Get("/system").Has(http.StatusOK, "Works, with remarks", "No answer", "no answer in time", "Server behind",
		"Data lost", "Late", "2 min").Safe()
}

func TestErrors(t *testing.T) {
	none := func(h http.HandlerFunc) *consoletest.Console {
		return consoletest.New(t, map[string]http.HandlerFunc{"GET /plumbline/system": h}, system.Register)
	}
	none(consoletest.Refuse(http.StatusForbidden, "needs Posture Results Read")).Get("/system").
		Has(http.StatusForbidden, "Not permitted", "Posture Results Read").Safe()
	none(consoletest.Refuse(http.StatusServiceUnavailable, "NATS is away")).Get("/system").
		Has(http.StatusServiceUnavailable, "The control plane is not available", "NATS is away").Safe()
	consoletest.Down(t, system.Register).Get("/system").Has(http.StatusBadGateway, "does not answer").Safe()
}
