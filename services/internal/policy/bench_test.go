package policy

import (
	"fmt"
	"testing"

	"plumbline.dev/proto"
)

// benchCases returns typical decisions of a gateway, by name.
func benchCases() map[string]struct {
	policies []*Policy
	facts    *Facts
	decide   func([]*Policy, *Facts) Decision
	want     Reason
} {
	outcomes := func(outcome proto.Outcome) func(proto.ID) proto.Outcome {
		return func(proto.ID) proto.Outcome { return outcome }
	}
	service := compileAll([]*proto.Policy{pol(proto.DecisionNonIdentity, rules(tokenRule(tokenB)), nil, nil),
		pol(proto.DecisionNonIdentity, rules(tokenRule(tokenA)), rules(local), nil)})
	device := compileAll(
		[]*proto.Policy{pol(proto.DecisionNonIdentity, rules(anyToken), rules(onDevice(checkA).rule), nil)})
	var staff []proto.Rule
	for n := range 100 {
		staff = append(staff, mailRule(fmt.Sprintf("person%d@example.com", n)))
	}
	people := []*Policy{Compile(pol(proto.DecisionAllow, rules(groupRule(idOf(1))), rules(onDevice(checkA).rule,
		ruleOf("oidc", `{"claim_name":"groups","claim_value":"ops","identity_provider_id":"`+idpA.String()+`"}`)),
		rules(geo)), groupsOf(including(staff...))),
		Compile(pol(proto.DecisionAllow, rules(groupRule(idOf(1))), rules(onDevice(checkA).rule,
			ruleOf("oidc", `{"claim_name":"groups","claim_value":"ops","identity_provider_id":"`+idpA.String()+`"}`)), nil),
			groupsOf(including(staff...)))}
	token, failing := withToken, withToken
	token.Posture, failing.Posture = outcomes(proto.OutcomePass), outcomes(proto.OutcomeFail)
	ann := person(func(f *Facts) { f.Email, f.Posture = "Person99@example.com", outcomes(proto.OutcomePass) })
	return map[string]struct {
		policies []*Policy
		facts    *Facts
		decide   func([]*Policy, *Facts) Decision
		want     Reason
	}{
		"service":        {service, &withToken, DecideService, ServiceAuth},
		"device":         {device, &token, DecideService, ServiceAuth},
		"failing device": {device, &failing, DecideService, PostureFailed},
		"nobody":         {service, &Facts{IP: withToken.IP}, Decide, CredentialsRequired},
		"person of 100":  {people, &ann, Decide, Allow},
	}
}

func BenchmarkDecide(b *testing.B) {
	for name, c := range benchCases() {
		b.Run(name, func(b *testing.B) {
			b.ReportAllocs()
			for b.Loop() {
				if d := c.decide(c.policies, c.facts); d.Reason != c.want {
					b.Fatal(d.Reason)
				}
			}
		})
	}
}

func TestDecidingAllocatesNothing(t *testing.T) {
	for name, c := range benchCases() {
		if d := c.decide(c.policies, c.facts); d.Reason != c.want {
			t.Errorf("%s: %+v", name, d)
		}
		if n := testing.AllocsPerRun(100, func() { c.decide(c.policies, c.facts) }); n != 0 {
			t.Errorf("%s: %v allocations", name, n)
		}
	}
}

// BenchmarkCompile measures a change of a policy with a large group.
func BenchmarkCompile(b *testing.B) {
	var staff []proto.Rule
	for n := range 1000 {
		staff = append(staff, mailRule(fmt.Sprintf("person%d@example.com", n)))
	}
	p, groups := pol(proto.DecisionAllow, rules(groupRule(idOf(1))), nil, nil), groupsOf(including(staff...))
	b.ReportAllocs()
	for b.Loop() {
		Compile(p, groups)
	}
}
