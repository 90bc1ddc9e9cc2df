package posture_test

import (
	"testing"
	"time"

	"plumbline.dev/bus/topology"
	"plumbline.dev/proto"
	"plumbline.dev/services/api/apitest"
)

// TestEnforcedOutcomes checks that every place that shows an outcome shows the observed one as well, and says in words
// why they may differ.
func TestEnforcedOutcomes(t *testing.T) {
	t.Parallel()
	f := apitest.StartFleet(t)
	now := proto.At(f.Clock.Now())
	save := func(kind topology.Kind, id proto.ID, m proto.Message) {
		if _, err := f.Conn.Put(t.Context(), topology.Config, topology.ConfigKey(f.Account, kind, id), m, 0); err != nil {
			t.Fatal(err)
		}
	}
	until := now.Add(48 * time.Hour)
	exemption := &proto.Exemption{ID: proto.NewID(), Device: f.Devices[0], Until: until, Author: "ada@example.com",
		Reason: "new laptop"}
	save(topology.KindExemption, exemption.ID, exemption)
	save(topology.KindOrganization, topology.OrganizationID(f.Account), &proto.Organization{Name: "o",
		Observe: &proto.ObserveSwitch{Until: until, By: "bob@example.com", Reason: "bad day"}})
	set := func(name string, v any) {
		body := f.Want(200, "GET", "/devices/posture/"+f.Check.String(), nil)
		body[name] = v
		f.Want(200, "PUT", "/devices/posture/"+f.Check.String(), body)
	}
	pass := func(r proto.Reason) proto.Verdict {
		return proto.Verdict{Outcome: proto.OutcomePass, Reason: r, Observed: proto.OutcomeFail}
	}
	state := func(s proto.CheckState) func(*proto.Entry) {
		return func(e *proto.Entry) { e.States = []proto.CheckState{s} }
	}
	const fails = "The newest score is 35, but it must be at least 60. "
	for n, c := range []struct {
		name      string
		before    func()
		score     int
		verdict   proto.Verdict
		change    func(*proto.Entry)
		why, says string
	}{
		{"grace", func() { set("x_grace", "14d") }, 35, pass(proto.ReasonGrace),
			state(proto.CheckState{Graces: []proto.Grace{{Result: 0, Since: now}}}),
			"grace until 2026-03-15T12:00:00Z", fails + "Grace until 2026-03-15T12:00:00Z."},
		{"exempt", nil, 35, pass(proto.ReasonExempt),
			func(e *proto.Entry) { e.Exemptions = []proto.ExemptionRef{{ID: exemption.ID, Revision: 1}} },
			"exempt until 2026-03-03T12:00:00Z, by ada@example.com: new laptop",
			fails + "Exempt until 2026-03-03T12:00:00Z, by ada@example.com: new laptop."},
		{"an exemption that was removed", nil, 35, pass(proto.ReasonExempt),
			func(e *proto.Entry) { e.Exemptions = []proto.ExemptionRef{{ID: proto.NewID(), Revision: 1}} },
			"exempt", fails + "Exempt."},
		{"the account's switch", nil, 35, pass(proto.ReasonObserveOnly),
			func(e *proto.Entry) { e.Observe = proto.EntryObserve{Until: until, On: true} },
			"observe only until 2026-03-03T12:00:00Z for the whole account, by bob@example.com: bad day",
			fails + "Observe only until 2026-03-03T12:00:00Z for the whole account, by bob@example.com: bad day."},
		{"a switch that was removed", nil, 35, pass(proto.ReasonObserveOnly),
			func(e *proto.Entry) { e.Observe = proto.EntryObserve{Until: until + 1, On: true} },
			"observe only", fails + "Observe only."},
		{"observe mode", func() { set("x_mode", "observe") }, 35, pass(proto.ReasonObserveOnly), func(*proto.Entry) {},
			"observe only: the check is in observe mode", fails + "Observe only: the check is in observe mode."},
		{"held", nil, 35, pass(proto.ReasonHeld), state(proto.CheckState{
			Flips: proto.Flips{Out: 412, Passing: 500, Known: 600}, Hold: &proto.PageHold{Tick: 1, Since: now, Out: true}}),
			"held since 2026-03-01T12:00:00Z: 412 of 500 passing devices of the page would change to fail in one poll",
			fails + "Held since 2026-03-01T12:00:00Z: 412 of 500 passing devices of the page would change to fail in one poll."},
		{"held at its safe side", nil, 35, proto.Verdict{Outcome: proto.OutcomeFail, Reason: proto.ReasonHeld,
			Observed: proto.OutcomeFail}, state(proto.CheckState{Flips: proto.Flips{Out: 9, In: 300, Passing: 40, Known: 600},
			Hold: &proto.PageHold{Tick: 1, Since: now, In: true, Safe: true}}),
			"held since 2026-03-01T12:00:00Z: 9 of 40 passing devices of the page would change to fail and 300 of 600 " +
				"devices of the page would change to pass in one poll; held for so long, a device passes only if its outcome " +
				"was pass before and is pass by its score", ""},
		{"withheld at the safe side", nil, 35, proto.Verdict{Outcome: proto.OutcomeFail, Reason: proto.ReasonScore,
			Observed: proto.OutcomeFail}, state(proto.CheckState{Flips: proto.Flips{Out: 1, Passing: 1, Known: 1},
			Hold: &proto.PageHold{Tick: 1, Since: now, Out: true, Safe: true}, Withheld: []int{0}}),
			"held since 2026-03-01T12:00:00Z: 1 of 1 passing devices of the page would change to fail in one poll; held for " +
				"so long, a device passes only if its outcome was pass before and is pass by its score", ""},
		{"hysteresis", func() { set("x_recover_score", 70.5) }, 65, proto.Verdict{Outcome: proto.OutcomeFail,
			Reason: proto.ReasonScore, Observed: proto.OutcomePass}, func(*proto.Entry) {},
			"the device failed before: it passes again when its score is at least 70.5",
			"The newest score is 65, and it must be at least 60. The device failed before: it passes again when its score " +
				"is at least 70.5."},
		{"nothing", nil, 65, proto.Verdict{Outcome: proto.OutcomePass, Reason: proto.ReasonScore,
			Observed: proto.OutcomePass}, func(*proto.Entry) {}, "", "The newest score is 65, and it must be at least 60."},
	} {
		t.Run(c.name, func(t *testing.T) {
			all := f
			f := all.In(t)
			if c.before != nil {
				c.before()
			}
			f.Enforce(uint64(n)+1, c.score, c.verdict, c.change)
			all.Last = f.Last
			want := []any{c.verdict.Outcome.String(), c.verdict.Reason.String(), c.verdict.Observed.String(), c.why}
			same := func(where string, shown map[string]any, prefix string) {
				t.Helper()
				why, _ := shown[prefix+"why"].(string)
				apitest.Same(t, where, []any{shown[prefix+"outcome"], shown[prefix+"reason"], shown[prefix+"observed"], why}, want)
			}
			device := f.Devices[0].String()
			why := f.Want(200, "GET", "/plumbline/explain/"+device, nil)["checks"].([]any)[0].(map[string]any)
			same("explain", why, "")
			if c.says != "" {
				apitest.Same(t, "sentence", why["sentence"], any(c.says))
			}
			first := func(v any) map[string]any { return v.([]any)[0].(map[string]any) }
			result := f.Want(200, "GET", "/plumbline/results/devices/"+device, nil)
			same("results of a device", first(first(result["integrations"])["checks"]), "")
			page := f.Want(200, "GET", "/plumbline/results/pages/0", nil)
			same("results of a page", first(first(first(page["integrations"])["devices"])["checks"]), "")
			past, _ := f.List("/plumbline/results/devices/" + device + "?history=1&limit=1")
			same("history", past[0], "")
			log, _ := lines(f.Fixture, "?device="+device)
			same("posture log", log[len(log)-1], "x_")
		})
	}
}
