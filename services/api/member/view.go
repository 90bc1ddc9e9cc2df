package member

import (
	"plumbline.dev/proto"
	"plumbline.dev/services/api/openapi"
	"plumbline.dev/services/api/permission"
	"plumbline.dev/services/api/v4"
)

// Statuses of a member. A pending member has no permissions.
const (
	statusAccepted = "accepted"
	statusPending  = "pending"
)

const accessAllow = "allow"

func statusOf(m *proto.Member) string {
	if m.Pending {
		return statusPending
	}
	return statusAccepted
}

type memberView struct {
	ID        proto.ID     `json:"id"`
	Email     string       `json:"email"`
	Status    string       `json:"status"`
	User      userView     `json:"user"`
	Roles     []roleView   `json:"roles"`
	Policies  []policyView `json:"policies"`
	CreatedAt v4.Timestamp `json:"x_created_at"`
	UpdatedAt v4.Timestamp `json:"x_updated_at"`
}

type userView struct {
	ID        proto.ID `json:"id"`
	Email     string   `json:"email"`
	FirstName *string  `json:"first_name"`
	LastName  *string  `json:"last_name"`
	TwoFactor bool     `json:"two_factor_authentication_enabled"`
}

type policyView struct {
	ID               string      `json:"id"` // that of the role
	Access           string      `json:"access"`
	PermissionGroups []reference `json:"permission_groups"`
	ResourceGroups   []reference `json:"resource_groups"`
}

type reference struct {
	ID   string `json:"id"`
	Name string `json:"name"`
}

func viewMember(a proto.Account, m *proto.Member) memberView {
	v := memberView{ID: m.ID, Email: m.Email, Status: statusOf(m), User: userView{ID: m.ID, Email: m.Email},
		Roles: []roleView{}, Policies: []policyView{}, CreatedAt: v4.Timestamp(m.CreatedAt),
		UpdatedAt: v4.Timestamp(m.UpdatedAt)}
	for _, id := range m.Roles {
		r, known := permission.FindRole(id)
		if !known {
			continue // of a later version; it gives no permissions here
		}
		v.Roles = append(v.Roles, viewRole(r))
		v.Policies = append(v.Policies, policyView{ID: id, Access: accessAllow,
			PermissionGroups: []reference{{id, r.Name}},
			ResourceGroups:   []reference{{a.String(), "com.cloudflare.api.account." + a.String()}}})
	}
	return v
}

// schemas returns the schemas of members.
func schemas() openapi.Members {
	status := openapi.Enum(statusAccepted, statusPending)
	groups := openapi.List(openapi.Object(openapi.Members{"id": openapi.Text()}, "id"))
	return openapi.Members{
		"Member": openapi.Of[memberView](),
		"MemberBody": openapi.Object(openapi.Members{
			"email": openapi.Text(),
			"status": status.OrNull().Describe("The default is accepted, since there are no invitations. " +
				"A pending member has no permissions."),
			"roles": openapi.Schema{"type": []string{"array", "null"}}.Describe("Ids of roles, or objects with an id."),
			"policies": openapi.List(openapi.Object(openapi.Members{"access": openapi.Enum(accessAllow),
				"permission_groups": groups, "resource_groups": groups})).OrNull().Describe("Roles as permission groups, " +
				"for the whole account; in place of roles."),
		}),
	}
}
