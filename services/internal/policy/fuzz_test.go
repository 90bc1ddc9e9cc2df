package policy

import (
	"encoding/json"
	"net/netip"
	"slices"
	"testing"

	"plumbline.dev/proto"
)

// Seeds beside those of f.Add are in testdata/fuzz.

func FuzzParseRule(f *testing.F) {
	for _, l := range leaves {
		f.Add(l.rule.Selector, []byte(l.rule.Body))
	}
	f.Fuzz(func(t *testing.T, selector string, body []byte) {
		m, problem := ParseRule(proto.Rule{Selector: selector, Body: body})
		if (m == nil) == (problem == nil) {
			t.Fatalf("%v and %v", m, problem)
		}
		if problem != nil {
			switch problem.Reason {
			case UnsupportedSelector, UnknownSelector, MalformedRule:
			default:
				t.Fatal(problem)
			}
			return
		}
		if !selectors[selector].Evaluated() || !json.Valid(body) {
			t.Fatalf("%s %s is taken for a rule", selector, body)
		}
		if m.Matches(&Facts{}).Yes() && selector != "everyone" {
			t.Fatalf("%s %s holds for a request of which nothing is known", selector, body)
		}
		// An empty name matches no identity.
		nameless := Facts{LoggedIn: true, Claims: NewClaims([]byte(`{}`)), Certificate: true}
		if m.Matches(&nameless).Yes() && selector != "everyone" && selector != "certificate" {
			t.Fatalf("%s %s holds for somebody without a name", selector, body)
		}
	})
}

// fuzzed is a policy and its groups as text.
type fuzzed struct {
	Decision proto.Decision `json:"decision"`
	fuzzedRules
	Groups []fuzzedRules `json:"groups"` // the first is 00000000-0000-0000-0000-000001000001 and so on
}

type fuzzedRules struct {
	Include []map[string]json.RawMessage `json:"include"`
	Require []map[string]json.RawMessage `json:"require"`
	Exclude []map[string]json.RawMessage `json:"exclude"`
}

func read(all []map[string]json.RawMessage) []proto.Rule {
	var out []proto.Rule
	for _, r := range all {
		for selector, body := range r {
			out = append(out, proto.Rule{Selector: selector, Body: body})
		}
	}
	return out
}

// fuzzedFacts are three requests: a service with a device, a user, and an anonymous client.
func fuzzedFacts() []*Facts {
	outcomes := map[proto.ID]proto.Outcome{checkA: proto.OutcomePass, checkB: proto.OutcomeFail}
	posture := func(id proto.ID) proto.Outcome { return outcomes[id] }
	ann := person(func(f *Facts) {
		f.Posture, f.External, f.IP = posture, map[Evaluation]bool{asked: true}, netip.MustParseAddr("10.1.2.3")
	})
	return []*Facts{{ServiceToken: tokenA, IP: netip.MustParseAddr("127.0.0.1"), Posture: posture, Certificate: true,
		CommonName: "robot"}, &ann, {}}
}

// never is evaluated, and holds for none of the fuzzed requests.
var never = ruleOf("common_name", `{"common_name":"nobody at all"}`)

// FuzzCompile: a policy with rules that cannot be evaluated admits a request only if it would for every answer of those
// rules, and one more such rule admits no further request.
func FuzzCompile(f *testing.F) {
	f.Add([]byte(
		`{"decision":"non_identity","include":[{"any_valid_service_token":{}}],"require":[{"geo":{"country_code":"AQ"}}]}`), uint8(0))
	f.Add([]byte(`{"decision":"bypass","include":[{"email":{"email":"ann@example.com"}},{"everyone":{}}]}`), uint8(1))
	f.Fuzz(func(t *testing.T, text []byte, at uint8) {
		var in fuzzed
		if json.Unmarshal(text, &in) != nil {
			return
		}
		groups := func(id proto.ID) (*proto.Group, bool) {
			for n, g := range in.Groups {
				if id == idOf(n+1) {
					return &proto.Group{Include: read(g.Include), Require: read(g.Require), Exclude: read(g.Exclude)}, true
				}
			}
			return nil, false
		}
		p := pol(in.Decision, read(in.Include), read(in.Require), read(in.Exclude))
		ready := Compile(p, groups)
		if len(ready.include)+len(ready.require)+len(ready.exclude) != len(p.Include)+len(p.Require)+len(p.Exclude) {
			return // too many rules
		}
		broken := unevaluableRules(ready)
		for _, facts := range fuzzedFacts() {
			before := Decide([]*Policy{ready}, facts)
			checkDecision(t, before, p)
			if before.Admitted() && len(broken) <= 6 {
				for answers := range 1 << len(broken) {
					other := replaced(p, broken, answers)
					if d := Decide([]*Policy{Compile(other, groups)}, facts); !d.Admitted() {
						t.Fatalf("%s admits %+v although with other answers it does not: %+v", text, facts, d)
					}
				}
			}
			if all := places(p); len(all) > 0 {
				other := copied(p)
				*all[int(at)%len(all)].in(other) = geo
				if d := Decide([]*Policy{Compile(other, groups)}, facts); d.Admitted() && !before.Admitted() {
					t.Fatalf("%s admits %+v once rule %d cannot be evaluated: %+v", text, facts, at, d)
				}
			}
			if strict := DecideService([]*Policy{ready}, facts); strict.Admitted() && !before.Admitted() {
				t.Fatalf("%s: strict mode admits %+v: %+v", text, facts, strict)
			}
		}
	})
}

func checkDecision(t *testing.T, d Decision, p *proto.Policy) {
	ofCheck := d.Reason == PostureFailed || d.Reason == PostureUnknown || d.Reason == DeviceUnknown
	switch {
	case d.Reason == Undecided || ofCheck == d.Check.IsZero():
		t.Fatalf("%+v", d)
	case d.Admitted() && (p.Decision == proto.DecisionDeny || len(p.Include) == 0 || d.Policy != p.ID):
		t.Fatalf("%+v by %+v", d, p)
	}
}

// place is the list of a rule.
type place struct{ list, n int }

func (at place) in(p *proto.Policy) *proto.Rule {
	return &[][]proto.Rule{p.Include, p.Require, p.Exclude}[at.list][at.n]
}

func places(p *proto.Policy) []place {
	var all []place
	for list, rules := range [][]proto.Rule{p.Include, p.Require, p.Exclude} {
		for n := range rules {
			all = append(all, place{list, n})
		}
	}
	return all
}

func unevaluableRules(p *Policy) []place {
	var all []place
	for list, rules := range [][]Matcher{p.include, p.require, p.exclude} {
		for n, m := range rules {
			if _, broken := m.(unevaluable); broken {
				all = append(all, place{list, n})
			}
		}
	}
	return all
}

func replaced(p *proto.Policy, at []place, answers int) *proto.Policy {
	other := copied(p)
	for n, where := range at {
		*where.in(other) = []proto.Rule{never, everybody}[answers>>n&1]
	}
	return other
}

func copied(p *proto.Policy) *proto.Policy {
	other := *p
	other.Include, other.Require, other.Exclude = slices.Clone(p.Include), slices.Clone(p.Require), slices.Clone(p.Exclude)
	return &other
}

// FuzzClaims checks the interpretation of a provider's claims.
func FuzzClaims(f *testing.F) {
	f.Add([]byte(`{"groups":["dev",7,true,null,{}]}`), "groups")
	f.Add([]byte(`{"a":1,"a":2}`), "a")
	f.Add([]byte(`{"a":"\ud800"}`), "a")
	f.Fuzz(func(t *testing.T, object []byte, name string) {
		values, ok := NewClaims(object).get(name)
		var plain map[string]json.RawMessage
		if err := json.Unmarshal(object, &plain); ok && (err != nil || plain == nil) {
			t.Fatalf("%s is no object", object)
		}
		if member, there := plain[name]; len(values) > 0 && (!ok || !there || string(member) == "null") {
			t.Fatalf("%s of %s: %q", name, object, values)
		}
	})
}
