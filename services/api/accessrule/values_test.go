package accessrule

import (
	"encoding/json"
	"strings"
	"testing"

	"plumbline.dev/services/api/v4"
)

func TestValuesThatNothingHasAreRejected(t *testing.T) {
	for rule, want := range map[string]string{
		`{"email_domain":{"domain":"@example.com"}}`:    `write "example.com"`,
		`{"email_domain":{"domain":"*.example.com"}}`:   `write "example.com"`,
		`{"email_domain":{"domain":".example.com"}}`:    `write "example.com"`,
		`{"email_domain":{"domain":" example.com"}}`:    `write "example.com"`,
		`{"email_domain":{"domain":"example.com "}}`:    "space",
		`{"email_domain":{"domain":"exa mple.com"}}`:    "space",
		`{"email_domain":{"domain":"example.com."}}`:    "a domain such as",
		`{"email_domain":{"domain":"a..b"}}`:            "a domain such as",
		`{"email_domain":{"domain":"ann@example.com"}}`: "a domain such as",
		`{"email_domain":{"domain":"https://a.b"}}`:     "a domain such as",
		`{"email_domain":{"domain":"*"}}`:               "a domain such as",
		`{"email_domain":{"domain":"@"}}`:               "a domain such as",
		`{"email_domain":{"domain":" "}}`:               "space",
		`{"email_domain":{"domain":""}}`:                "needs domain",
		`{"email":{"email":" a@x.org "}}`:               "space",
		`{"email":{"email":"a@x.org\n"}}`:               "space",
		`{"email":{"email":"a b@x.org"}}`:               "space",
		`{"email":{"email":"a\u00a0b@x.org"}}`:          "space",
		`{"email":{"email":"*@x.org"}}`:                 `use email_domain with "x.org"`,
		`{"email":{"email":"@x.org"}}`:                  `use email_domain with "x.org"`,
		`{"email":{"email":"a*@x.org"}}`:                "does not support wildcards",
		`{"email":{"email":"ann"}}`:                     "an address such as",
		`{"email":{"email":"ann@"}}`:                    "an address such as",
		`{"email":{"email":"ann@x..org"}}`:              "an address such as",
		`{"ip":{"ip":"10.0.0.0/33"}}`:                   "an address or a range",
		`{"ip":{"ip":"10.0.0"}}`:                        "an address or a range",
		`{"ip":{"ip":"10.0.0.1 "}}`:                     "an address or a range",
		`{"ip":{"ip":"fe80::1%eth0"}}`:                  "an address or a range",
		`{"ip":{"ip":"::ffff:10.0.0.0/104"}}`:           "an address or a range",
		`{"ip":{"ip":"10.0.0.0-10.0.0.9"}}`:             "an address or a range",
		`{"geo":{"country_code":"Germany"}}`:            "code of a country",
		`{"geo":{"country_code":"XX"}}`:                 "code of a country",
		`{"group":{"id":"my-group"}}`:                   "id of a group",
		`{"common_name":{"common_name":" a "}}`:         "spaces at its ends",
		`{"auth_method":{"auth_method":"hwk "}}`:        "spaces at its ends",
		`{"external_evaluation":{"evaluate_url":"nonsense","keys_url":"https://k"}}`: "evaluate_url must begin with " +
			"https://",
	} {
		for _, part := range []string{"include", "exclude", "require"} {
			_, err := Read(v4.Object{part: json.RawMessage("[" + rule + "]")}, part)
			if err == nil || !strings.Contains(err.Error(), want) || !strings.Contains(err.Error(), part+"[0].") {
				t.Errorf("%s %s: %v, want %s", part, rule, err, want)
			}
		}
	}
	for _, rule := range []string{
		`{"email_domain":{"domain":"example.com"}}`, `{"email_domain":{"domain":"EXAMPLE.com"}}`,
		`{"email_domain":{"domain":"münchen.example"}}`,
		`{"email_domain":{"domain":"localhost"}}`, `{"email":{"email":"Ann.O'Neil+x@example.com"}}`,
		`{"email":{"email":"änn@example.com"}}`,
		`{"ip":{"ip":"10.0.0.1/8"}}`, `{"ip":{"ip":"::1"}}`, `{"ip":{"ip":"0.0.0.0/0"}}`, `{"geo":{"country_code":"de"}}`,
		`{"geo":{"country_code":"T1"}}`,
		`{"device_posture":{"integration_uid":"test-device-posture-uid"}}`,
		`{"okta":{"name":"n","identity_provider_id":"okta-idp-id"}}`,
		`{"oidc":{"claim_name":"c","claim_value":"v","identity_provider_id":"oidc-idp-id"}}`, `{"future":{"any":1}}`,
	} {
		if _, err := Read(v4.Object{"include": json.RawMessage("[" + rule + "]")}, "include"); err != nil {
			t.Errorf("%s: %v", rule, err)
		}
	}
}
