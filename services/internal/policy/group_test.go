package policy

import (
	"fmt"
	"slices"
	"testing"
	"time"

	"github.com/google/go-cmp/cmp"
	"plumbline.dev/proto"
)

func idOf(n int) proto.ID { return proto.ID{12: 1, 14: byte(n >> 8), 15: byte(n)} }

func mailRule(address string) proto.Rule { return ruleOf("email", `{"email":"`+address+`"}`) }

// groupsOf are groups by number from 1.
func groupsOf(all ...*proto.Group) Groups {
	return func(id proto.ID) (*proto.Group, bool) {
		for n, g := range all {
			if id == idOf(n+1) && g != nil {
				return g, true
			}
		}
		return nil, false
	}
}

func including(r ...proto.Rule) *proto.Group { return &proto.Group{Include: r} }

func TestGroups(t *testing.T) {
	ann, bob, in := mailRule("ann@example.com"), mailRule("bob@example.com"), func(n int) proto.Rule {
		return groupRule(idOf(n))
	}
	for _, c := range []struct {
		name    string
		include proto.Rule
		groups  Groups
		want    map[string]Reason
	}{
		{"a group", in(1), groupsOf(including(ann)), map[string]Reason{"ann@example.com": Allow, "bob@example.com": PersonNotAdmitted}},
		{"with exceptions", in(1), groupsOf(&proto.Group{Include: rules(everybody), Exclude: rules(bob)}),
			map[string]Reason{"ann@example.com": Allow, "bob@example.com": PersonNotAdmitted}},
		{"with requirements", in(1), groupsOf(&proto.Group{Include: rules(everybody), Require: rules(bob)}),
			map[string]Reason{"ann@example.com": PersonNotAdmitted, "bob@example.com": Allow}},
		{"of nobody", in(1), groupsOf(&proto.Group{Require: rules(everybody)}), map[string]Reason{"ann@example.com": PersonNotAdmitted}},
		{"in a group", in(1), groupsOf(including(in(2), bob), including(ann)), map[string]Reason{"ann@example.com": Allow, "bob@example.com": Allow}},
		{"named twice", in(1), groupsOf(&proto.Group{Include: rules(in(2)), Require: rules(in(2))}, including(ann)), map[string]Reason{"ann@example.com": Allow}},
		{"no ways to find groups", in(1), nil, map[string]Reason{"ann@example.com": MissingGroup}},
		{"missing", in(1), groupsOf(), map[string]Reason{"ann@example.com": MissingGroup}},
		{"missing in a group", in(1), groupsOf(including(in(2), bob)), map[string]Reason{"ann@example.com": MissingGroup, "bob@example.com": Allow}},
		{"missing as an exception", in(1), groupsOf(&proto.Group{Include: rules(everybody), Exclude: rules(in(2))}), map[string]Reason{"ann@example.com": MissingGroup}},
		{"contains itself", in(1), groupsOf(including(everybody, in(1))), map[string]Reason{"ann@example.com": GroupCycle}},
		{"contain one another", in(1), groupsOf(including(ann, in(2)), including(bob, in(1))), map[string]Reason{"ann@example.com": GroupCycle, "bob@example.com": GroupCycle}},
		{"around three corners", in(2), groupsOf(including(in(2)), including(in(3)), including(ann, in(1))), map[string]Reason{"ann@example.com": GroupCycle}},
		{"beside a cycle", in(1), groupsOf(including(ann, in(2)), including(everybody, in(2))), map[string]Reason{"ann@example.com": Allow, "bob@example.com": GroupCycle}},
		{"unsupported in a group", in(1), groupsOf(including(geo, bob)), map[string]Reason{"ann@example.com": UnsupportedSelector, "bob@example.com": Allow}},
		{"malformed in a group", in(1), groupsOf(&proto.Group{Include: rules(everybody), Exclude: rules(malformed)}), map[string]Reason{"ann@example.com": MalformedRule}},
	} {
		p := Compile(pol(proto.DecisionAllow, rules(c.include), nil, nil), c.groups)
		for email, want := range c.want {
			if d := Decide([]*Policy{p}, &Facts{LoggedIn: true, Email: email}); d.Reason != want {
				t.Errorf("%s: %s: %+v, want %s", c.name, email, d, want)
			}
		}
	}
}

// A group that contains itself is named as such whichever of its members a policy begins with, and no other
// group is.
func TestCycles(t *testing.T) {
	refs := func(edges map[int][]int) map[proto.ID][]proto.ID {
		out := map[proto.ID][]proto.ID{}
		for from, to := range edges {
			out[idOf(from)] = nil
			for _, n := range to {
				out[idOf(from)] = append(out[idOf(from)], idOf(n))
			}
		}
		return out
	}
	for _, c := range []struct {
		edges map[int][]int
		want  []int
	}{
		{nil, nil},
		{map[int][]int{1: {2, 3}, 2: {4}, 3: {4}, 4: nil}, nil},
		{map[int][]int{1: {1}}, []int{1}},
		{map[int][]int{1: {2}, 2: {3}, 3: {2}, 4: {1}}, []int{2, 3}},
		{map[int][]int{1: {2, 3}, 2: {1}, 3: {2}}, []int{1, 2, 3}},
		{map[int][]int{1: {2}, 2: {1, 3}, 3: {4}, 4: {5}, 5: {4, 6}, 6: {99}}, []int{1, 2, 4, 5}},
	} {
		for range 20 { // maps are walked in another order each time
			got := cyclic(refs(c.edges))
			for n := range c.edges {
				if got[idOf(n)] != slices.Contains(c.want, n) {
					t.Fatalf("%v: group %d: %t", c.edges, n, got[idOf(n)])
				}
			}
		}
	}
}

func TestGroupsAreBounded(t *testing.T) {
	chain := func(n int) Groups { // each in the one before, the last for everybody
		return func(id proto.ID) (*proto.Group, bool) {
			at := int(id[14])<<8 | int(id[15])
			if at == n {
				return including(everybody), true
			}
			return including(groupRule(idOf(at + 1))), at < n
		}
	}
	bomb := func(levels, each int) Groups { // each names the next many times
		return func(id proto.ID) (*proto.Group, bool) {
			at := int(id[15])
			if at == levels {
				return &proto.Group{Include: rules(geo)}, true
			}
			return including(slices.Repeat(rules(groupRule(idOf(at+1))), each)...), true
		}
	}
	wide := func(n int) Groups { // the first names many
		return func(id proto.ID) (*proto.Group, bool) {
			if id != idOf(0) {
				return including(everybody), true
			}
			g := &proto.Group{}
			for i := range n {
				g.Include = append(g.Include, groupRule(idOf(i+1)))
			}
			return g, true
		}
	}
	many := func(n int) Groups {
		return func(proto.ID) (*proto.Group, bool) { return including(slices.Repeat(rules(geo), n)...), true }
	}
	start := time.Now()
	for _, c := range []struct {
		name   string
		groups Groups
		first  int
		want   Reason
	}{
		{"deep enough", chain(MaxLevels), 1, Bypass},
		{"too deep", chain(MaxLevels + 1), 1, TooManyRules},
		{"very deep", chain(5000), 1, TooManyRules},
		{"bomb", bomb(9, 10), 1, TooManyRules},
		{"many groups", wide(MaxGroups - 1), 0, Bypass},
		{"too many groups", wide(MaxGroups), 0, TooManyRules},
		{"many rules", many(MaxRules - 1), 1, UnsupportedSelector},
		{"as many as a policy may have", many(MaxRules), 1, TooManyRules},
		{"too many rules", many(MaxRules + 1), 1, TooManyRules},
	} {
		p := Compile(pol(proto.DecisionBypass, rules(groupRule(idOf(c.first))), nil, nil), c.groups)
		d := Decide([]*Policy{p}, &Facts{})
		if d.Reason != c.want {
			t.Errorf("%s: %+v, want %s", c.name, d, c.want)
		}
		deny := Compile(pol(proto.DecisionDeny, rules(groupRule(idOf(c.first))), nil, nil), c.groups)
		if d := Decide([]*Policy{deny}, &Facts{}); c.want == TooManyRules &&
			(d.Reason != TooManyRules || d.Policy != deny.ID()) {
			t.Errorf("%s, denied: %+v", c.name, d)
		}
	}
	// The policy's own rules count as well, and together with those of its groups.
	half := many(MaxRules / 2)
	both := Compile(pol(proto.DecisionBypass, rules(everybody, groupRule(idOf(1)), groupRule(idOf(2))), nil, nil), half)
	if d := Decide([]*Policy{both}, &Facts{}); d.Reason != TooManyRules {
		t.Errorf("two halves: %+v", d)
	}
	// A group above the size limit does not affect the other rules.
	beside := Compile(pol(proto.DecisionBypass, rules(groupRule(idOf(1)), everybody), nil, nil), many(MaxRules+1))
	if d := Decide([]*Policy{beside}, &Facts{}); d.Reason != Bypass {
		t.Errorf("beside a group that is too large: %+v", d)
	}
	if took := time.Since(start); took > 20*time.Second {
		t.Errorf("took %s", took)
	}
}

func TestProblemsOfGroupsNameThem(t *testing.T) {
	p := Compile(pol(proto.DecisionAllow, rules(groupRule(idOf(1)), groupRule(idOf(9))), nil, nil), groupsOf(
		including(geo, groupRule(idOf(2)), groupRule(idOf(3)), groupRule(idOf(3))), including(groupRule(idOf(2))),
		including(nonsense)))
	var got []string
	for _, problem := range p.Problems() {
		got = append(got, problem.Error())
	}
	first, third := "group "+idOf(1).String()+": ", "group "+idOf(3).String()+": "
	want := []string{first + `selector "geo": unsupported_selector`, first + `selector "group": group_cycle: it names ` +
		idOf(2).String(), third + `selector "phase_of_moon": unknown_selector`,
		`selector "group": missing_group: it names ` + idOf(9).String()}
	if diff := cmp.Diff(want, got); diff != "" {
		t.Error(diff)
	}
	if ids := p.Groups(); !slices.Equal(ids, []proto.ID{idOf(1), idOf(2), idOf(3), idOf(9)}) {
		t.Error(ids)
	}
}

func TestABypassPolicyCannotAskWhoSomebodyIs(t *testing.T) {
	ann := Facts{LoggedIn: true, Email: "ann@example.com", IDP: idpA, AMR: []string{"hwk"}}
	staff := groupsOf(including(mailRule("ann@example.com")))
	for _, c := range []struct {
		name                      string
		include, require, exclude []proto.Rule
		want                      Reason
	}{
		{"in include", rules(mailRule("ann@example.com")), nil, nil, IdentityInBypass},
		{"in require", rules(everybody), rules(ruleOf("email_domain", `{"domain":"example.com"}`)), nil, IdentityInBypass},
		{"in exclude", rules(everybody), nil, rules(mailRule("eve@example.com")), IdentityInBypass},
		{"in a group", rules(groupRule(idOf(1))), nil, nil, IdentityInBypass},
		{"as a group's exception", rules(everybody), nil, rules(groupRule(idOf(1))), IdentityInBypass},
		{"beside what holds", rules(mailRule("ann@example.com"), everybody), nil, nil, Bypass},
	} {
		p := pol(proto.DecisionBypass, c.include, c.require, c.exclude)
		ready := Compile(p, staff)
		if d := Decide([]*Policy{ready}, &ann); d.Reason != c.want {
			t.Errorf("%s: %+v", c.name, d)
		}
		if len(ready.Problems()) != 1 || ready.Problems()[0].Reason != IdentityInBypass {
			t.Errorf("%s: %v", c.name, ready.Problems())
		}
		p.Decision = proto.DecisionAllow
		if problems := Compile(p, staff).Problems(); len(problems) != 0 {
			t.Errorf("%s, in an Allow policy: %v", c.name, problems)
		}
	}
}

func TestWhatPoliciesAskFor(t *testing.T) {
	external := func(host string) proto.Rule {
		return ruleOf("external_evaluation",
			fmt.Sprintf(`{"evaluate_url":"https://%s/ask","keys_url":"https://%[1]s/keys"}`, host))
	}
	groups := groupsOf(including(external("b.example"), onDevice(checkB).rule))
	service := Compile(pol(proto.DecisionNonIdentity, rules(anyToken), rules(onDevice(checkA).rule), nil), groups)
	deny := Compile(pol(proto.DecisionDeny, rules(external("a.example"), external("b.example")), nil, nil), groups)
	allow := Compile(pol(proto.DecisionAllow, rules(external("a.example")), nil, rules(groupRule(idOf(1)))), groups)
	a, b := Evaluation{"https://a.example/ask", "https://a.example/keys"},
		Evaluation{"https://b.example/ask", "https://b.example/keys"}
	for _, c := range []struct {
		name     string
		policies []*Policy
		checks   []proto.ID
		external []Evaluation
	}{
		{"none", nil, nil, nil},
		{"a missing one", []*Policy{Missing(proto.NewID())}, nil, nil},
		{"service", []*Policy{service}, []proto.ID{checkA}, nil},
		{"deny", []*Policy{deny}, nil, []Evaluation{a, b}},
		{"all", []*Policy{service, deny, allow}, []proto.ID{checkA, checkB}, []Evaluation{a, b}},
	} {
		if got := Checks(c.policies); !slices.Equal(got, c.checks) || UsesPosture(c.policies) != (len(got) > 0) {
			t.Errorf("%s: checks %v", c.name, got)
		}
		if got := External(c.policies); !slices.Equal(got, c.external) {
			t.Errorf("%s: evaluations %v", c.name, got)
		}
	}
	if service.Decides() != proto.DecisionNonIdentity || Missing(proto.NewID()).Decides() != "" {
		t.Error(service.Decides())
	}
}

func TestWhatIsUnsupportedIsNamed(t *testing.T) {
	if got := Unsupported(rules(geo, everybody, nonsense), nil, rules(geo, malformed, groupRule(idOf(1)))); !slices.Equal(
		got, []string{"geo", "phase_of_moon", "service_token"}) {
		t.Error(got)
	}
	p := pol(proto.DecisionAllow, rules(groupRule(idOf(1)), mailRule("ann@example.com")), nil, nil)
	if got := Problems(p); len(got) != 0 {
		t.Errorf("%v", got)
	}
	p.Unmet = []string{"approval_required", "isolation_required"}
	got := Problems(p)
	if len(got) != 2 || got[0].Reason != UnsupportedDemand || got[1].Selector != "isolation_required" {
		t.Errorf("%v", got)
	}
	if d := Decide([]*Policy{Compile(p, nil)}, &Facts{LoggedIn: true,
		Email: "ann@example.com"}); d.Reason != UnsupportedDemand || d.Selector != "approval_required" {
		t.Errorf("%+v", d)
	}
	p.Decision = proto.DecisionDeny
	if d := Decide([]*Policy{Compile(p, nil)}, &Facts{LoggedIn: true, Email: "ann@example.com"}); d.Reason != Denied {
		t.Errorf("a deny policy: %+v", d)
	}
}
