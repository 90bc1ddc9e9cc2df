package apply

import (
	"cmp"
	"encoding/json"
	"slices"
	"strings"

	"plumbline.dev/services/internal/ownedmember"
	"plumbline.dev/services/internal/secretname"
	"plumbline.dev/services/plumb/client"
)

// canonical returns a resource of the account in the form of a document: with names in place of ids, and without owned
// members.
func canonical(k client.Kind, o client.Object, x *index) map[string]any {
	c := cloned(o)
	if k == client.KindServiceToken {
		if id := c["client_id"]; id != nil {
			defer func() { c["x_client_id"] = id }()
		}
	}
	if k == client.KindApplication {
		c["policies"] = linked(c["policies"])
	}
	_ = Refs(k, c, x.toName) // toName returns no error
	ownedmember.Strip(c)
	dropSecrets(c)
	for _, name := range k.Traits().Owned {
		delete(c, name)
	}
	return c
}

// linked returns an application's policies in their order of evaluation: a reusable policy as its id, and an inline
// policy without owned members.
func linked(v any) any {
	list, _ := v.([]any)
	list = slices.Clone(list)
	slices.SortStableFunc(list, func(a, b any) int { return cmp.Compare(precedence(a), precedence(b)) })
	for n, p := range list {
		o, ok := p.(map[string]any)
		if !ok {
			continue
		}
		if id, isText := o["id"].(string); isText && (o["reusable"] == true || o["include"] == nil) {
			list[n] = id
			continue
		}
		ownedmember.Strip(o)
		delete(o, "precedence")
	}
	return list
}

// precedence returns the precedence of a policy, or 0 if it has none.
func precedence(p any) float64 {
	o, _ := p.(map[string]any)
	number, _ := o["precedence"].(json.Number)
	f, _ := number.Float64()
	return f
}

// dropSecrets removes the placeholders of secrets.
func dropSecrets(v any) {
	switch v := v.(type) {
	case map[string]any:
		for name, one := range v {
			if one == "" && secretname.Is(name) || secretname.Holds(name, one) {
				delete(v, name)
				continue
			}
			dropSecrets(one)
		}
	case []any:
		for _, one := range v {
			dropSecrets(one)
		}
	}
}

// places lists the members for the domains of an application, each in its own form.
var places = []string{"domain", "self_hosted_domains", "destinations"}

// merge returns a resource of the account with the members of a document. A null of the document stays if the control
// plane keeps a member that is omitted.
func merge(k client.Kind, have, spec map[string]any) map[string]any {
	base := cloned(have)
	if k == client.KindApplication && slices.ContainsFunc(places, func(p string) bool { return spec[p] != nil }) {
		for _, p := range places {
			delete(base, p)
		}
	}
	all := merged(base, spec)
	for name, v := range spec {
		if v == nil && k == client.KindCheck && strings.HasPrefix(name, "x_") {
			all[name] = nil
		}
	}
	return all
}

func merged(base, spec map[string]any) map[string]any {
	for name, v := range spec {
		inner, isObject := v.(map[string]any)
		before, wasObject := base[name].(map[string]any)
		switch {
		case v == nil:
			delete(base, name)
		case isObject && wasObject:
			base[name] = merged(before, inner)
		default:
			base[name] = clone(v)
		}
	}
	return base
}
