package policy

import (
	"net/netip"
	"regexp"
	"slices"
	"strings"
	"testing"
	"time"

	"github.com/google/go-cmp/cmp"
	"pgregory.net/rapid"
	"plumbline.dev/proto"
)

var tokenA, tokenB = proto.ID{15: 1}, proto.ID{15: 2}

func ruleOf(selector, body string) proto.Rule {
	return proto.Rule{Selector: selector, Body: []byte(body)}
}

func tokenRule(id proto.ID) proto.Rule {
	return ruleOf("service_token", `{"token_id":"`+id.String()+`"}`)
}

var (
	everybody   = ruleOf("everyone", `{}`)
	anyToken    = ruleOf("any_valid_service_token", `{}`)
	local       = ruleOf("ip", `{"ip":"127.0.0.0/8"}`)
	geo         = ruleOf("geo", `{"country_code":"AQ"}`)
	nonsense    = ruleOf("phase_of_moon", `{}`)
	malformed   = ruleOf("service_token", `{"token_id":"no"}`)
	withToken   = Facts{ServiceToken: tokenA, IP: netip.MustParseAddr("127.0.0.1")}
	withoutAddr = Facts{ServiceToken: tokenA}
)

func pol(d proto.Decision, include, require, exclude []proto.Rule) *proto.Policy {
	return &proto.Policy{ID: proto.NewID(), Decision: d, Include: include, Require: require, Exclude: exclude, SessionDuration: time.Minute}
}

func rules(r ...proto.Rule) []proto.Rule { return r }

func compileAll(all []*proto.Policy) []*Policy {
	var out []*Policy
	for _, p := range all {
		out = append(out, Compile(p))
	}
	return out
}

func TestDecide(t *testing.T) {
	service := func(include, require, exclude []proto.Rule) *proto.Policy {
		return pol(proto.DecisionNonIdentity, include, require, exclude)
	}
	none := []proto.Rule(nil)
	for _, c := range []struct {
		name     string
		policies []*proto.Policy
		facts    Facts
		want     Reason
		by       int // which policy, from 0; -1: none
		strict   Reason
	}{
		{"no policies", nil, withToken, NoPolicies, -1, NoPolicies},
		{"the token is included", []*proto.Policy{service(rules(tokenRule(tokenB), tokenRule(tokenA)), none, none)}, withToken, ServiceAuth, 0, ServiceAuth},
		{"another token is included", []*proto.Policy{service(rules(tokenRule(tokenB)), none, none)}, withToken, NoPolicyHolds, -1, NoPolicyHolds},
		{"any token will do", []*proto.Policy{service(rules(anyToken), none, none)}, withToken, ServiceAuth, 0, ServiceAuth},
		{"no token was brought", []*proto.Policy{service(rules(anyToken, tokenRule(proto.ID{})), none, none)}, Facts{}, MalformedRule, 0, MalformedRule},
		{"nothing is included", []*proto.Policy{service(none, rules(everybody), none)}, withToken, NoPolicyHolds, -1, NoPolicyHolds},
		{"what is required holds", []*proto.Policy{service(rules(anyToken), rules(local, tokenRule(tokenA)), none)}, withToken, ServiceAuth, 0, ServiceAuth},
		{"one of what is required does not", []*proto.Policy{service(rules(anyToken), rules(local, tokenRule(tokenB)), none)}, withToken, NoPolicyHolds, -1, NoPolicyHolds},
		{"the token is excluded", []*proto.Policy{service(rules(everybody), none, rules(tokenRule(tokenB), tokenRule(tokenA)))}, withToken, NoPolicyHolds, -1, NoPolicyHolds},
		{"the address is excluded", []*proto.Policy{service(rules(anyToken), none, rules(local))}, withToken, NoPolicyHolds, -1, NoPolicyHolds},

		{"unsupported beside what holds", []*proto.Policy{service(rules(geo, anyToken), none, none)}, withToken, ServiceAuth, 0, ServiceAuth},
		{"unsupported alone", []*proto.Policy{service(rules(geo), none, none)}, withToken, UnsupportedSelector, 0, UnsupportedSelector},
		{"unsupported required", []*proto.Policy{service(rules(anyToken), rules(geo), none)}, withToken, UnsupportedSelector, 0, UnsupportedSelector},
		{"unsupported excluded", []*proto.Policy{service(rules(anyToken), none, rules(geo))}, withToken, UnsupportedSelector, 0, UnsupportedSelector},
		{"unsupported where it makes no difference", []*proto.Policy{service(rules(tokenRule(tokenB)), rules(geo), rules(geo))}, withToken, NoPolicyHolds, -1, NoPolicyHolds},
		{"unknown selector", []*proto.Policy{service(rules(nonsense), none, none)}, withToken, UnknownSelector, 0, UnknownSelector},
		{"malformed rule", []*proto.Policy{service(rules(malformed), none, none)}, withToken, MalformedRule, 0, MalformedRule},
		{"address unknown, required", []*proto.Policy{service(rules(anyToken), rules(local), none)}, withoutAddr, AddressUnknown, 0, AddressUnknown},
		{"address unknown, excluded", []*proto.Policy{service(rules(anyToken), none, rules(local))}, withoutAddr, AddressUnknown, 0, AddressUnknown},
		{"after one that cannot be evaluated another holds", []*proto.Policy{service(rules(geo), none, none), service(rules(anyToken), none, none)},
			withToken, ServiceAuth, 1, ServiceAuth},

		{"bypass", []*proto.Policy{pol(proto.DecisionBypass, rules(everybody), none, none)}, Facts{}, Bypass, 0, Bypass},
		{"the first decides", []*proto.Policy{service(rules(anyToken), none, none), pol(proto.DecisionBypass, rules(everybody), none, none)},
			withToken, ServiceAuth, 0, ServiceAuth},
		{"Service Auth comes before deny", []*proto.Policy{pol(proto.DecisionDeny, rules(everybody), none, none), service(rules(anyToken), none, none)},
			withToken, ServiceAuth, 1, ServiceAuth},
		{"deny", []*proto.Policy{pol(proto.DecisionDeny, rules(everybody), none, none), pol(proto.DecisionAllow, rules(everybody), none, none)},
			Facts{LoggedIn: true}, Denied, 0, NoPolicyHolds},
		{"allow before deny", []*proto.Policy{pol(proto.DecisionAllow, rules(everybody), none, none), pol(proto.DecisionDeny, rules(everybody), none, none)},
			Facts{LoggedIn: true}, Allow, 0, NoPolicyHolds},
		{"allow asks for a login", []*proto.Policy{pol(proto.DecisionAllow, rules(anyToken, everybody), none, none)}, withToken, LoginRequired, 0, NoPolicyHolds},
		{"a login may help although a rule is unsupported", []*proto.Policy{service(rules(geo), none, none), pol(proto.DecisionAllow, rules(everybody), none, none)},
			withToken, LoginRequired, 1, UnsupportedSelector},
		{"deny that cannot be evaluated denies", []*proto.Policy{pol(proto.DecisionDeny, rules(geo), none, none), pol(proto.DecisionAllow, rules(everybody), none, none)},
			Facts{LoggedIn: true}, UnsupportedSelector, 0, NoPolicyHolds},
		{"deny with an exception that cannot be evaluated denies", []*proto.Policy{pol(proto.DecisionDeny, rules(everybody), none, rules(geo)), pol(proto.DecisionAllow, rules(everybody), none, none)},
			Facts{LoggedIn: true}, UnsupportedSelector, 0, NoPolicyHolds},
		{"deny that does not hold whatever the answer", []*proto.Policy{pol(proto.DecisionDeny, rules(geo), rules(anyToken), none), pol(proto.DecisionAllow, rules(everybody), none, none)},
			Facts{LoggedIn: true}, Allow, 1, NoPolicyHolds},
		{"a decision nobody knows denies", []*proto.Policy{pol("permit", rules(everybody), none, none), pol(proto.DecisionAllow, rules(everybody), none, none)},
			Facts{LoggedIn: true}, UnknownDecision, 0, UnknownDecision},
	} {
		t.Run(c.name, func(t *testing.T) {
			got := Decide(compileAll(c.policies), &c.facts)
			want := Decision{Reason: c.want}
			if c.by >= 0 {
				want.Policy = c.policies[c.by].ID
			}
			got.Selector = ""
			if want.Admitted() {
				want.SessionDuration = time.Minute
			}
			if diff := cmp.Diff(want, got); diff != "" {
				t.Error(diff)
			}
			if strict := DecideService(compileAll(c.policies), &c.facts); strict.Reason != c.strict {
				t.Errorf("strict: %s, want %s", strict.Reason, c.strict)
			}
		})
	}
}

func TestAMissingPolicyIsTakenForADenyPolicy(t *testing.T) {
	id := proto.NewID()
	allow := Compile(pol(proto.DecisionAllow, rules(everybody), nil, nil))
	service := Compile(pol(proto.DecisionNonIdentity, rules(anyToken), nil, nil))
	facts := Facts{LoggedIn: true}
	if d := Decide([]*Policy{Missing(id), allow}, &facts); d.Reason != MissingPolicy || d.Policy != id || d.Admitted() {
		t.Errorf("before an Allow policy: %+v", d)
	}
	if d := Decide([]*Policy{allow, Missing(id)}, &facts); d.Reason != Allow {
		t.Errorf("after an Allow policy: %+v", d)
	}
	if d := DecideService([]*Policy{Missing(id), service}, &withToken); d.Reason != ServiceAuth {
		t.Errorf("with a Service Auth policy: %+v", d)
	}
	if d := DecideService([]*Policy{Missing(id)}, &withToken); d.Reason != MissingPolicy {
		t.Errorf("alone: %+v", d)
	}
}

func TestTheZeroDecisionRefuses(t *testing.T) {
	var d Decision
	if d.Admitted() || d.Reason != Undecided {
		t.Fatal(d)
	}
}

func TestSelectors(t *testing.T) {
	addr := func(s string) Facts { return Facts{IP: netip.MustParseAddr(s)} }
	for _, c := range []struct {
		selector, body string
		facts          Facts
		want           bool
	}{
		{"ip", `{"ip":"192.0.2.1"}`, addr("192.0.2.1"), true},
		{"ip", `{"ip":"192.0.2.1"}`, addr("192.0.2.2"), false},
		{"ip", `{"ip":"192.0.2.1"}`, addr("::ffff:192.0.2.1"), true},
		{"ip", `{"ip":"::ffff:192.0.2.1"}`, addr("192.0.2.1"), true},
		{"ip", `{"ip":"192.0.2.77/24"}`, addr("192.0.2.1"), true},
		{"ip", `{"ip":"192.0.2.0/24"}`, addr("192.0.3.1"), false},
		{"ip", `{"ip":"2001:db8::/32"}`, addr("2001:db8::1"), true},
		{"ip", `{"ip":"fe80::/10"}`, addr("fe80::1%eth0"), true},
		{"ip", `{"ip":"0.0.0.0/0"}`, addr("2001:db8::1"), false},
		{"ip", `{"ip":"::/0"}`, addr("192.0.2.1"), false},
		{"everyone", `{}`, Facts{}, true},
		{"any_valid_service_token", `{}`, Facts{}, false},
		{"any_valid_service_token", ` { } `, Facts{ServiceToken: tokenA}, true},
		{"service_token", `{"token_id":"00000000-0000-0000-0000-000000000001"}`, Facts{ServiceToken: tokenA}, true},
		{"service_token", `{"token_id":"00000000-0000-0000-0000-000000000001"}`, Facts{ServiceToken: tokenB}, false},
	} {
		m, problem := ParseRule(ruleOf(c.selector, c.body))
		if problem != nil {
			t.Errorf("%s %s: %v", c.selector, c.body, problem)
			continue
		}
		if got := m.Matches(&c.facts); got != truth(c.want) {
			t.Errorf("%s %s with %+v: %+v", c.selector, c.body, c.facts, got)
		}
	}
	for _, c := range []struct{ selector, body string }{
		{"ip", `{"ip":"192.0.2"}`}, {"ip", `{"ip":""}`}, {"ip", `{"ip":"192.0.2.0/33"}`}, {"ip", `{"ip":"fe80::1%eth0"}`}, {"ip", `{}`},
		{"ip", `{"ip":"::ffff:192.0.2.0/120"}`}, {"ip", `{"ip":["192.0.2.1"]}`},
		{"everyone", ``}, {"everyone", `null`}, {"everyone", `[]`}, {"everyone", `true`}, {"everyone", `{"but":"me"}`}, {"everyone", `{}{}`},
		{"any_valid_service_token", `{"id":1}`}, {"any_valid_service_token", `null`},
		{"service_token", `{}`}, {"service_token", `{"token_id":null}`}, {"service_token", `{"token_id":"00000000-0000-0000-0000-000000000000"}`},
		{"service_token", `{"token_id":"00000000-0000-0000-0000-000000000001","token_id":"00000000-0000-0000-0000-000000000002"}`},
		{"service_token", `{"Token_ID":"00000000-0000-0000-0000-000000000001"}`},
		{"service_token", `{"token_id":"00000000-0000-0000-0000-000000000001","ip":"192.0.2.1"}`},
	} {
		if m, problem := ParseRule(ruleOf(c.selector, c.body)); problem == nil || problem.Reason != MalformedRule || m != nil {
			t.Errorf("%s %s: %+v, %v", c.selector, c.body, m, problem)
		}
	}
}

func TestProblemsAreNamed(t *testing.T) {
	p := Compile(pol("permit", rules(everybody, geo), rules(nonsense), rules(malformed)))
	var got []string
	for _, problem := range p.Problems() {
		got = append(got, problem.Error())
	}
	want := []string{
		`selector "permit": unknown_decision`, `selector "geo": unsupported_selector`, `selector "phase_of_moon": unknown_selector`,
		`selector "service_token": malformed_rule: token_id is not the id of a service token, which is a UUID`,
	}
	if diff := cmp.Diff(want, got); diff != "" {
		t.Error(diff)
	}
	if all := Compile(pol(proto.DecisionAllow, rules(everybody), rules(local), rules(anyToken))).Problems(); len(all) != 0 {
		t.Error(all)
	}
}

func TestReasonsAreAClosedList(t *testing.T) {
	form, seen := regexp.MustCompile(`^[a-z]+(_[a-z]+)*$`), map[string]bool{}
	for _, r := range Reasons() {
		if !form.MatchString(r.String()) || seen[r.String()] {
			t.Errorf("reason %d has the code %q", r, r)
		}
		seen[r.String()] = true
		if !strings.HasSuffix(r.Sentence(), ".") {
			t.Errorf("%s: %q is not a sentence", r, r.Sentence())
		}
		if e := r.Refusal(); e.Code != r.String() || e.Message != r.Sentence() {
			t.Errorf("%s: %+v", r, e)
		}
	}
	var admitting []Reason
	for _, r := range append(Reasons(), 200) {
		if r.Admits() {
			admitting = append(admitting, r)
		}
	}
	if want := []Reason{ServiceAuth, Bypass, Allow, Preflight}; !slices.Equal(admitting, want) {
		t.Errorf("%v admit", admitting)
	}
	if Reason(200).String() != "undecided" || Reason(200).Sentence() == "" {
		t.Error(Reason(200))
	}
}

var (
	ruleGen = rapid.SampledFrom([]proto.Rule{everybody, anyToken, tokenRule(tokenA), tokenRule(tokenB), local,
		ruleOf("ip", `{"ip":"10.0.0.0/8"}`), geo, nonsense, malformed})
	decisionGen = rapid.SampledFrom([]proto.Decision{proto.DecisionAllow, proto.DecisionDeny, proto.DecisionNonIdentity,
		proto.DecisionBypass, proto.DecisionNonIdentity, "permit"})
	policyGen = rapid.Custom(func(t *rapid.T) *proto.Policy {
		return pol(decisionGen.Draw(t, "decision"), rapid.SliceOfN(ruleGen, 0, 3).Draw(t, "include"),
			rapid.SliceOfN(ruleGen, 0, 2).Draw(t, "require"), rapid.SliceOfN(ruleGen, 0, 2).Draw(t, "exclude"))
	})
	policiesGen = rapid.SliceOfN(policyGen, 0, 4)
	factsGen    = rapid.Custom(func(t *rapid.T) *Facts {
		return &Facts{
			ServiceToken: rapid.SampledFrom([]proto.ID{{}, tokenA, tokenB}).Draw(t, "token"),
			IP:           rapid.SampledFrom([]netip.Addr{{}, netip.MustParseAddr("127.0.0.1"), netip.MustParseAddr("10.1.2.3")}).Draw(t, "ip"),
			LoggedIn:     rapid.Bool().Draw(t, "logged in"),
		}
	})
)

// model is contract.md 4.4 word for word, with the rule that what cannot be evaluated never admits written
// as a value for each place.
func model(all []*proto.Policy, f *Facts, service bool) bool {
	ordered := slices.Clone(all)
	early := func(p *proto.Policy) int {
		if p.Decision == proto.DecisionBypass || p.Decision == proto.DecisionNonIdentity {
			return 0
		}
		return 1
	}
	slices.SortStableFunc(ordered, func(a, b *proto.Policy) int { return early(a) - early(b) })
	for _, p := range ordered {
		admits := p.Decision == proto.DecisionAllow || p.Decision == proto.DecisionBypass || p.Decision == proto.DecisionNonIdentity
		if p.Decision == "permit" {
			return false
		}
		if service && early(p) == 1 || p.Decision == proto.DecisionAllow && !f.LoggedIn {
			continue
		}
		holds := func(r proto.Rule, otherwise bool) bool {
			switch {
			case r.Selector == "everyone":
				return true
			case r.Selector == "any_valid_service_token":
				return f.ServiceToken != proto.ID{}
			case r.Selector == "service_token" && string(r.Body) != string(malformed.Body):
				return strings.Contains(string(r.Body), f.ServiceToken.String())
			case r.Selector == "ip" && f.IP.IsValid():
				return strings.Contains(string(r.Body), `"`+f.IP.String()[:3])
			}
			return otherwise
		}
		match := false
		for _, r := range p.Include {
			match = match || holds(r, !admits)
		}
		for _, r := range p.Require {
			match = match && holds(r, !admits)
		}
		for _, r := range p.Exclude {
			match = match && !holds(r, admits)
		}
		if match {
			return admits
		}
	}
	return false
}

func TestAgreesWithThePlainModel(t *testing.T) {
	rapid.Check(t, func(t *rapid.T) {
		all, f := policiesGen.Draw(t, "policies"), factsGen.Draw(t, "facts")
		for _, service := range []bool{false, true} {
			got := decide(compileAll(all), f, service)
			if got.Admitted() != model(all, f, service) {
				t.Fatalf("strict %t: %+v", service, got)
			}
			if got.Reason == Undecided {
				t.Fatal("undecided")
			}
		}
	})
}

// What is changed about a policy, and whether more or fewer are admitted then.
func TestTighteningNeverAdmits(t *testing.T) {
	rapid.Check(t, func(t *rapid.T) {
		all, f := rapid.SliceOfN(policyGen, 1, 4).Draw(t, "policies"), factsGen.Draw(t, "facts")
		service := rapid.Bool().Draw(t, "strict")
		before := decide(compileAll(all), f, service)
		at := rapid.IntRange(0, len(all)-1).Draw(t, "at")
		tighter := *all[at]
		extra := ruleGen.Draw(t, "rule")
		what := rapid.SampledFrom([]string{"exclude", "require", "unsupported", "remove", "decision"}).Draw(t, "what")
		denies := tighter.Decision == proto.DecisionDeny
		switch what {
		case "exclude", "require":
			if denies {
				tighter.Include = append(slices.Clone(tighter.Include), extra)
			} else if what == "exclude" {
				tighter.Exclude = append(slices.Clone(tighter.Exclude), extra)
			} else {
				tighter.Require = append(slices.Clone(tighter.Require), extra)
			}
		case "unsupported":
			// A rule that this build could evaluate becomes one that it cannot.
			for _, list := range []*[]proto.Rule{&tighter.Include, &tighter.Require, &tighter.Exclude} {
				*list = slices.Clone(*list)
				for i := range *list {
					(*list)[i] = geo
				}
			}
		case "remove":
			if denies || tighter.Decision == "permit" {
				return
			}
			tighter.Include = nil
		case "decision":
			tighter.Decision = "permit"
		}
		changed := slices.Clone(all)
		changed[at] = &tighter
		after := decide(compileAll(changed), f, service)
		if after.Admitted() && !before.Admitted() {
			t.Fatalf("%s: %+v became %+v", what, before, after)
		}
	})
}

// The order of rules within a list, and that of early policies among the late ones, changes nothing.
func TestOrderThatDoesNotMatter(t *testing.T) {
	rapid.Check(t, func(t *rapid.T) {
		all, f := policiesGen.Draw(t, "policies"), factsGen.Draw(t, "facts")
		before := Decide(compileAll(all), f)
		var early, late []*proto.Policy
		for _, p := range all {
			q := *p
			for _, list := range []*[]proto.Rule{&q.Include, &q.Require, &q.Exclude} {
				*list = rapid.Permutation(*list).Draw(t, "rules")
			}
			if Compile(&q).early() {
				early = append(early, &q)
			} else {
				late = append(late, &q)
			}
		}
		after := Decide(compileAll(append(late, early...)), f)
		if after.Admitted() != before.Admitted() || after.Policy != before.Policy {
			t.Fatalf("%+v became %+v", before, after)
		}
	})
}

func FuzzParseRule(f *testing.F) {
	for _, r := range []proto.Rule{everybody, anyToken, tokenRule(tokenA), local, geo, nonsense, malformed, ruleOf("ip", `{"ip":"::1"}`)} {
		f.Add(r.Selector, []byte(r.Body))
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
		if m.Matches(&Facts{}).yes && selector != "everyone" {
			t.Fatalf("%s %s holds for a request of which nothing is known", selector, body)
		}
	})
}

func BenchmarkDecide(b *testing.B) {
	set := compileAll([]*proto.Policy{pol(proto.DecisionNonIdentity, rules(tokenRule(tokenB)), nil, nil),
		pol(proto.DecisionNonIdentity, rules(tokenRule(tokenA)), rules(local), nil)})
	b.ReportAllocs()
	for b.Loop() {
		if !DecideService(set, &withToken).Admitted() {
			b.Fatal()
		}
	}
}
