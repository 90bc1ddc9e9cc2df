package start_test

import (
	"net/http"
	"testing"

	"plumbline.dev/services/console/consoletest"
	"plumbline.dev/services/console/start"
)

type object = map[string]any

// full is an account in which every step is done.
func full() map[string]http.HandlerFunc {
	return map[string]http.HandlerFunc{
		"GET /access/service_tokens": consoletest.Answer([]any{object{"id": "t1", "name": consoletest.Hostile}}),
		"GET /access/apps": consoletest.Answer([]any{object{"id": "a1", "policies": []any{
			object{"id": "p1", "decision": "non_identity"},
			object{
				"id":       "p2",
				"decision": "allow",
				"require":  []any{object{"device_posture": object{"integration_uid": "c1"}}},
			}}}}),
		"GET /devices/posture/integration": consoletest.Answer([]any{object{"id": "i1", "type": "custom_s2s"}}),
		"GET /devices/posture":             consoletest.Answer([]any{object{"id": "c1", "type": "custom_s2s"}}),
		"GET /devices/physical-devices":    consoletest.Answer([]any{object{"id": "d1"}}),
		"GET /plumbline/status": consoletest.Answer([]any{object{"id": "i1", "interval": "5m",
			"poll": object{"tick": 1, "at": "2026-11-30T11:58:00Z", "pages": 1, "devices": 1}}}),
	}
}

// with returns an account with another answer to one request.
func with(pattern string, h http.HandlerFunc) map[string]http.HandlerFunc {
	routes := full()
	routes[pattern] = h
	return routes
}

func TestSteps(t *testing.T) {
	consoletest.New(t, full(), start.Register).Get("/start").Has(200, "8 of 8 steps are done", "plumb token create").Safe()
	none := map[string]http.HandlerFunc{}
	for pattern := range full() {
		none[pattern] = consoletest.Answer([]any{})
	}
	c := consoletest.New(t, none, start.Register)
	c.Get("/start").Has(200, "0 of 8 steps are done; the next one is step 1", "Next", "Open").Safe()
	c.Fragment("/start", "steps").Has(200, "Create a service token").Safe()
	for pattern, want := range map[string]string{
		"GET /access/service_tokens":       "7 of 8 steps are done; the next one is step 1.",
		"GET /access/apps":                 "5 of 8 steps are done; the next one is step 2.",
		"GET /devices/posture/integration": "7 of 8 steps are done; the next one is step 4.",
		"GET /devices/physical-devices":    "7 of 8 steps are done; the next one is step 5.",
		"GET /devices/posture":             "7 of 8 steps are done; the next one is step 6.",
		"GET /plumbline/status":            "7 of 8 steps are done; the next one is step 7.",
	} {
		consoletest.New(t, with(pattern, consoletest.Answer([]any{})), start.Register).Get("/start").Has(200, want)
		consoletest.New(t, with(pattern, consoletest.Refuse(403, "no")), start.Register).
			Get("/start").Has(200, "some steps may be done already")
	}
	consoletest.Down(t, start.Register).Get("/start").Has(502)
}
