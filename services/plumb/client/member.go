package client

import (
	"context"
	"slices"
	"strings"
	"time"
)

// Member is a person with roles in the account.
type Member struct {
	ID        string    `json:"id"`
	Email     string    `json:"email"`
	Status    string    `json:"status"` // accepted or pending
	Roles     []Role    `json:"roles"`
	CreatedAt time.Time `json:"x_created_at,omitzero"`
	UpdatedAt time.Time `json:"x_updated_at,omitzero"`
}

func (m Member) ResourceID() string { return m.ID }

// ResourceName returns the e-mail address.
func (m Member) ResourceName() string { return m.Email }

// RoleNames returns the names of the member's roles.
func (m Member) RoleNames() string {
	names := make([]string, len(m.Roles))
	for n, r := range m.Roles {
		names[n] = r.Name
	}
	return strings.Join(names, ", ")
}

// Role is a set of permissions for members.
type Role struct {
	ID          string           `json:"id"`
	Name        string           `json:"name"`
	Description string           `json:"description"`
	Permissions map[string]Grant `json:"permissions"` // by scope
}

func (r Role) ResourceID() string   { return r.ID }
func (r Role) ResourceName() string { return r.Name }

// Edits returns the scopes that the role may edit for people, in order.
func (r Role) Edits() []string {
	var scopes []string
	for scope, g := range r.Permissions {
		if g.Edit {
			scopes = append(scopes, strings.ReplaceAll(scope, "_", " "))
		}
	}
	slices.Sort(scopes)
	return scopes
}

// Grant is the permission of a role, or of the holder of a credential, about one scope.
type Grant struct {
	Read bool `json:"read"`
	Edit bool `json:"edit"`
}

// Members is the collection of the account's members.
func (c *Client) Members() Collection[Member] { return collection[Member](c, KindMember) }

// Roles returns the roles that members can have, the one with the most permissions first.
func (c *Client) Roles(ctx context.Context) ([]Item[Role], error) {
	return collection[Role](c, KindRole).List(ctx)
}
