package api

import "encoding/json"

// memberKind is what the value of a member must be for clients to be able to read it back.
type memberKind int

const (
	textMember memberKind = iota
	boolMember
	numberMember
	textsMember
	listMember
	objectMember
)

// checkMembers refuses members that are there with a value of the wrong kind; members that are not in the
// table are kept as they are.
func checkMembers(body object, kinds map[string]memberKind) error {
	for name, kind := range kinds {
		if !body.has(name) {
			continue
		}
		var into any
		what := ""
		switch kind {
		case textMember:
			into, what = new(string), "a string"
		case boolMember:
			into, what = new(bool), "true or false"
		case numberMember:
			into, what = new(float64), "a number"
		case textsMember:
			into, what = new([]string), "a list of strings"
		case listMember:
			into, what = new([]object), "a list of objects"
		case objectMember:
			into, what = new(object), "an object"
		}
		if json.Unmarshal(body[name], into) != nil {
			return invalid("%s must be %s", name, what)
		}
	}
	return nil
}
