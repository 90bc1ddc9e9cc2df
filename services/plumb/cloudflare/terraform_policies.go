package cloudflare

import (
	"cmp"
	"encoding/json"
	"fmt"
	"slices"

	"plumbline.dev/services/plumb/client"
)

// attach adds to applications their reusable and inline policies, by precedence. A policy is left out if its
// application is not in the state.
func attach(all []*resource) (leftOut []string) {
	apps, policies, own := map[string]*resource{}, map[string]bool{}, map[string][]*resource{}
	for _, r := range all {
		switch {
		case r.kind == client.KindApplication && r.left:
		case r.kind == client.KindApplication:
			apps[r.id()] = r
		case r.kind == client.KindPolicy && r.app != "":
			own[r.app] = append(own[r.app], r)
		case r.kind == client.KindPolicy && !r.left:
			policies[r.id()] = true
		}
	}
	for _, r := range all {
		if r.app != "" && !r.left && apps[r.app] == nil {
			leftOut = append(leftOut,
				fmt.Sprintf("%s: its application %s is not in this state, or is left out", r.address, r.app))
		}
		if r.kind != client.KindApplication || r.left {
			continue
		}
		list, _ := r.members["policies"].([]any)
		list = merged(list, own[r.id()])
		if len(list) > 0 {
			r.members["policies"] = list
		}
		for _, p := range list {
			if id := linkedID(p); id != "" && !policies[id] {
				leftOut = append(leftOut, fmt.Sprintf("%s: its policy %s is not in this state, or is left out: "+
					"add the policy or remove the reference before plumb apply", r.address, id))
			}
		}
	}
	return leftOut
}

// linkedID returns the policy id of an item that is only a reference to a policy.
func linkedID(p any) string {
	if id, isText := p.(string); isText {
		return id
	}
	o, _ := p.(map[string]any)
	id, _ := o["id"].(string)
	if _, own := o["include"]; own && o["reusable"] != true {
		return ""
	}
	return id
}

// merged returns an application's policies by precedence. References without a precedence, as version 4 of the provider
// lists them, have their position in the list. For equal precedence, a deny policy comes first.
func merged(list []any, own []*resource) []any {
	if len(own) == 0 {
		return list
	}
	type placed struct {
		at   float64
		deny bool
		item map[string]any
	}
	var all []placed
	for n, one := range list {
		item, isObject := one.(map[string]any)
		if id, isText := one.(string); isText {
			item = map[string]any{"id": id}
		} else if !isObject {
			continue
		}
		if id := linkedID(item); slices.ContainsFunc(own, func(r *resource) bool { return r.id() == id }) {
			continue // version 4 lists inline policies too
		}
		all = append(all, placed{cmp.Or(precedence(item), float64(n+1)), item["decision"] == "deny", item})
	}
	for _, r := range own {
		item := r.members
		if r.left {
			item = map[string]any{"id": r.id()}
		}
		all = append(all, placed{precedence(r.members), r.members["decision"] == "deny", item})
	}
	slices.SortStableFunc(all, func(a, b placed) int {
		if by := cmp.Compare(a.at, b.at); by != 0 || a.deny == b.deny {
			return by
		}
		if a.deny {
			return -1
		}
		return 1
	})
	out := make([]any, len(all))
	for n, p := range all {
		p.item["precedence"] = json.Number(fmt.Sprint(n + 1))
		out[n] = p.item
	}
	return out
}

func precedence(o map[string]any) float64 {
	n, _ := o["precedence"].(json.Number)
	f, _ := n.Float64()
	return f
}
