package apitoken

import (
	"context"

	"plumbline.dev/proto"
	"plumbline.dev/services/api/openapi"
	"plumbline.dev/services/api/permission"
	"plumbline.dev/services/api/v4"
)

// meView describes the author of a request and their permissions in the whole account.
type meView struct {
	Type        string           `json:"type"`  // user, key or token
	ID          proto.ID         `json:"id"`    // of the user or the token
	Email       string           `json:"email"` // empty for a token
	Name        string           `json:"name"`
	All         bool             `json:"all"` // every permission, including those of later versions
	ExpiresOn   v4.Timestamp     `json:"expires_on"`
	Roles       []groupRef       `json:"roles"` // of a user
	Permissions map[string]grant `json:"permissions"`
}

type grant struct {
	Read bool `json:"read"`
	Edit bool `json:"edit"`
}

// me returns the author of the request.
func (s *API) me(_ context.Context, c *v4.Call) (v4.Response, error) {
	v := meView{Type: "token", ID: c.Token.ID, Email: c.Token.Email, Name: c.Token.Name, All: c.Token.All,
		ExpiresOn: v4.Timestamp(c.Token.ExpiresAt), Roles: []groupRef{}, Permissions: map[string]grant{}}
	if v.Email != "" {
		v.Type = "key"
	}
	if p := c.Person; p != nil {
		v.Type, v.ID, v.Name, v.ExpiresOn = "user", p.User, p.Name, v4.Timestamp(p.Until)
		for _, id := range p.Roles {
			if r, known := permission.FindRole(id); known {
				v.Roles = append(v.Roles, groupRef{id, r.Name})
			}
		}
	}
	for _, g := range permission.Groups {
		v.Permissions[string(g.Scope)] = grant{
			Read: permission.Permits(c.Token, v4.Permission{Scope: g.Scope}, proto.Account{}),
			Edit: permission.Permits(c.Token, v4.Permission{Scope: g.Scope, Edit: true}, proto.Account{}),
		}
	}
	return v4.OK(v), nil
}

func meOperation() openapi.Operation {
	return openapi.Operation{Summary: "Get the author of the request and their permissions",
		Details: "The type is user for a person who came through the gateway, key for an API key and token for an API " +
			"token. Permissions are by scope, in the whole account.",
		Result: openapi.Of[meView]()}
}
