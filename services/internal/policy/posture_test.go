package policy

import (
	"testing"

	"plumbline.dev/proto"
)

// The reason of a device's denial, and the check it names.
func TestPosture(t *testing.T) {
	a, b := onDevice(checkA).rule, onDevice(checkB).rule
	const pass, fail, unknown = proto.OutcomePass, proto.OutcomeFail, proto.OutcomeUnknown
	outcomes := func(a, b proto.Outcome) func(proto.ID) proto.Outcome {
		return func(id proto.ID) proto.Outcome { return map[proto.ID]proto.Outcome{checkA: a, checkB: b}[id] }
	}
	service := func(include, require, exclude []proto.Rule) []*Policy {
		return []*Policy{Compile(pol(proto.DecisionNonIdentity, include, require, exclude), nil)}
	}
	person := func(all ...*proto.Policy) []*Policy { return compileAll(all) }
	ann, eve := mailRule("ann@example.com"), mailRule("eve@example.com")
	allowAnn := pol(proto.DecisionAllow, rules(ann), nil, nil)
	denyFailing := pol(proto.DecisionDeny, rules(everybody), nil, rules(a))
	certificate := ruleOf("certificate", `{}`)
	for _, c := range []struct {
		name     string
		policies []*Policy
		posture  func(proto.ID) proto.Outcome
		want     Reason
		check    proto.ID
	}{
		{"passes", service(rules(anyToken), rules(a), nil), outcomes(pass, fail), ServiceAuth, proto.ID{}},
		{"fails", service(rules(anyToken), rules(a), nil), outcomes(fail, pass), PostureFailed, checkA},
		{"no result", service(rules(anyToken), rules(a), nil), outcomes(unknown, pass), PostureUnknown, checkA},
		{"no device", service(rules(anyToken), rules(a), nil), nil, DeviceUnknown, checkA},
		{"the second of two fails", service(rules(anyToken), rules(a, b), nil), outcomes(pass, fail), PostureFailed, checkB},
		{"both fail", service(rules(anyToken), rules(a, b), nil), outcomes(fail, fail), PostureFailed, checkA},
		{"one fails, one has no result: both are needed", service(rules(anyToken), rules(a, b), nil), outcomes(fail, unknown), PostureUnknown, checkB},
		{"one fails, one has no result: either will do", service(rules(b, a), nil, nil), outcomes(fail, unknown), PostureFailed, checkA},
		{"either will do, and one does", service(rules(a, b), nil, nil), outcomes(fail, pass), ServiceAuth, proto.ID{}},
		{"fails where it makes no difference", service(rules(a, anyToken), nil, nil), outcomes(fail, fail), ServiceAuth, proto.ID{}},
		{"fails, and another token is included", service(rules(tokenRule(tokenB)), rules(a), nil), outcomes(fail, fail), NoPolicyHolds, proto.ID{}},
		{"fails, and a certificate is missing as well", service(rules(anyToken), rules(a, certificate), nil), outcomes(fail, fail), CertificateRequired, proto.ID{}},
		{"fails, and what nobody can evaluate is required as well", service(rules(anyToken), rules(a, geo), nil), outcomes(fail, fail), UnsupportedSelector, proto.ID{}},
		{"fails, or what nobody can evaluate", service(rules(geo, a), nil, nil), outcomes(fail, fail), PostureFailed, checkA},
		{"passes a check that is an exception", service(rules(anyToken), nil, rules(a)), outcomes(pass, pass), NoPolicyHolds, proto.ID{}},
		{"fails a check that is an exception", service(rules(anyToken), nil, rules(a)), outcomes(fail, fail), ServiceAuth, proto.ID{}},
		{"no result of a check that is an exception", service(rules(anyToken), nil, rules(a)), outcomes(unknown, pass), PostureUnknown, checkA},
		{"no device, and a check is an exception", service(rules(anyToken), nil, rules(a)), nil, DeviceUnknown, checkA},

		{"all who fail are denied", person(denyFailing, allowAnn), outcomes(fail, fail), PostureFailed, checkA},
		{"all who fail are denied, and this passes", person(denyFailing, allowAnn), outcomes(pass, fail), Allow, proto.ID{}},
		{"all without a result are denied", person(denyFailing, allowAnn), outcomes(unknown, fail), PostureUnknown, checkA},
		{"all unknown devices are denied", person(denyFailing, allowAnn), nil, DeviceUnknown, checkA},
		{"denied whatever the device", person(pol(proto.DecisionDeny, rules(ann, a), nil, nil), allowAnn), outcomes(fail, fail), Denied, proto.ID{}},
		{"the person is not meant, and the device fails", person(pol(proto.DecisionAllow, rules(eve), rules(a), nil)), outcomes(fail, fail), PersonNotAdmitted, proto.ID{}},
		{"the first policy is not about her, the second is",
			person(pol(proto.DecisionAllow, rules(eve), rules(b), nil), pol(proto.DecisionAllow, rules(ann), rules(a), nil)),
			outcomes(fail, fail), PostureFailed, checkA},
		{"of two the one that says more", person(pol(proto.DecisionAllow, rules(geo), nil, nil), pol(proto.DecisionAllow, rules(ann), rules(b), nil)), outcomes(fail, fail), PostureFailed, checkB},
	} {
		f := withToken
		f.Posture = c.posture
		if c.policies[0].decision != proto.DecisionNonIdentity {
			f = Facts{LoggedIn: true, Email: "ann@example.com", Posture: c.posture}
		}
		if d := Decide(c.policies, &f); d.Reason != c.want || d.Check != c.check {
			t.Errorf("%s: %s of %s, want %s of %s", c.name, d.Reason, d.Check, c.want, c.check)
		}
	}
	// An anonymous user is asked to log in first.
	f := Facts{Posture: outcomes(fail, fail)}
	if d := Decide(compileAll([]*proto.Policy{pol(proto.DecisionNonIdentity, rules(a), nil, nil), allowAnn}),
		&f); d.Reason != LoginRequired {
		t.Errorf("%+v", d)
	}
}
