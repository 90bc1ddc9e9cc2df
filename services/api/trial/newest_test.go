package trial_test

import (
	"maps"
	"testing"

	"plumbline.dev/proto"
	"plumbline.dev/services/api/v4"
)

func TestANewCheck(t *testing.T) {
	t.Parallel()
	f := newFleet(t, 4)
	f.poll(90, 50, 10) // the last device has no score
	a := f.try(map[string]any{"rule": f.rule(">=", 60, nil), "limit": 2})
	if a.Devices != 4 || a.Pass != 1 || a.Fail != 2 || a.Unknown != 1 || a.Flips != 3 || a.ToFail != 2 ||
		a.ToUnknown != 1 || a.Compared.None != 4 || a.Rule != nil || *a.Integration != f.integration.String() ||
		a.Pages != 1 || !a.More {
		t.Errorf("%+v", a)
	}
	if len(a.Flipping) != 2 || a.Flipping[0].Name == "" || a.Flipping[0].From != "none" {
		t.Errorf("%+v", a.Flipping)
	}
	a = f.try(map[string]any{"rule": f.rule(">=", 60, map[string]any{"x_mode": "observe"})})
	if a.Pass != 4 || a.Flips != 0 || a.More || len(a.Flipping) != 0 {
		t.Errorf("in observe mode: %+v", a)
	}
	if all, _ := f.List("/devices/posture"); len(all) != 0 {
		t.Errorf("a trial stored %v", all)
	}
}

func TestAnEdit(t *testing.T) {
	t.Parallel()
	f := newFleet(t, 3)
	f.poll(90, 60, 10)
	id := f.check(f.rule(">=", 60, map[string]any{"expiration": "1h"}))
	a := f.try(map[string]any{"rule_id": id})
	if a.Pass != 2 || a.Fail != 1 || a.Flips != 0 || *a.Rule != id.String() {
		t.Errorf("as it is: %+v", a)
	}
	a = f.try(map[string]any{"rule_id": id, "rule": map[string]any{"input": map[string]any{"score": 70}, "name": nil}})
	if a.Flips != 1 || a.ToFail != 1 || a.Compared.Pass != 2 || len(a.Flipping) != 1 || a.Flipping[0].From != "pass" ||
		a.Flipping[0].Outcome != "fail" || *a.Flipping[0].Score != 60 || a.Flipping[0].Device != f.devices[1].String() {
		t.Errorf("a higher score: %+v", a)
	}
	a = f.try(map[string]any{"rule_id": id, "rule": map[string]any{"input": map[string]any{"operator": "<"}}})
	if a.Flips != 3 || a.ToFail != 2 || a.ToPass != 1 {
		t.Errorf("another operator: %+v", a)
	}
	// The grace of a device begins with the edit causing its failure.
	a = f.try(map[string]any{"rule_id": id, "rule": map[string]any{"x_grace": "1d", "input": map[string]any{"score": 70}}})
	if a.Flips != 0 || a.Pass != 2 || a.Reasons[0].Devices+a.Reasons[1].Devices+a.Reasons[2].Devices != 3 {
		t.Errorf("with a grace: %+v", a)
	}
	// No score expires sooner than a second.
	if e := f.try(map[string]any{"rule_id": id, "rule": map[string]any{"expiration": nil}}); e.Flips != 0 {
		t.Errorf("without an expiration: %+v", e)
	}
}

// A check that moves, and one whose new type is not evaluated, are compared with their outcomes today.
func TestACheckThatLeavesItsIntegration(t *testing.T) {
	t.Parallel()
	f := newFleet(t, 3)
	f.poll(90, 60, 10)
	id := f.check(f.rule(">=", 60, nil))
	other := f.newIntegration("Others")
	f.until(other, "the page has an entry", func(e *proto.Entry) bool { return len(e.Results) == 3 })
	a := f.try(map[string]any{"rule_id": id, "rule": map[string]any{"input": map[string]any{"connection_id": other}}})
	if a.Unknown != 3 || a.Flips != 3 || a.ToUnknown != 3 || a.Compared.Pass != 2 || a.Compared.Fail != 1 {
		t.Errorf("moved: %+v", a)
	}
	a = f.try(map[string]any{"rule_id": id, "rule": map[string]any{"type": "firewall", "input": map[string]any{}}})
	if a.Unknown != 3 || a.Flips != 3 || a.Compared.Pass != 2 || a.Reasons[0].Reason != "unsupported" ||
		a.Integration != nil {
		t.Errorf("of another type: %+v", a)
	}
	firewall := f.Want(200, "POST", "/devices/posture", map[string]any{"name": "Wall", "type": "firewall"})
	if a = f.try(map[string]any{"rule_id": firewall["id"]}); a.Unknown != 3 || a.Flips != 0 || a.Compared.Unknown != 3 {
		t.Errorf("not evaluated before: %+v", a)
	}
	a = f.try(map[string]any{"rule_id": firewall["id"], "rule": f.rule(">=", 60, nil)})
	if a.Pass != 2 || a.Flips != 3 || a.Compared.Unknown != 3 {
		t.Errorf("not evaluated before, and now: %+v", a)
	}
}

func TestBadRequests(t *testing.T) {
	t.Parallel()
	f := newFleet(t, 1)
	id := f.check(f.rule(">=", 60, nil))
	rule := f.rule(">=", 60, nil)
	for _, c := range []struct {
		name   string
		body   any
		status int
		code   int
	}{
		{"nothing", map[string]any{}, 400, v4.CodeInvalid},
		{"a limit too large", map[string]any{"rule": rule, "limit": 1001}, 400, v4.CodeInvalid},
		{"a limit below 0", map[string]any{"rule": rule, "limit": -1}, 400, v4.CodeInvalid},
		{"no id", map[string]any{"rule_id": "x"}, 400, v4.CodeInvalid},
		{"no such rule", map[string]any{"rule_id": proto.NewID()}, 404, v4.CodeUnknownRule},
		{"no such integration", map[string]any{"rule_id": id,
			"rule": map[string]any{"input": map[string]any{"connection_id": proto.NewID()}}}, 400, v4.CodeRule},
		{"an invalid member", map[string]any{"rule_id": id, "rule": map[string]any{"x_grace": "366d"}}, 400, v4.CodeRule},
		{"half a rule", map[string]any{"rule": map[string]any{"name": "x"}}, 400, v4.CodeRule},
		{"a rule that is no object", map[string]any{"rule": 1}, 400, v4.CodeInvalid},
		{"a step alone", map[string]any{"rule": rule, "step": "1h"}, 400, v4.CodeInvalid},
		{"too long ago", map[string]any{"rule": rule, "since": "31d"}, 400, v4.CodeInvalid},
		{"too long ago, as a time", map[string]any{"rule": rule, "since": "2020-01-01T00:00:00Z"}, 400, v4.CodeInvalid},
		{"in the future", map[string]any{"rule": rule, "since": "2200-01-01T00:00:00Z"}, 400, v4.CodeInvalid},
		{"no time", map[string]any{"rule": rule, "since": "yesterday"}, 400, v4.CodeInvalid},
		{"a step too short", map[string]any{"rule": rule, "since": "1h", "step": "1s"}, 400, v4.CodeInvalid},
		{"too many steps", map[string]any{"rule": rule, "since": "30d", "step": "1m"}, 400, v4.CodeInvalid},
		{"the past of what is not evaluated", map[string]any{"rule": map[string]any{"type": "firewall"}, "since": "1h"}, 400,
			v4.CodeInvalid},
	} {
		t.Run(c.name, func(t *testing.T) { f.In(t).WantError(c.status, c.code, "POST", "/plumbline/checks/try", c.body) })
	}
}

func TestExpectFlips(t *testing.T) {
	t.Parallel()
	f := newFleet(t, 3)
	f.poll(90, 60, 10)
	id := f.check(f.rule(">=", 60, nil))
	path := "/devices/posture/" + id.String() + "?expect_flips="
	stricter := f.rule(">=", 95, nil)
	if message := f.WantError(409, v4.CodeConflict, "PUT", path+"1", stricter); message !=
		"the change would flip the outcomes of 2 of 3 devices, more than the 1 expected (expect_flips): nothing was changed" {
		t.Error(message)
	}
	detail := f.Do("PUT", path+"1", stricter).Errors[0].Detail
	if want := map[string]any{"flips": 2.0, "devices": 3.0, "expect_flips": 1.0}; !maps.Equal(detail, want) {
		t.Errorf("x_detail is %v, want %v", detail, want)
	}
	if rule := f.Want(200, "GET", "/devices/posture/"+id.String(), nil); rule["input"].(map[string]any)["score"] != 60.0 {
		t.Errorf("the refused change was made: %v", rule)
	}
	f.WantError(400, v4.CodeInvalid, "PUT", path+"-1", stricter)
	f.Want(200, "PUT", path+"2", stricter)
	f.until(f.integration, "the edit is evaluated", func(e *proto.Entry) bool { return f.has(e, id) })
	f.Want(200, "PUT", path+"0", stricter)
	// An edit without an entry so far counts as made.
	f.Want(200, "PUT", "/devices/posture/"+id.String(), f.rule(">=", 60, nil))
	f.WantError(409, v4.CodeConflict, "PUT", path+"1", stricter)
}
