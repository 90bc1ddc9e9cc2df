package policy

import (
	"net/netip"
	"testing"
	"time"

	"github.com/google/go-cmp/cmp"
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
	return &proto.Policy{ID: proto.NewID(), Decision: d, Include: include, Require: require, Exclude: exclude,
		SessionDuration: time.Minute}
}

func rules(r ...proto.Rule) []proto.Rule { return r }

func compileAll(all []*proto.Policy) []*Policy {
	var out []*Policy
	for _, p := range all {
		out = append(out, Compile(p, nil))
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
		{"no token was brought", []*proto.Policy{service(rules(anyToken, tokenRule(proto.ID{})), none, none)}, Facts{}, CredentialsRequired, 0, CredentialsRequired},
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
			got.Check = proto.ID{}
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
	allow := Compile(pol(proto.DecisionAllow, rules(everybody), nil, nil), nil)
	service := Compile(pol(proto.DecisionNonIdentity, rules(anyToken), nil, nil), nil)
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

func TestProblemsAreNamed(t *testing.T) {
	p := Compile(pol("permit", rules(everybody, geo), rules(nonsense), rules(malformed)), nil)
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
	if all := Compile(pol(proto.DecisionAllow, rules(everybody), rules(local), rules(anyToken)),
		nil).Problems(); len(all) != 0 {
		t.Error(all)
	}
}
