package apply

import (
	"slices"

	"plumbline.dev/services/plumb/client"
)

// order are the kinds of documents; each comes after those that it refers to.
var order = []client.Kind{
	client.KindZone, client.KindTag, client.KindServiceToken, client.KindIdentityProvider, client.KindIntegration, client.KindCheck,
	client.KindGroup, client.KindPolicy, client.KindApplication, client.KindOrganization,
}

// refersTo are the kinds that have to be known to read a kind's references.
var refersTo = map[client.Kind][]client.Kind{
	client.KindIntegration: {client.KindServiceToken},
	client.KindCheck:       {client.KindServiceToken, client.KindIntegration},
	client.KindGroup:       {client.KindServiceToken, client.KindIdentityProvider, client.KindIntegration, client.KindCheck},
	client.KindPolicy:      {client.KindServiceToken, client.KindIdentityProvider, client.KindIntegration, client.KindCheck, client.KindGroup},
	client.KindApplication: {client.KindTag, client.KindServiceToken, client.KindIdentityProvider, client.KindIntegration, client.KindCheck, client.KindGroup, client.KindPolicy},
}

// Kinds are those of documents, in the order in which they are made.
func Kinds() []client.Kind { return slices.Clone(order) }

// Needed are the kinds whose resources [New] has to know for documents of the kinds given.
func Needed(kinds map[client.Kind]bool, prune bool) []client.Kind {
	needed := map[client.Kind]bool{}
	for k := range kinds {
		needed[k] = true
		for _, other := range refersTo[k] {
			needed[other] = true
		}
	}
	if prune && kinds[client.KindServiceToken] { // who uses them
		for _, k := range []client.Kind{client.KindIntegration, client.KindGroup, client.KindPolicy, client.KindApplication} {
			needed[k] = true
			for _, other := range refersTo[k] {
				needed[other] = true
			}
		}
	}
	return slices.DeleteFunc(slices.Clone(order), func(k client.Kind) bool { return !needed[k] })
}

// credential is what an integration refers to a service token by: its Client ID.
const credential client.Kind = "service_token.client_id"

// label is what a kind is called in sentences.
var label = map[client.Kind]string{
	credential:      "service token",
	client.KindZone: "zone", client.KindTag: "tag", client.KindServiceToken: "service token", client.KindIdentityProvider: "identity provider",
	client.KindIntegration: "integration", client.KindCheck: "check", client.KindGroup: "group", client.KindPolicy: "policy",
	client.KindApplication: "application", client.KindOrganization: "organization",
}
