package application

import (
	"net/http"

	"plumbline.dev/services/console/frame"
	"plumbline.dev/services/internal/policy"
	"plumbline.dev/services/plumb/client"
)

// names holds the names of the resources that rules refer to, by kind and id. It has no kind that the person may not
// read.
type names map[policy.Resource]map[string]string

// readNames returns the names that the person may read.
func readNames(r *frame.Request) (names, error) {
	all := names{}
	for _, err := range []error{
		add(r, all, policy.ServiceTokenResource, r.API.ServiceTokens),
		add(r, all, policy.CheckResource, r.API.Checks),
		add(r, all, policy.GroupResource, r.API.Groups),
		add(r, all, policy.ProviderResource, r.API.IdentityProviders),
	} {
		if err != nil {
			return nil, err
		}
	}
	return all, nil
}

func add[T client.Named](r *frame.Request, to names, kind policy.Resource, c client.Collection[T]) error {
	items, err := c.List(r.Context())
	if status(err) == http.StatusForbidden {
		return nil
	}
	to[kind] = map[string]string{}
	for _, i := range items {
		to[kind][i.Value.ResourceID()] = i.Value.ResourceName()
	}
	return err
}

// find returns the id of a resource by its id or its name; ambiguous is set if several have the name. A text is taken
// for an id if the person may not read the kind: the API decides about it.
func (n names) find(kind policy.Resource, text string) (id string, ambiguous bool) {
	if _, known := n[kind][text]; known || n[kind] == nil {
		return text, false
	}
	for other, name := range n[kind] {
		if name == text {
			ambiguous, id = id != "", other
		}
	}
	return id, ambiguous
}

// called returns the name of a resource, or its id if the name does not lead back to it.
func (n names) called(kind policy.Resource, id string) string {
	name := n[kind][id]
	if name == "" || !typeable(name) {
		return id
	}
	if found, ambiguous := n.find(kind, name); found != id || ambiguous {
		return id
	}
	return name
}

// All returns every name, for the suggestions of the form.
func (n names) All() []string {
	var all []string
	seen := map[string]bool{}
	for _, of := range n {
		for _, name := range of {
			if !seen[name] {
				seen[name] = true
				all = append(all, name)
			}
		}
	}
	return all
}
