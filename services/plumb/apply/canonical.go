package apply

import (
	"cmp"
	"encoding/json"
	"slices"

	"plumbline.dev/services/internal/ownedmember"
	"plumbline.dev/services/internal/secretname"
	"plumbline.dev/services/plumb/client"
)

// canonical brings a resource of the account into the form in which documents are compared with it: names in
// place of ids, nothing that only the control plane writes.
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
	_ = Refs(k, c, x.toName) // which refuses nothing
	ownedmember.Strip(c)
	dropSecrets(c)
	for _, name := range saidOf[k] {
		delete(c, name)
	}
	return c
}

// saidOf are further members that only the control plane writes, and that other kinds have as members of their own.
var saidOf = map[client.Kind][]string{
	client.KindZone: {"status", "type", "paused", "account", "created_on", "modified_on", "x_configured"},
}

// linked brings an application's policies into their order: the reusable ones by their ids, its own without
// what only the control plane writes.
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

// precedence is 0 where an item has none: it stays where it is then, if no other has one.
func precedence(p any) float64 {
	o, _ := p.(map[string]any)
	number, _ := o["precedence"].(json.Number)
	f, _ := number.Float64()
	return f
}

// dropSecrets takes out what stands for secrets in answers.
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

// places are the members that say what an application protects: three views of one thing (api/README.md 3.4).
var places = []string{"domain", "self_hosted_domains", "destinations"}

// merge is what the account's resource becomes by what a document says.
func merge(k client.Kind, have, spec map[string]any) map[string]any {
	base := cloned(have)
	if k == client.KindApplication && slices.ContainsFunc(places, func(p string) bool { return spec[p] != nil }) {
		for _, p := range places {
			delete(base, p)
		}
	}
	return merged(base, spec)
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
