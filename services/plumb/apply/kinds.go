package apply

import (
	"slices"

	"plumbline.dev/services/plumb/client"
)

// order lists the kinds of documents. A kind comes after those it refers to.
var order = []client.Kind{
	client.KindZone, client.KindTag, client.KindServiceToken, client.KindIdentityProvider, client.KindIntegration,
	client.KindCheck, client.KindGroup, client.KindPolicy, client.KindApplication, client.KindOrganization,
}

// refersTo lists the kinds of a kind's references.
var refersTo = map[client.Kind][]client.Kind{
	client.KindIntegration: {client.KindServiceToken},
	client.KindCheck:       {client.KindServiceToken, client.KindIntegration},
	client.KindGroup:       {client.KindServiceToken, client.KindIdentityProvider, client.KindIntegration, client.KindCheck},
	client.KindPolicy: {
		client.KindServiceToken, client.KindIdentityProvider, client.KindIntegration, client.KindCheck, client.KindGroup,
	},
	client.KindApplication: {
		client.KindTag, client.KindServiceToken, client.KindIdentityProvider, client.KindIntegration, client.KindCheck,
		client.KindGroup, client.KindPolicy,
	},
}

// Kinds returns the kinds of documents, in the order in which resources are created.
func Kinds() []client.Kind { return slices.Clone(order) }

// Needed returns the kinds of resources required by [New] for documents of the given kinds.
func Needed(kinds map[client.Kind]bool, prune bool) []client.Kind {
	needed := map[client.Kind]bool{}
	for k := range kinds {
		needed[k] = true
		for _, other := range refersTo[k] {
			needed[other] = true
		}
	}
	if prune && kinds[client.KindServiceToken] { // their users
		for _, k := range []client.Kind{client.KindIntegration, client.KindGroup, client.KindPolicy, client.KindApplication} {
			needed[k] = true
			for _, other := range refersTo[k] {
				needed[other] = true
			}
		}
	}
	return slices.DeleteFunc(slices.Clone(order), func(k client.Kind) bool { return !needed[k] })
}

// credential is the kind of references by Client ID, as an integration refers to a service token.
const credential client.Kind = "service_token.client_id"

// label holds the names of kinds in messages.
var label = map[client.Kind]string{
	credential:      "service token",
	client.KindZone: "zone", client.KindTag: "tag", client.KindServiceToken: "service token",
	client.KindIdentityProvider: "identity provider", client.KindIntegration: "integration", client.KindCheck: "check",
	client.KindGroup: "group", client.KindPolicy: "policy", client.KindApplication: "application",
	client.KindOrganization: "organization",
}
