package member

import (
	"encoding/json"
	"slices"
	"strings"

	"plumbline.dev/bus/topology"
	"plumbline.dev/proto"
	"plumbline.dev/services/api/permission"
	"plumbline.dev/services/api/v4"
)

// readMember reads the body of a create or an update. An update without roles and policies keeps the roles.
func readMember(a proto.Account, body v4.Object, m, old *proto.Member) error {
	email, err := body.Text("email")
	switch {
	case err != nil:
		return err
	case old != nil && body.Has("email") && !strings.EqualFold(email, old.Email):
		return v4.Invalid("the e-mail address of a member cannot be changed: add another member")
	case old == nil && !v4.IsEmail(email):
		return v4.Invalid("email must be an e-mail address of ASCII characters")
	case old == nil:
		m.ID, m.Email = topology.MemberID(a, email), email
	}
	status, err := body.Text("status")
	if err != nil || status != "" && status != statusAccepted && status != statusPending {
		return v4.Invalid("status must be %s or %s", statusAccepted, statusPending)
	}
	if status != "" {
		m.Pending = status == statusPending
	}
	return readRoles(a, body, m, old)
}

// readRoles reads the roles of a member from roles, as ids or as objects with an id, or from policies.
func readRoles(a proto.Account, body v4.Object, m, old *proto.Member) error {
	roles, err := rolesIn(body, "roles")
	if err != nil {
		return err
	}
	policies, err := policiesIn(a, body)
	if err != nil {
		return err
	}
	switch {
	case roles == nil && policies == nil && old != nil:
		return nil
	case roles != nil && policies != nil && !slices.Equal(roles, policies):
		return v4.Invalid("roles and policies name different roles: send only one of them")
	case roles == nil:
		roles = policies
	}
	if len(roles) == 0 {
		return v4.Invalid("roles must name at least one role: see /roles")
	}
	m.Roles = roles
	return nil
}

// rolesIn returns the ids in a member of the body in the order of [permission.Roles], or nil if it is absent or null.
func rolesIn(body v4.Object, name string) ([]string, error) {
	if !body.Has(name) {
		return nil, nil
	}
	var list []json.RawMessage
	if json.Unmarshal(body[name], &list) != nil {
		return nil, v4.Invalid("%s must be a list", name)
	}
	named := map[string]bool{}
	for n, one := range list {
		var id string
		var object struct {
			ID string `json:"id"`
		}
		if json.Unmarshal(one, &id) != nil {
			if json.Unmarshal(one, &object) != nil {
				return nil, v4.Invalid("%s[%d] must be the id of a role, or an object with it", name, n)
			}
			id = object.ID
		}
		if _, known := permission.FindRole(id); !known {
			return nil, v4.Invalid("%s[%d]: unknown role %s: see /roles", name, n, v4.Quote(id))
		}
		named[id] = true
	}
	roles := []string{}
	for _, r := range permission.Roles {
		if named[r.ID] {
			roles = append(roles, r.ID)
		}
	}
	return roles, nil
}

// policiesIn returns the roles that the policies of a body name as permission groups, or nil if it has none. A policy
// other than that of a role for the whole account is an error: ignoring it would give other permissions than its author
// believes.
func policiesIn(a proto.Account, body v4.Object) ([]string, error) {
	if !body.Has("policies") {
		return nil, nil
	}
	var list []v4.Object
	if json.Unmarshal(body["policies"], &list) != nil {
		return nil, v4.Invalid("policies must be a list of policies")
	}
	if len(list) == 0 {
		return nil, nil
	}
	all := []json.RawMessage{}
	for n, p := range list {
		if access, err := p.Text("access"); err != nil || access != accessAllow {
			return nil, v4.Invalid("policies[%d].access must be allow", n)
		}
		var within []struct {
			ID string `json:"id"`
		}
		if json.Unmarshal(p["resource_groups"], &within) != nil || len(within) != 1 || within[0].ID != a.String() {
			return nil, v4.Invalid("policies[%d].resource_groups must be the account, with its id", n)
		}
		var groups []json.RawMessage
		if json.Unmarshal(p["permission_groups"], &groups) != nil {
			return nil, v4.Invalid("policies[%d].permission_groups must be a list of roles", n)
		}
		all = append(all, groups...)
	}
	named := v4.Object{}
	named.Set("policies.permission_groups", all)
	return rolesIn(named, "policies.permission_groups")
}
