package apply

import (
	"slices"

	"plumbline.dev/services/plumb/client"
)

// order lists the kinds of documents. A kind comes after those it refers to.
var order = client.Kinds(func(t client.Traits) bool { return t.Document })

// Kinds returns the kinds of documents, in the order in which resources are created.
func Kinds() []client.Kind { return slices.Clone(order) }

// Needed returns the kinds of resources required by [New] for documents of the given kinds.
func Needed(kinds map[client.Kind]bool, prune bool) []client.Kind {
	needed := map[client.Kind]bool{}
	need := func(k client.Kind) {
		needed[k] = true
		for other := range k.RefersTo() {
			needed[other] = true
		}
	}
	for k := range kinds {
		need(k)
	}
	if prune && kinds[client.KindServiceToken] {
		for _, k := range order {
			if k.RefersTo()[client.KindServiceToken] {
				need(k)
			}
		}
	}
	return slices.DeleteFunc(slices.Clone(order), func(k client.Kind) bool { return !needed[k] })
}
