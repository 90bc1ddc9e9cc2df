package member

import (
	"context"
	"net/http"

	"plumbline.dev/services/api/openapi"
	"plumbline.dev/services/api/permission"
	"plumbline.dev/services/api/v4"
)

// roleView is a role in a response.
type roleView struct {
	ID          string           `json:"id"`
	Name        string           `json:"name"`
	Description string           `json:"description"`
	Permissions map[string]grant `json:"permissions"` // by scope
}

type grant struct {
	Read bool `json:"read"`
	Edit bool `json:"edit"`
}

func viewRole(r permission.Role) roleView {
	v := roleView{ID: r.ID, Name: r.Name, Description: r.Description, Permissions: map[string]grant{}}
	for _, g := range permission.Groups {
		v.Permissions[string(g.Scope)] = grant{
			Read: r.Permits(v4.Permission{Scope: g.Scope}),
			Edit: r.Permits(v4.Permission{Scope: g.Scope, Edit: true}),
		}
	}
	return v
}

func roleRoutes() []v4.Route {
	const all = v4.AccountPath + "/roles"
	return []v4.Route{
		{Method: http.MethodGet, Path: all, Scope: permission.Members, Handle: listRoles},
		{Method: http.MethodGet, Path: all + "/{id}", Scope: permission.Members, Handle: getRole},
	}
}

func listRoles(_ context.Context, c *v4.Call) (v4.Response, error) {
	part, info, err := v4.Page(c.URL.Query(), permission.Roles)
	views := make([]roleView, len(part))
	for n, r := range part {
		views[n] = viewRole(r)
	}
	return v4.Response{Result: views, Info: info}, err
}

func getRole(_ context.Context, c *v4.Call) (v4.Response, error) {
	r, known := permission.FindRole(c.PathValue("id"))
	if !known {
		return v4.Response{}, errNoRole
	}
	return v4.OK(viewRole(r)), nil
}

func roleOperations() openapi.Operations {
	return openapi.Operations{
		"GET /roles": {Summary: "List the roles that members can have", Info: openapi.Of[v4.PageInfo](),
			Query: openapi.PageParams, Result: openapi.List(openapi.Of[roleView]())},
		"GET /roles/{id}": {Summary: "Get a role", Result: openapi.Of[roleView]()},
	}
}

var errNoRole = v4.Errorf(http.StatusNotFound, v4.CodeNotFound, "role not found")
