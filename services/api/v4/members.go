package v4

import (
	"encoding/json"
)

// MemberKind is what the value of a member must be for clients to be able to read it back.
type MemberKind int

const (
	StringMember MemberKind = iota
	BoolMember
	NumberMember
	StringsMember
	ListMember
	ObjectMember
)

// CheckMembers refuses members that are there with a value of the wrong kind; members that are not in the
// table are kept as they are.
func CheckMembers(body Object, kinds map[string]MemberKind) error {
	for name, kind := range kinds {
		if !body.Has(name) {
			continue
		}
		var into any
		what := ""
		switch kind {
		case StringMember:
			into, what = new(string), "a string"
		case BoolMember:
			into, what = new(bool), "true or false"
		case NumberMember:
			into, what = new(float64), "a number"
		case StringsMember:
			into, what = new([]string), "a list of strings"
		case ListMember:
			into, what = new([]Object), "a list of objects"
		case ObjectMember:
			into, what = new(Object), "an object"
		}
		if json.Unmarshal(body[name], into) != nil {
			return Invalid("%s must be %s", name, what)
		}
	}
	return nil
}
