package policy

import (
	"testing"

	"pgregory.net/rapid"
	"plumbline.dev/proto"
)

// TestDecidingRule checks the deciding rule of policies that the decision rests on one rule of.
func TestDecidingRule(t *testing.T) {
	domain, guest := ruleOf("email_domain", `{"domain":"example.com"}`), ruleOf("email", `{"email":"guest@example.com"}`)
	device := ruleOf("device_posture", `{"integration_uid":"`+checkA.String()+`"}`)
	none := Place{Include, -1}
	person := func(email string, o proto.Outcome) *Facts {
		return &Facts{LoggedIn: true, Email: email, Posture: func(proto.ID) proto.Outcome { return o }}
	}
	allow := pol(proto.DecisionAllow, []proto.Rule{guest, domain}, []proto.Rule{everybody, device}, nil)
	deny := pol(proto.DecisionDeny, []proto.Rule{guest, geo}, nil, []proto.Rule{domain})
	for _, c := range []struct {
		name    string
		policy  *proto.Policy
		facts   *Facts
		at      Place
		applies bool
	}{
		{"the second include rule", allow, person("ann@example.com", proto.OutcomePass), Place{Include, 1}, true},
		{"the first include rule", allow, person("guest@example.com", proto.OutcomePass), Place{Include, 0}, true},
		{"no include rule", allow, person("ann@example.org", proto.OutcomePass), none, false},
		{"a failed check", allow, person("ann@example.com", proto.OutcomeFail), Place{Require, 1}, false},
		{"a check without a result", allow, person("ann@example.com", proto.OutcomeUnknown), Place{Require, 1}, false},
		{"an unknown rule of a deny policy", deny, person("ann@example.org", proto.OutcomePass), Place{Include, 1}, true},
		{"an excluded user of a deny policy", deny, person("ann@example.com", proto.OutcomePass), Place{Exclude, 0}, false},
		{"an exclude rule", pol(proto.DecisionAllow, []proto.Rule{domain}, nil, []proto.Rule{guest}),
			person("guest@example.com", proto.OutcomePass), Place{Exclude, 0}, false},
	} {
		if at, applies, ok := Compile(c.policy, nil).Deciding(c.facts); at != c.at || applies != c.applies || !ok {
			t.Errorf("%s: %v, applies %t, want %v, %t", c.name, at, applies, c.at, c.applies)
		}
	}
	if at, _, ok := Missing(checkA).Deciding(person("ann@example.com", proto.OutcomePass)); ok {
		t.Errorf("a missing policy has the deciding rule %v", at)
	}
}

// TestDecidingRuleAgreesWithTheDecision checks that a policy applies exactly if it decides, that the rule at the place
// has the answer that the place says, and that it has the selector that the refusal names.
func TestDecidingRuleAgreesWithTheDecision(t *testing.T) {
	rapid.Check(t, func(t *rapid.T) {
		w, all := drawWorld(t)
		f := factsGen.Draw(t, "facts")
		f.LoggedIn = true
		for _, source := range all {
			p := Compile(source, w.find)
			at, applies, ok := p.Deciding(f)
			if !ok {
				if p.broken == nil {
					t.Fatalf("no deciding rule of %+v", source)
				}
				continue
			}
			d, decides := p.decide(f)
			if applies != decides {
				t.Fatalf("%v: applies is %t, decides is %t: %+v", at, applies, decides, d)
			}
			rules := map[List][]proto.Rule{Include: source.Include, Require: source.Require, Exclude: source.Exclude}[at.List]
			compiled := map[List][]Matcher{Include: p.include, Require: p.require, Exclude: p.exclude}[at.List]
			if at.Index < 0 {
				if at.List != Include || applies {
					t.Fatalf("no rule of %s decides", at.List)
				}
				continue
			}
			said := compiled[at.Index].Matches(f)
			if at.List == Exclude {
				said = said.not()
			}
			if applies && (at.List != Include && d.Selector == "" || said.No()) || !applies && said.Yes() {
				t.Fatalf("%v says %+v, applies is %t", at, said, applies)
			}
			if d.Selector != "" && at.Index < len(rules) && rules[at.Index].Selector != "group" &&
				rules[at.Index].Selector != d.Selector {
				t.Fatalf("%v has the selector %s, the refusal names %s", at, rules[at.Index].Selector, d.Selector)
			}
		}
	})
}
