package v4

import (
	"encoding/json"
)

// MemberKind is the JSON type that clients expect of a member.
type MemberKind int

// The types of members. StringsMember is an array of strings, ListMember any other array.
const (
	StringMember MemberKind = iota
	BoolMember
	NumberMember
	StringsMember
	ListMember
	ObjectMember
)

// CheckMembers returns an error if a member has a type other than the one in kinds. It ignores other members.
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
