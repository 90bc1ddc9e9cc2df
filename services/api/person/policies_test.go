package person_test

import (
	"testing"
	"time"

	"plumbline.dev/bus/topology"
	"plumbline.dev/proto"
	"plumbline.dev/services/api/apitest"
)

// rule returns a rule as requests have it.
func rule(selector string, body map[string]any) []any {
	return []any{map[string]any{selector: body}}
}

// TestThePoliciesOfTheConsoleHold checks that an application token counts only as long as the policies of the console's
// application admit the person: the gateway evaluates them at each request, and a token sent elsewhere lasts as long as
// its session.
func TestThePoliciesOfTheConsoleHold(t *testing.T) {
	t.Parallel()
	f := apitest.StartFleet(t, apitest.WithConsole)
	c := f.StartConsole()
	c.Member("ada@example.com", administrator)
	token := func(device proto.ID) string {
		s := c.Login("ada@example.com")
		s.Device = device
		f.StoreLogin(s)
		return c.Sign(c.Claims(s))
	}
	enrolled, scoreless, unknownDevice := token(f.Devices[0]), token(f.Devices[1]), token(proto.ID{})
	f.Evaluate(1, 80, proto.OutcomePass)
	everyone := rule("everyone", map[string]any{})
	posture := rule("device_posture", map[string]any{"integration_uid": f.Check})
	office := rule("ip", map[string]any{"ip": "203.0.113.0/24"})
	of := func(address string) []any { return rule("email", map[string]any{"email": address}) }
	policy := func(decision string, lists ...[]any) map[string]any {
		p := map[string]any{"name": decision, "decision": decision}
		for n, name := range []string{"include", "require", "exclude"} {
			if n < len(lists) && lists[n] != nil {
				p[name] = lists[n]
			}
		}
		return p
	}
	put := func(policies ...any) {
		t.Helper()
		f.Want(200, "PUT", "/access/apps/"+c.App.ID.String(), map[string]any{"name": "console", "type": "self_hosted",
			"domain": "console.example.com", "policies": policies})
	}
	shared := f.Want(201, "POST", "/access/groups", map[string]any{"name": "in the office", "include": office})
	group := rule("group", map[string]any{"id": shared["id"]})
	for _, try := range []struct {
		name                         string
		policies                     []any
		enrolled, scoreless, unknown string
	}{
		{"none", []any{}, unauthorized, unauthorized, unauthorized},
		{"everyone", []any{policy("allow", everyone)}, allowed, allowed, allowed},
		{"others", []any{policy("allow", of("bob@example.com"))}, unauthorized, unauthorized, unauthorized},
		{"blocked", []any{policy("deny", of("ada@example.com")), policy("allow", everyone)},
			unauthorized, unauthorized, unauthorized},
		{"bypass", []any{policy("bypass", everyone)}, unauthorized, unauthorized, unauthorized},
		{"posture", []any{policy("allow", everyone, posture)}, allowed, unauthorized, allowed},
		{"a person or posture", []any{policy("allow", of("ada@example.com")), policy("allow", everyone, posture)},
			allowed, allowed, allowed},
		// What only a gateway knows counts in the person's favour, and does not excuse the rest.
		{"address", []any{policy("allow", everyone, office)}, allowed, allowed, allowed},
		{"address in a group", []any{policy("allow", group)}, allowed, allowed, allowed},
		{"address excluded", []any{policy("allow", everyone, nil, group)}, allowed, allowed, allowed},
		{"address blocked", []any{policy("deny", office), policy("allow", everyone)}, allowed, allowed, allowed},
		{"address and posture", []any{policy("allow", office, posture)}, allowed, unauthorized, allowed},
	} {
		put(try.policies...)
		for what, c := range map[string]struct{ token, want string }{"enrolled": {enrolled, try.enrolled},
			"without a score": {scoreless, try.scoreless}, "unknown": {unknownDevice, try.unknown}} {
			if got := refusal(f.Through(c.token, "GET", tags, nil)); got != c.want {
				t.Errorf("%s, device %s: %s, want %s", try.name, what, got, c.want)
			}
		}
	}

	// The device fails, and later passes again.
	put(policy("allow", everyone, posture))
	for n, want := range []string{unauthorized, allowed} {
		f.Evaluate(uint64(2+n), 10+n*80, []proto.Outcome{proto.OutcomeFail, proto.OutcomePass}[n])
		f.Clock.Advance(10 * time.Second)
		if got := refusal(f.Through(enrolled, "GET", tags, nil)); got != want {
			t.Errorf("after poll %d: %s, want %s", 2+n, got, want)
		}
	}
	// A revoked device is none.
	f.Want(200, "POST", "/devices/physical-devices/"+f.Devices[0].String()+"/revoke", nil)
	f.Clock.Advance(10 * time.Second)
	if got := refusal(f.Through(enrolled, "GET", tags, nil)); got != unauthorized {
		t.Errorf("a revoked device: %s", got)
	}
	// A policy that is gone may have been a deny policy.
	f.StoreConfig(topology.KindApplication, c.App.ID, &proto.Application{ID: c.App.ID, AUD: apitest.ConsoleAUD,
		Type: "self_hosted", Policies: []proto.PolicyLink{{Policy: proto.NewID(), Precedence: 1}}})
	if got := refusal(f.Through(unknownDevice, "GET", tags, nil)); got != unauthorized {
		t.Errorf("a policy is missing: %s", got)
	}
}
