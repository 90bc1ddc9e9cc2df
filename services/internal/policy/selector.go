package policy

import (
	"errors"
	"maps"
	"slices"
	"strings"

	"github.com/go-json-experiment/json"
	"plumbline.dev/proto"
	"plumbline.dev/services/internal/excerpt"
)

// Matcher is a compiled rule. It must not modify the facts and must be safe for concurrent use.
type Matcher interface {
	Matches(f *Facts) Truth
}

// Selector describes one kind of rule (api/README.md 4.3). The file of its matcher registers it, once; the API's
// checks, the command line, plumb apply and the import from Cloudflare derive from the table.
type Selector struct {
	Name string
	// Aliases are other names of the selector in configurations of Cloudflare's Terraform provider.
	Aliases []string
	// Members are required in the body of a rule, each a string that is not empty. Optional ones may be added.
	Members, Optional []string
	// Value is the member that a bare value sets, as in email=ann@example.com. It is empty if a rule needs no member
	// or several.
	Value string
	// Lists maps members written as lists by version 4 of the Terraform provider to the member for a single value.
	Lists map[string]string
	// Refs maps each member holding the id of another resource to the kind of this resource.
	Refs map[string]Resource
	// Usage is the value on the command line, such as ADDRESS.
	Usage string
	// Identity reports whether the rule is about a person, which is never known in a Bypass policy (api/README.md 4.4).
	Identity bool
	// Unchecked reports whether the API stores the body as it was sent.
	Unchecked bool

	// parse compiles a rule's body. Its error is a sentence for the author of the policy. It is nil for a selector that
	// this build stores and does not evaluate.
	parse func(body []byte) (Matcher, error)
}

// Resource is a kind of resource that a rule may refer to. Files of plumb apply contain the kind by this name.
type Resource string

// The kinds of resource that rules refer to.
const (
	ApplicationResource  Resource = "application"
	CheckResource        Resource = "check"
	GroupResource        Resource = "group"
	ProviderResource     Resource = "identity_provider"
	ServiceTokenResource Resource = "service_token"
)

// ofProvider are the references of a rule about an identity provider.
var ofProvider = map[string]Resource{"identity_provider_id": ProviderResource}

// Evaluated reports whether this build evaluates rules with the selector. Other selectors never match.
func (s *Selector) Evaluated() bool { return s.parse != nil }

// selectors holds each registered selector by name. It is not modified after initialization.
var selectors = map[string]*Selector{}

// register adds a selector to the table while the package is initialized. It returns the selector so that the
// declaration of a variable can call it.
func register(s Selector) *Selector {
	if selectors[s.Name] != nil {
		panic("policy: selector " + s.Name + " is registered twice")
	}
	selectors[s.Name] = &s
	return &s
}

// FindSelector returns the selector with the name. The selector is shared and must not be modified.
func FindSelector(name string) (*Selector, bool) {
	s, ok := selectors[name]
	return s, ok
}

// Selectors returns all selectors, sorted by name.
func Selectors() []*Selector {
	return slices.SortedFunc(maps.Values(selectors), func(a, b *Selector) int { return strings.Compare(a.Name, b.Name) })
}

// ParseRule compiles a rule. It returns either a matcher or the problem that keeps this build from evaluating the rule.
// The matcher of a group rule is unknown: ParseRule does not look groups up.
func ParseRule(r proto.Rule) (Matcher, *Problem) {
	s, ok := selectors[r.Selector]
	switch {
	case !ok:
		return nil, &Problem{Reason: UnknownSelector, Selector: r.Selector}
	case !s.Evaluated():
		return nil, &Problem{Reason: UnsupportedSelector, Selector: r.Selector}
	}
	m, err := s.parse(r.Body)
	if err != nil {
		return nil, &Problem{Reason: MalformedRule, Selector: r.Selector, Detail: err.Error()}
	}
	return m, nil
}

// Unsupported returns the selectors of the rules that this build cannot evaluate, in order and without duplicates. It
// does not look into groups, which are resources with selectors of their own.
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

var errBody = errors.New("the body is not the object expected by this selector")

// decode parses a rule's body strictly. An unknown member may narrow the rule, and other readers may interpret a
// duplicate member differently.
func decode(body []byte, into any) error {
	if len(body) == 0 || string(body) == "null" {
		return errBody
	}
	if err := json.Unmarshal(body, into, json.RejectUnknownMembers(true)); err != nil {
		return errBody
	}
	return nil
}

// parseID parses the id of a resource that a rule names. It returns otherwise as the error.
func parseID(s string, otherwise error) (proto.ID, error) {
	id, err := proto.ParseID(s)
	if err != nil || id.IsZero() {
		return proto.ID{}, otherwise
	}
	return id, nil
}

func quote(s string) string { return excerpt.Quoted(s, 64) }
