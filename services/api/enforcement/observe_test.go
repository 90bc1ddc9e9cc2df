package enforcement_test

import (
	"fmt"
	"strings"
	"testing"
	"time"

	"plumbline.dev/bus/topology"
	"plumbline.dev/proto"
	"plumbline.dev/services/api/apitest"
	"plumbline.dev/services/api/v4"
)

const observe = "/plumbline/observe"

func observing(f *apitest.Fixture, d time.Duration) map[string]any {
	return map[string]any{"until": in(f, d), "reason": "the scoring API is broken"}
}

func TestObserveSwitch(t *testing.T) {
	t.Parallel()
	f := apitest.Start(t)
	off := "map[active:false by:<nil> reason:<nil> since:<nil> until:<nil>]"
	if got := f.Want(200, "GET", observe, nil); fmt.Sprint(got) != off {
		t.Errorf("%v", got)
	}
	f.Want(200, "DELETE", observe, nil) // it is off
	f.Want(200, "PUT", observe, observing(f, time.Hour))
	f.Clock.Advance(time.Minute)
	on := f.Want(200, "PUT", observe, observing(f, 7*24*time.Hour))
	if on["active"] != true || on["since"] != "2026-03-01T12:00:00Z" || on["until"] != "2026-03-08T12:01:00Z" ||
		on["by"] != "bootstrap" || on["reason"] != "the scoring API is broken" {
		t.Errorf("%v", on)
	}
	if got := f.Want(200, "GET", observe, nil); fmt.Sprint(got) != fmt.Sprint(on) {
		t.Errorf("%v, stored as %v", got, on)
	}
	r := f.Do("GET", "/plumbline/status", nil)
	if !strings.Contains(r.Message(v4.CodeNotEnforced), "until 2026-03-08T12:01:00Z") {
		t.Errorf("%s", r.Body)
	}
	if n := f.Metric("plumbline_api_observe_switches"); n != 1 {
		t.Errorf("%v switches are on", n)
	}
	f.Want(201, "POST", "/access/organizations", map[string]any{"name": "Acme"}) // the switch has not made one
	org := f.Want(200, "GET", "/access/organizations", nil)
	if o, _ := org["x_observe"].(map[string]any); o["until"] != on["until"] || o["reason"] != on["reason"] {
		t.Errorf("the organization shows %v", org["x_observe"])
	}
	org["x_observe"] = map[string]any{"until": "x"} // it is read-only
	f.Want(200, "PUT", "/access/organizations", org)
	if got := f.Want(200, "GET", observe, nil); fmt.Sprint(got) != fmt.Sprint(on) {
		t.Errorf("%v, stored as %v", got, on)
	}
	f.Clock.Advance(time.Minute)
	if got := f.Want(200, "DELETE", observe, nil); fmt.Sprint(got) != off {
		t.Errorf("%v", got)
	}
	// Gateways read from it when a switch was turned off before its time.
	if got := f.Want(200, "GET", "/access/organizations", nil)["updated_at"]; got != "2026-03-01T12:02:00Z" {
		t.Errorf("the organization was updated at %v", got)
	}
	if r := f.Do("GET", "/plumbline/status", nil); r.Message(v4.CodeNotEnforced) != "" {
		t.Errorf("%s", r.Body)
	}
	want := "create observe_switch, update observe_switch, update org, update org, delete observe_switch"
	if got := apitest.Summary(f.Events()); got != want {
		t.Errorf("%s, want %s", got, want)
	}
}

func TestInvalidObserveSwitch(t *testing.T) {
	t.Parallel()
	f := apitest.Start(t)
	for message, change := range map[string]map[string]any{
		"until is required":                {"until": nil},
		"until must be a time in RFC 3339": {"until": "soon"},
		"until must be in the future":      {"until": in(f, -time.Minute)},
		"until must be within 7 days":      {"until": in(f, 8*24*time.Hour)},
		"reason is required":               {"reason": ""},
		"reason must be a string":          {"reason": []string{"x"}},
	} {
		got := f.WantError(400, v4.CodeInvalid, "PUT", observe, apitest.Plus(observing(f, time.Hour), change))
		if !strings.Contains(got, message) {
			t.Errorf("%v: %s, want %s", change, got, message)
		}
	}
	others := f.StoreToken(nil, apitest.GroupID("Access: Device Posture Write"),
		apitest.GroupID("Posture Enforcement Write"))
	if r := f.As(others, "GET", observe, nil); r.Status != 200 {
		t.Errorf("%d %s", r.Status, r.Body)
	}
	if r := f.As(others, "PUT", observe, observing(f, time.Hour)); r.Status != 403 {
		t.Errorf("%d %s", r.Status, r.Body)
	}
}

// The switch ends by itself, once, with several replicas and without losing the rest of the organization.
func TestEndOfTheObserveSwitch(t *testing.T) {
	t.Parallel()
	f := apitest.Start(t)
	f.Replica()
	f.Want(201, "POST", "/access/organizations", map[string]any{"name": "Acme", "session_duration": "1h"})
	f.Want(200, "PUT", observe, observing(f, time.Hour))
	f.Clock.Advance(time.Hour)
	if got := f.Want(200, "GET", observe, nil); got["active"] != false {
		t.Errorf("its time is over: %v", got)
	}
	var o proto.Organization
	passing(f, "the switch is gone", func() bool {
		o = proto.Organization{}
		key := topology.ConfigKey(f.Account, topology.KindOrganization, topology.OrganizationID(f.Account))
		if _, err := f.Conn.Get(t.Context(), topology.Config, key, &o); err != nil {
			t.Fatal(err)
		}
		return o.Observe == nil
	})
	if o.Name != "Acme" || o.SessionDuration != time.Hour {
		t.Errorf("%+v", o)
	}
	all := f.Events()
	if got := apitest.Summary(all); got != "create org, create observe_switch, end observe_switch" {
		t.Error(got)
	}
	if e := all[len(all)-1]; e.Actor.Type != "system" || len(e.Before) == 0 || len(e.After) != 0 {
		t.Errorf("%+v", e)
	}
}
