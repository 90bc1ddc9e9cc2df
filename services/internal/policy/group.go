package policy

import (
	"errors"

	"plumbline.dev/proto"
)

var errGroup = errors.New("id is not the id of a group, which is a UUID")

var _ = register(Selector{
	Name: "group", Members: []string{"id"}, Value: "id", Usage: "NAME", Refs: map[string]Resource{"id": GroupResource},
	parse: parseGroup,
})

// Groups looks up the groups that rules name. The groups must not change while a policy is compiled.
type Groups func(id proto.ID) (*proto.Group, bool)

// inGroup is a rule that names a group. It is unknown until the compiler replaces it with the group.
type inGroup struct{ id proto.ID }

func parseGroup(body []byte) (Matcher, error) {
	var b struct {
		ID string `json:"id"`
	}
	if err := decode(body, &b); err != nil {
		return nil, err
	}
	id, err := parseID(b.ID, errGroup)
	if err != nil {
		return nil, err
	}
	return inGroup{id}, nil
}

var missingGroup = &Problem{Reason: MissingGroup, Selector: "group"}

func (inGroup) Matches(*Facts) Truth { return unknown(missingGroup) }

// group matches the requests for which its rules hold.
type group struct {
	criteria
	rules  int // in the group, including those of nested groups
	levels int // of nesting, including the group itself
}

func (g *group) Matches(f *Facts) Truth { return g.holds(f) }
