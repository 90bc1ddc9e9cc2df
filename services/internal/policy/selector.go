package policy

import (
	"errors"
	"strconv"

	"github.com/go-json-experiment/json"
	"plumbline.dev/proto"
)

// Matcher is a rule made ready. It must not change what it is given and be safe for concurrent use.
type Matcher interface {
	Matches(f *Facts) Truth
}

// selector is a kind of rule: it reads the body that stands under its name in a policy (contract.md 4.3).
// The error is a sentence for whoever wrote the policy.
type selector func(body []byte) (Matcher, error)

// selectors are those that this build evaluates.
var selectors = map[string]selector{
	"service_token":           parseServiceToken,
	"any_valid_service_token": parseAnyServiceToken,
	"everyone":                parseEveryone,
	"ip":                      parseIP,
}

// unsupported are the other selectors of the contract: kept in a policy, never true.
var unsupported = map[string]bool{
	"device_posture": true, "email": true, "email_domain": true, "email_list": true, "ip_list": true, "geo": true,
	"group": true, "certificate": true, "common_name": true, "auth_method": true, "auth_context": true,
	"login_method": true, "azureAD": true, "github-organization": true, "gsuite": true, "okta": true, "saml": true,
	"oidc": true, "external_evaluation": true, "linked_app_token": true, "user_risk_score": true,
}

// ParseRule makes a rule ready, or tells why this build cannot evaluate it. It does one of the two.
func ParseRule(r proto.Rule) (Matcher, *Problem) {
	parse, ok := selectors[r.Selector]
	switch {
	case !ok && unsupported[r.Selector]:
		return nil, &Problem{Reason: UnsupportedSelector, Selector: r.Selector}
	case !ok:
		return nil, &Problem{Reason: UnknownSelector, Selector: r.Selector}
	}
	m, err := parse(r.Body)
	if err != nil {
		return nil, &Problem{Reason: MalformedRule, Selector: r.Selector, Detail: err.Error()}
	}
	return m, nil
}

var errBody = errors.New("the body is not the object that this selector takes")

// decode reads a rule's body strictly: a member that this build does not know may narrow what the rule is
// meant to say, and one that stands there twice may mean something else to another reader.
func decode(body []byte, into any) error {
	if len(body) == 0 || string(body) == "null" {
		return errBody
	}
	if err := json.Unmarshal(body, into, json.RejectUnknownMembers(true)); err != nil {
		return errBody
	}
	return nil
}

func quote(s string) string {
	if len(s) > 64 {
		s = s[:64] + "…"
	}
	return strconv.Quote(s)
}
