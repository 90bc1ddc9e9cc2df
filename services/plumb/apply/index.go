package apply

import (
	"fmt"
	"regexp"
	"strings"

	"plumbline.dev/services/plumb/client"
)

// State holds the resources of an account by kind.
type State map[client.Kind][]client.Object

// index finds resources by id and by name. A reference may be either: both are looked up.
type index struct {
	ids   map[client.Kind]map[string]client.Object
	names map[client.Kind]map[string][]string // to ids
	docs  map[client.Kind]map[string]bool     // names of documents
}

func newIndex(s State) *index {
	x := &index{map[client.Kind]map[string]client.Object{}, map[client.Kind]map[string][]string{},
		map[client.Kind]map[string]bool{}}
	for _, k := range append(Kinds(), client.KindClientID) {
		x.ids[k], x.names[k], x.docs[k] = map[string]client.Object{}, map[string][]string{}, map[string]bool{}
	}
	for _, k := range order {
		for _, o := range s[k] {
			x.add(k, o)
		}
	}
	x.docs[client.KindClientID] = x.docs[client.KindServiceToken]
	return x
}

func (x *index) add(k client.Kind, o client.Object) {
	x.put(k, o.ResourceID(), o)
	if id, ok := o["client_id"].(string); ok && k == client.KindServiceToken {
		x.put(client.KindClientID, id, o)
	}
}

func (x *index) put(k client.Kind, id string, o client.Object) {
	x.ids[k][id] = o
	x.names[k][o.ResourceName()] = append(x.names[k][o.ResourceName()], id)
}

// toName returns the name of the resource with an id, if the name is unique, or else the value itself.
func (x *index) toName(k client.Kind, value string) (string, error) {
	o, known := x.ids[k][value]
	if known && o.ResourceName() != "" && len(x.names[k][o.ResourceName()]) == 1 {
		return o.ResourceName(), nil
	}
	return value, nil
}

var idForm = regexp.MustCompile(`^[0-9a-fA-F]{8}-[0-9a-fA-F]{4}-[0-9a-fA-F]{4}-[0-9a-fA-F]{4}-[0-9a-fA-F]{12}$`)

// canonical returns a reference of a document as a unique name, if there is one.
func (x *index) canonical(k client.Kind, value string) (string, error) {
	if _, known := x.ids[k][value]; known {
		return x.toName(k, value)
	}
	switch {
	case x.docs[k][value]:
		return value, nil
	case len(x.names[k][value]) > 1:
		return "", fmt.Errorf("%d %ss are called %q: use the id of one", len(x.names[k][value]), k.Label(), value)
	case len(x.names[k][value]) == 1, idForm.MatchString(value):
		return value, nil
	case literal(k, value):
		return value, nil // the control plane validates it
	}
	return "", fmt.Errorf("%s %q does not exist, neither in the account nor in the files", k.Label(), value)
}

// literal reports whether a value may refer to something that the account does not list: a tag, or the credentials of
// another account.
func literal(k client.Kind, value string) bool {
	return k == client.KindTag || k == client.KindClientID && strings.HasSuffix(value, ".access")
}

// toID returns the id to send for a reference.
func (x *index) toID(k client.Kind, value string) (string, error) {
	if _, known := x.ids[k][value]; known {
		return value, nil
	}
	switch ids := x.names[k][value]; {
	case len(ids) == 1:
		return ids[0], nil
	case len(ids) > 1:
		return "", fmt.Errorf("%d %ss are called %q: use the id of one", len(ids), k.Label(), value)
	case idForm.MatchString(value), literal(k, value):
		return value, nil
	}
	return "", fmt.Errorf("%s %q does not exist", k.Label(), value)
}
