package apitest

import (
	"encoding/json"
	"fmt"
	"net/http"
	"path"

	"plumbline.dev/services/api/permission"
)

// Kind is a kind of resource as a client creates, reads, changes and deletes it. The tests about every kind range over
// [Kinds].
type Kind struct {
	Name string // in the audit log
	Path string
	// ID is the member of a response that names the resource in its path. Optional; the default is id.
	ID string
	// Body returns a request for a new resource. ids has the ids of resources of the kinds before it, by part.
	Body func(f *Fixture, ids map[string]string, name string) map[string]any
	// Method is that of a change.
	Method string
	// Changed returns a request for a change. Optional; the default is Body.
	Changed func(f *Fixture, ids map[string]string, name string) map[string]any
	// Renames is set if a change gives the resource another path. Tests then change it without another name.
	Renames bool
	// Unrecorded is a member of the view that the audit log leaves out. Optional.
	Unrecorded string
	// AsSent is set if the body is stored and returned as sent.
	AsSent bool
}

func named(_ *Fixture, _ map[string]string, name string) map[string]any {
	return map[string]any{"name": name}
}

// Kinds returns the kinds, each after those that its body refers to.
func Kinds() []Kind {
	return []Kind{
		{Name: "integration", Path: "/devices/posture/integration", Method: http.MethodPatch, Changed: named,
			Body: func(_ *Fixture, _ map[string]string, name string) map[string]any {
				return With(IntegrationBody(), "name", name)
			}},
		{Name: "service_token", Path: "/access/service_tokens", Method: http.MethodPut, Body: named},
		{Name: "check", Path: "/devices/posture", Method: http.MethodPut,
			Body: func(_ *Fixture, ids map[string]string, name string) map[string]any {
				return With(CheckBody(ids["integration"]), "name", name)
			}},
		{Name: "policy", Path: "/access/policies", Method: http.MethodPut, Unrecorded: "app_count", AsSent: true,
			Body: func(_ *Fixture, ids map[string]string, name string) map[string]any {
				return PolicyBody(name, ids["service_tokens"])
			}},
		{Name: "tag", Path: "/access/tags", ID: "name", Method: http.MethodPut, Renames: true, Body: named},
		{Name: "group", Path: "/access/groups", Method: http.MethodPut, AsSent: true,
			Body: func(_ *Fixture, _ map[string]string, name string) map[string]any { return GroupBody(name) }},
		{Name: "idp", Path: "/access/identity_providers", Method: http.MethodPut, AsSent: true,
			Body: func(_ *Fixture, _ map[string]string, name string) map[string]any {
				return With(ProviderBody(), "name", name)
			}},
		{Name: "app", Path: "/access/apps", Method: http.MethodPut, AsSent: true,
			Body: func(_ *Fixture, ids map[string]string, name string) map[string]any {
				return map[string]any{"name": name, "domain": name + ".example.com/x",
					"tags": []any{ids["tags"]}}
			}},
		{Name: "api_token", Path: "/tokens", Method: http.MethodPut,
			Body: func(f *Fixture, _ map[string]string, name string) map[string]any { return f.TokenBody(name, ReadApps) }},
		{Name: "member", Path: "/members", Method: http.MethodPut,
			Body: func(_ *Fixture, _ map[string]string, name string) map[string]any {
				return map[string]any{"email": name + "@example.com", "roles": []any{permission.Roles[1].ID}}
			},
			Changed: func(*Fixture, map[string]string, string) map[string]any {
				return map[string]any{"roles": []any{permission.Roles[2].ID}}
			}},
		{Name: "destination", Path: "/plumbline/destinations", Method: http.MethodPut, Unrecorded: "state",
			Body: func(_ *Fixture, _ map[string]string, name string) map[string]any {
				return map[string]any{"name": name, "url": "https://hooks.example.com/" + name}
			}},
	}
}

// Before returns the part of a route's path before the id.
func (k Kind) Before() string { return path.Base(k.Path) }

// Create creates a resource and returns its path and its view.
func (k Kind) Create(f *Fixture, ids map[string]string, name string) (one string, view map[string]any) {
	f.T.Helper()
	r := f.Do(http.MethodPost, k.Path, k.Body(f, ids, name))
	if r.Status/100 != 2 || json.Unmarshal(r.Result, &view) != nil {
		f.T.Fatalf("POST %s: %d %s", k.Path, r.Status, r.Body)
	}
	return k.Path + "/" + k.IDOf(view), view
}

// Change returns a request for a change. name is the new name, and was the present one.
func (k Kind) Change(f *Fixture, ids map[string]string, name, was string) map[string]any {
	if k.Renames {
		name = was
	}
	if k.Changed != nil {
		return k.Changed(f, ids, name)
	}
	return k.Body(f, ids, name)
}

// IDOf returns the id in a view.
func (k Kind) IDOf(view map[string]any) string {
	if k.ID != "" {
		return Text(view, k.ID)
	}
	return Text(view, "id")
}

// CreateKinds creates a resource of every kind, with names that end in n. It returns their ids by [Kind.Before].
func (f *Fixture) CreateKinds(n int) map[string]string {
	f.T.Helper()
	ids := map[string]string{}
	for _, k := range Kinds() {
		_, view := k.Create(f, ids, fmt.Sprintf("%s-%d", k.Name, n))
		ids[k.Before()] = k.IDOf(view)
	}
	return ids
}
