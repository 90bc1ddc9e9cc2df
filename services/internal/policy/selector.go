package policy

import (
	"errors"
	"slices"
	"strconv"

	"github.com/go-json-experiment/json"
	"plumbline.dev/proto"
)

// Matcher is a rule made ready. It must not change what it is given and be safe for concurrent use.
type Matcher interface {
	Matches(f *Facts) Truth
}

// selector is a kind of rule (contract.md 4.3).
type selector struct {
	// parse reads the body that stands under the selector's name. The error is a sentence for whoever wrote
	// the policy.
	parse func(body []byte) (Matcher, error)
	// identity tells that it is about a person, which a Bypass policy cannot ask for (contract.md 4.4).
	identity bool
}

// selectors are those that this build evaluates.
var selectors = map[string]selector{
	"any_valid_service_token": {parse: parseAnyServiceToken},
	"auth_method":             {parse: parseAuthMethod, identity: true},
	"certificate":             {parse: parseCertificate},
	"common_name":             {parse: parseCommonName},
	"device_posture":          {parse: parseDevicePosture},
	"email":                   {parse: parseEmail, identity: true},
	"email_domain":            {parse: parseEmailDomain, identity: true},
	"everyone":                {parse: parseEveryone},
	"external_evaluation":     {parse: parseExternal, identity: true},
	"group":                   {parse: parseGroup},
	"ip":                      {parse: parseIP},
	"login_method":            {parse: parseLoginMethod, identity: true},
	"oidc":                    {parse: parseOIDC, identity: true},
	"service_token":           {parse: parseServiceToken},
}

// unsupported are the other selectors of the contract: kept in a policy, never evaluated.
var unsupported = []string{
	"auth_context", "azureAD", "email_list", "geo", "github-organization", "gsuite", "ip_list", "linked_app_token", "okta",
	"saml", "user_risk_score",
}

// ParseRule makes a rule ready, or tells why this build cannot evaluate it. It does one of the two. A rule
// that names a group is unknown for want of the group, which is not looked for here.
func ParseRule(r proto.Rule) (Matcher, *Problem) {
	s, ok := selectors[r.Selector]
	switch {
	case !ok && slices.Contains(unsupported, r.Selector):
		return nil, &Problem{Reason: UnsupportedSelector, Selector: r.Selector}
	case !ok:
		return nil, &Problem{Reason: UnknownSelector, Selector: r.Selector}
	}
	m, err := s.parse(r.Body)
	if err != nil {
		return nil, &Problem{Reason: MalformedRule, Selector: r.Selector, Detail: err.Error()}
	}
	return m, nil
}

// Unsupported are the selectors of rules that this build cannot evaluate, each once, in their order. Groups
// are not looked into: they are resources with selectors of their own.
func Unsupported(lists ...[]proto.Rule) []string {
	var names []string
	for _, list := range lists {
		for _, r := range list {
			if _, problem := ParseRule(r); problem != nil && !slices.Contains(names, r.Selector) {
				names = append(names, r.Selector)
			}
		}
	}
	return names
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

// parseID reads an id that a rule names; otherwise is what is wrong where it is none.
func parseID(s string, otherwise error) (proto.ID, error) {
	id, err := proto.ParseID(s)
	if err != nil || id.IsZero() {
		return proto.ID{}, otherwise
	}
	return id, nil
}

func quote(s string) string {
	if len(s) > 64 {
		s = s[:64] + "…"
	}
	return strconv.Quote(s)
}
