package policy

import (
	"encoding/json"
	"net/netip"
	"slices"
	"strings"
	"testing"

	"pgregory.net/rapid"
	"plumbline.dev/proto"
)

var idpA, idpB = proto.ID{15: 11}, proto.ID{15: 12}

// person is a user logged in at idpA.
func person(change func(*Facts)) Facts {
	f := Facts{LoggedIn: true, Email: "Ann@Example.com", IDP: idpA, AMR: []string{"pwd", "hwk"},
		Claims: NewClaims([]byte(`{"team":"red","level":3,"big":9007199254740993,"staff":true,"none":null,"deep":{"a":"b"},
			"groups":["dev","ops",7,false,["nested"],null]}`))}
	if change != nil {
		change(&f)
	}
	return f
}

func TestSelectors(t *testing.T) {
	addr := func(s string) Facts { return Facts{IP: netip.MustParseAddr(s)} }
	outcomes := func(f Facts, all map[proto.ID]proto.Outcome) Facts {
		f.Posture = func(check proto.ID) proto.Outcome { return all[check] }
		return f
	}
	mail := func(s string) Facts { return person(func(f *Facts) { f.Email = s }) }
	oidc := func(name, value string, idp proto.ID) string {
		b, _ := json.Marshal(map[string]string{"claim_name": name, "claim_value": value,
			"identity_provider_id": idp.String()})
		return string(b)
	}
	const (
		asked   = `{"evaluate_url":"https://e.example/ask","keys_url":"https://e.example/keys"}`
		checkID = `{"integration_uid":"00000000-0000-0000-0000-000000000015"}`
	)
	evaluated := func(answer bool) Facts {
		return person(func(f *Facts) {
			f.External = map[Evaluation]bool{{"https://e.example/ask", "https://e.example/keys"}: answer}
		})
	}
	check := proto.ID{15: 0x15}
	answers := func(r Reason) Truth { return Truth{up: &Problem{Reason: r}} }
	open := func(r Reason) Truth { return unknown(&Problem{Reason: r}) }
	for _, c := range []struct {
		selector, body string
		facts          Facts
		want           Truth
	}{
		{"ip", `{"ip":"192.0.2.1"}`, addr("192.0.2.1"), yes()},
		{"ip", `{"ip":"192.0.2.1"}`, addr("192.0.2.2"), no()},
		{"ip", `{"ip":"192.0.2.1"}`, addr("::ffff:192.0.2.1"), yes()},
		{"ip", `{"ip":"::ffff:192.0.2.1"}`, addr("192.0.2.1"), yes()},
		{"ip", `{"ip":"192.0.2.77/24"}`, addr("192.0.2.1"), yes()},
		{"ip", `{"ip":"192.0.2.0/24"}`, addr("192.0.3.1"), no()},
		{"ip", `{"ip":"2001:db8::/32"}`, addr("2001:db8::1"), yes()},
		{"ip", `{"ip":"fe80::/10"}`, addr("fe80::1%eth0"), yes()},
		{"ip", `{"ip":"0.0.0.0/0"}`, addr("2001:db8::1"), no()},
		{"ip", `{"ip":"::/0"}`, addr("192.0.2.1"), no()},
		{"ip", `{"ip":"::/0"}`, Facts{}, open(AddressUnknown)},

		{"everyone", `{}`, Facts{}, yes()},
		{"any_valid_service_token", `{}`, Facts{}, answers(CredentialsRequired)},
		{"any_valid_service_token", `{}`, person(nil), no()},
		{"any_valid_service_token", ` { } `, Facts{ServiceToken: tokenA}, yes()},
		{"service_token", `{"token_id":"00000000-0000-0000-0000-000000000001"}`, Facts{ServiceToken: tokenA}, yes()},
		{"service_token", `{"token_id":"00000000-0000-0000-0000-000000000001"}`, Facts{ServiceToken: tokenB}, no()},
		{"service_token", `{"token_id":"00000000-0000-0000-0000-000000000001"}`, Facts{}, answers(CredentialsRequired)},

		{"email", `{"email":"ann@example.COM"}`, person(nil), yes()},
		{"email", `{"email":"ann@example.com"}`, mail("dann@example.com"), no()},
		{"email", `{"email":"ann@example.com"}`, mail(""), no()},
		{"email", `{"email":"ann@example.com"}`, Facts{Email: "ann@example.com"}, no()},
		{"email", `{"email":"kim@example.com"}`, mail("\u212aim@example.com"), no()},
		{"email", `{"email":"sam@example.com"}`, mail("\u017fam@example.com"), no()},
		{"email", `{"email":"émile@example.com"}`, mail("ÉMILE@example.com"), yes()},
		{"email", `{"email":"émile@example.com"}`, mail("emile@example.com"), no()},
		{"email", `{"email":"\ufffd@example.com"}`, mail("\xff@example.com"), no()},
		{"email_domain", `{"domain":"EXAMPLE.com"}`, person(nil), yes()},
		{"email_domain", `{"domain":"@example.com"}`, person(nil), yes()},
		{"email_domain", `{"domain":"ample.com"}`, person(nil), no()},
		{"email_domain", `{"domain":"example.com"}`, mail("ann@sub.example.com"), no()},
		{"email_domain", `{"domain":"example.com"}`, mail("ann@Example.COM."), yes()},
		{"email_domain", `{"domain":"münchen.example"}`, mail("ann@xn--mnchen-3ya.example"), yes()},
		{"email_domain", `{"domain":"xn--mnchen-3ya.example"}`, mail("ann@MÜNCHEN.example"), yes()},
		{"email_domain", `{"domain":"münchen.example"}`, mail("ann@munchen.example"), no()},
		{"email_domain", `{"domain":"kim.example"}`, mail("ann@\u212aim.example"), open(ClaimsUnknown)},
		{"email_domain", `{"domain":"example.com"}`, mail("ann@example。com"), open(ClaimsUnknown)},
		{"email_domain", `{"domain":"example.com"}`, mail("ann@exam ple.com"), open(ClaimsUnknown)},
		{"email", `{"email":"ann@münchen.example"}`, mail("Ann@xn--mnchen-3ya.example"), yes()},
		{"email", `{"email":"ann@xn--mnchen-3ya.example"}`, mail("ann@münchen.example"), yes()},
		{"email", `{"email":"ann@münchen.example"}`, mail("bob@xn--mnchen-3ya.example"), no()},
		{"email", `{"email":"ann@kim.example"}`, mail("ann@\u212aim.example"), open(ClaimsUnknown)},
		{"email_domain", `{"domain":"example.com"}`, mail("ann@example.com@evil.example"), no()},
		{"email_domain", `{"domain":"evil.example"}`, mail("ann@example.com@evil.example"), yes()},
		{"email_domain", `{"domain":"example.com"}`, mail("example.com"), no()},
		{"email_domain", `{"domain":"example.com"}`, mail(""), no()},
		{"email_domain", `{"domain":"example.com"}`, Facts{Email: "ann@example.com"}, no()},

		{"login_method", `{"id":"` + idpA.String() + `"}`, person(nil), yes()},
		{"login_method", `{"id":"` + idpB.String() + `"}`, person(nil), no()},
		{"login_method", `{"id":"` + idpA.String() + `"}`, Facts{IDP: idpA}, no()},
		{"auth_method", `{"auth_method":"hwk"}`, person(nil), yes()},
		{"auth_method", `{"auth_method":"HWK"}`, person(nil), no()},
		{"auth_method", `{"auth_method":"mfa"}`, person(nil), no()},
		{"auth_method", `{"auth_method":"hwk"}`, person(func(f *Facts) { f.AMR = nil }), open(AuthMethodUnknown)},
		{"auth_method", `{"auth_method":"hwk"}`, Facts{AMR: []string{"hwk"}}, no()},

		{"oidc", oidc("team", "red", idpA), person(nil), yes()},
		{"oidc", oidc("team", "Red", idpA), person(nil), no()},
		{"oidc", oidc("Team", "red", idpA), person(nil), no()},
		{"oidc", oidc("team", "red", idpB), person(nil), no()},
		{"oidc", oidc("team", "red", idpB), person(func(f *Facts) { f.Claims = nil }), no()},
		{"oidc", oidc("level", "3", idpA), person(nil), yes()},
		{"oidc", oidc("level", "3.0", idpA), person(nil), no()},
		{"oidc", oidc("big", "9007199254740993", idpA), person(nil), yes()},
		{"oidc", oidc("big", "9007199254740992", idpA), person(nil), no()},
		{"oidc", oidc("staff", "true", idpA), person(nil), yes()},
		{"oidc", oidc("none", "null", idpA), person(nil), no()},
		{"oidc", oidc("none", "", idpA), person(nil), no()},
		{"oidc", oidc("deep", `{"a":"b"}`, idpA), person(nil), no()},
		{"oidc", oidc("groups", "ops", idpA), person(nil), yes()},
		{"oidc", oidc("groups", "7", idpA), person(nil), yes()},
		{"oidc", oidc("groups", "false", idpA), person(nil), yes()},
		{"oidc", oidc("groups", "nested", idpA), person(nil), no()},
		{"oidc", oidc("groups", "dev,ops", idpA), person(nil), no()},
		{"oidc", oidc("absent", "", idpA), person(nil), no()},
		{"oidc", oidc("team", "red", idpA), person(func(f *Facts) { f.Claims = nil }), open(ClaimsUnknown)},
		{"oidc", oidc("team", "red", idpA), person(func(f *Facts) { f.Claims = NewClaims(nil) }), open(ClaimsUnknown)},
		{"oidc", oidc("team", "red", idpA), person(func(f *Facts) { f.Claims = NewClaims([]byte(`null`)) }), open(ClaimsUnknown)},
		{"oidc", oidc("team", "red", idpA), person(func(f *Facts) { f.Claims = NewClaims([]byte(`["team"]`)) }), open(ClaimsUnknown)},
		{"oidc", oidc("team", "red", idpA), person(func(f *Facts) { f.Claims = NewClaims([]byte(`{"team":"blue","team":"red"}`)) }), open(ClaimsUnknown)},
		{"oidc", oidc("team", "red", idpA), person(func(f *Facts) { f.LoggedIn = false }), no()},

		{"certificate", `{}`, Facts{Certificate: true}, yes()},
		{"certificate", `{}`, Facts{CommonName: "robot"}, answers(CertificateRequired)},
		{"common_name", `{"common_name":"robot"}`, Facts{Certificate: true, CommonName: "robot"}, yes()},
		{"common_name", `{"common_name":"robot"}`, Facts{Certificate: true, CommonName: "Robot"}, no()},
		{"common_name", `{"common_name":"robot"}`, Facts{CommonName: "robot"}, answers(CertificateRequired)},

		{"device_posture", checkID, outcomes(Facts{}, map[proto.ID]proto.Outcome{check: proto.OutcomePass}), yes()},
		{"device_posture", checkID, outcomes(Facts{}, map[proto.ID]proto.Outcome{check: proto.OutcomeFail}), answers(PostureFailed)},
		{"device_posture", checkID, outcomes(Facts{}, map[proto.ID]proto.Outcome{{15: 0x16}: proto.OutcomePass}), open(PostureUnknown)},
		{"device_posture", checkID, outcomes(Facts{}, map[proto.ID]proto.Outcome{check: proto.OutcomeNone}), open(PostureUnknown)},
		{"device_posture", checkID, outcomes(Facts{}, map[proto.ID]proto.Outcome{check: 77}), open(PostureUnknown)},
		{"device_posture", checkID, Facts{}, open(DeviceUnknown)},

		{"external_evaluation", asked, evaluated(true), yes()},
		{"external_evaluation", asked, evaluated(false), no()},
		{"external_evaluation", asked, person(nil), open(ExternalUnavailable)},
		{"external_evaluation", `{"evaluate_url":"https://e.example/ask","keys_url":"https://e.example/other"}`, evaluated(true), open(ExternalUnavailable)},
		{"external_evaluation", asked, Facts{External: map[Evaluation]bool{{"https://e.example/ask", "https://e.example/keys"}: true}}, no()},

		{"group", `{"id":"00000000-0000-0000-0000-000000000001"}`, person(nil), open(MissingGroup)},
	} {
		m, problem := ParseRule(ruleOf(c.selector, c.body))
		if problem != nil {
			t.Errorf("%s %s: %v", c.selector, c.body, problem)
			continue
		}
		got := m.Matches(&c.facts)
		if got.is != c.want.is || reasonOf(got.up) != reasonOf(c.want.up) || reasonOf(got.down) != reasonOf(c.want.down) {
			t.Errorf("%s %s with %+v: %+v", c.selector, c.body, c.facts, got)
		}
		if why := reasonOf(got.up); why == PostureFailed || why == PostureUnknown || why == DeviceUnknown {
			if got.up.Check != check || got.up.Selector != "device_posture" {
				t.Errorf("%s names %+v", why, got.up)
			}
		}
	}
}

func reasonOf(p *Problem) Reason {
	if p == nil {
		return Undecided
	}
	return p.Reason
}

func TestMalformedRules(t *testing.T) {
	for _, c := range []struct{ selector, body string }{
		{"ip", `{"ip":"192.0.2"}`}, {"ip", `{"ip":""}`}, {"ip", `{"ip":"192.0.2.0/33"}`}, {"ip", `{"ip":"fe80::1%eth0"}`}, {"ip", `{}`},
		{"ip", `{"ip":"::ffff:192.0.2.0/120"}`}, {"ip", `{"ip":["192.0.2.1"]}`},
		{"everyone", ``}, {"everyone", `null`}, {"everyone", `[]`}, {"everyone", `true`}, {"everyone", `{"but":"me"}`}, {"everyone", `{}{}`},
		{"any_valid_service_token", `{"id":1}`}, {"any_valid_service_token", `null`},
		{"service_token", `{}`}, {"service_token", `{"token_id":null}`}, {"service_token", `{"token_id":"00000000-0000-0000-0000-000000000000"}`},
		{"service_token", `{"token_id":"00000000-0000-0000-0000-000000000001","token_id":"00000000-0000-0000-0000-000000000002"}`},
		{"service_token", `{"Token_ID":"00000000-0000-0000-0000-000000000001"}`},
		{"service_token", `{"token_id":"00000000-0000-0000-0000-000000000001","ip":"192.0.2.1"}`},
		{"email", `{}`}, {"email", `{"email":""}`}, {"email", `{"email":7}`}, {"email", `{"email":"a@b","domain":"b"}`},
		{"email_domain", `{"domain":""}`}, {"email_domain", `{"domain":"@"}`}, {"email_domain", `{"domain":"a..b"}`}, {"email_domain", `{"domain":"*.example.com"}`},
		{"email_domain", `{"domain":"xn--a.example"}`}, {"email_domain", `{"domain":"a@b"}`}, {"email_domain", `{"domain":"b c"}`},
		{"login_method", `{}`}, {"login_method", `{"id":"google"}`},
		{"auth_method", `{}`}, {"auth_method", `{"auth_method":""}`},
		{"oidc", `{}`}, {"oidc", `{"claim_name":"a","claim_value":"b"}`}, {"oidc", `{"claim_value":"b","identity_provider_id":"` + idpA.String() + `"}`},
		{"oidc", `{"claim_name":"a","identity_provider_id":"` + idpA.String() + `"}`}, {"oidc", `{"claim_name":"a","claim_value":1,"identity_provider_id":"` + idpA.String() + `"}`},
		{"certificate", `{"a":1}`}, {"common_name", `{}`}, {"common_name", `{"common_name":""}`},
		{"device_posture", `{}`}, {"device_posture", `{"integration_uid":"x"}`},
		{"external_evaluation", `{}`}, {"external_evaluation", `{"evaluate_url":"https://a/"}`}, {"external_evaluation", `{"evaluate_url":"https://a/","keys_url":"file:///etc"}`},
		{"external_evaluation", `{"evaluate_url":"ftp://a/","keys_url":"https://a/"}`}, {"external_evaluation", `{"evaluate_url":"https:///x","keys_url":"https://a/"}`},
		{"group", `{}`}, {"group", `{"id":"staff"}`}, {"group", `{"id":"00000000-0000-0000-0000-000000000000"}`},
	} {
		if m, problem := ParseRule(ruleOf(c.selector, c.body)); problem == nil || problem.Reason != MalformedRule ||
			m != nil || problem.Detail == "" {
			t.Errorf("%s %s: %+v, %v", c.selector, c.body, m, problem)
		}
	}
}

// As the standard library does it, but for the two signs that it takes for ASCII letters.
func TestEqualFold(t *testing.T) {
	letter := rapid.SampledFrom([]string{"a", "A", "z", "Z", "@", "\x60", "[", "{", "k", "K", "s", "é", "É", "ß", "ẞ", "Ⱥ",
		"ⱥ", "σ", "ς", "Σ", "\xff", "\u212a", "\u017f", "1"})
	word := rapid.Custom(func(t *rapid.T) string {
		return strings.Join(rapid.SliceOfN(letter, 0, 4).Draw(t, "letters"), "")
	})
	plain := strings.NewReplacer("\u212a", "\u2460", "\u017f", "\u2461", "\xff", "\u2462")
	rapid.Check(t, func(t *rapid.T) {
		a, b := word.Draw(t, "a"), word.Draw(t, "b")
		if rapid.Bool().Draw(t, "same") {
			b = rapid.SampledFrom([]string{a, strings.ToUpper(a), strings.ToLower(a), strings.ToTitle(a)}).Draw(t, "form")
		}
		if got, want := equalFold(a, b), strings.EqualFold(plain.Replace(a), plain.Replace(b)); got != want {
			t.Fatalf("%q, %q: %t", a, b, got)
		}
	})
}

// Every selector of the contract is either evaluated or listed as unsupported.
func TestSelectorsOfTheContract(t *testing.T) {
	all := []string{"service_token", "any_valid_service_token", "device_posture", "email", "email_domain", "email_list",
		"everyone", "ip", "ip_list", "geo", "group", "certificate", "common_name", "auth_method", "auth_context",
		"login_method", "azureAD", "github-organization", "gsuite", "okta", "saml", "oidc", "external_evaluation",
		"linked_app_token", "user_risk_score", "cloudflare_account_member"}
	for _, name := range all {
		s, ok := FindSelector(name)
		if !ok || s.Name != name {
			t.Errorf("%s is not registered", name)
			continue
		}
		want := UnsupportedSelector
		if s.Evaluated() {
			want = MalformedRule
		}
		if _, problem := ParseRule(ruleOf(name, `7`)); problem == nil || problem.Reason != want {
			t.Errorf("%s: %v", name, problem)
		}
	}
	if listed := Selectors(); len(listed) != len(all) {
		t.Errorf("%d selectors are registered, the contract has %d", len(listed), len(all))
	}
}

// TestSelectorTable checks the names taken from the table by the API, the command line and the importers.
func TestSelectorTable(t *testing.T) {
	names := map[string]string{}
	for _, s := range Selectors() {
		for _, name := range append([]string{s.Name}, s.Aliases...) {
			if other := names[name]; other != "" {
				t.Errorf("%s and %s are both called %s", other, s.Name, name)
			}
			names[name] = s.Name
		}
		if s.Value != "" && !slices.Equal(s.Members, []string{s.Value}) {
			t.Errorf("%s: a bare value sets %s, the required members are %v", s.Name, s.Value, s.Members)
		}
		for member := range s.Refs {
			if !slices.Contains(s.Members, member) {
				t.Errorf("%s: %s refers to a resource and is not a member", s.Name, member)
			}
		}
		for _, member := range s.Lists {
			if !slices.Contains(s.Members, member) && !slices.Contains(s.Optional, member) {
				t.Errorf("%s: the values of a list become %s, which is not a member", s.Name, member)
			}
		}
		if s.Evaluated() && len(s.Members) > 0 && s.Usage == "" {
			t.Errorf("%s: the command line does not show its value", s.Name)
		}
	}
}

func TestClaimsAreReadOnceAndByManyAtATime(t *testing.T) {
	c := NewClaims([]byte(`{"a":["b"]}`))
	done := make(chan bool)
	for range 8 {
		go func() {
			values, ok := c.get("a")
			done <- ok && slices.Equal(values, []string{"b"})
		}()
	}
	for range 8 {
		if !<-done {
			t.Error("the claim is not there")
		}
	}
	if c.raw != nil {
		t.Error("the text of the claims is kept")
	}
}
