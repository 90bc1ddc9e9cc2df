package client

import (
	"net/http"
	"slices"

	"plumbline.dev/services/internal/policy"
)

// Kind is a kind of resource. Files of plumb apply contain the kind by this name.
type Kind string

// The kinds.
const (
	KindIntegration      Kind = "integration"
	KindCheck            Kind = "check"
	KindServiceToken     Kind = "service_token"
	KindIdentityProvider Kind = "identity_provider"
	KindGroup            Kind = "group"
	KindPolicy           Kind = "policy"
	KindTag              Kind = "tag"
	KindZone             Kind = "zone"
	KindApplication      Kind = "application"
	KindOrganization     Kind = "organization"
	KindAPIToken         Kind = "api_token"
	KindHold             Kind = "hold"
	KindExemption        Kind = "exemption"
	KindMember           Kind = "member"
	KindDestination      Kind = "destination"
	KindRole             Kind = "role"
	// KindClientID is the kind of references by Client ID, as an integration refers to a service token.
	KindClientID Kind = "service_token.client_id"
)

// Traits are the properties of a kind. The client, plumb apply, plumb import and the completion of names derive from
// them.
type Traits struct {
	Kind  Kind
	Label string // name in messages
	// Path is the endpoint's path below the account; a path of zones is below the root.
	Path string
	// update is the method of an update.
	update string
	// paged is set if a list has pages.
	paged bool
	// Single is set if the account has exactly one resource, without a name.
	Single bool
	// Merges is set if an update keeps members that it leaves out; null removes a member.
	Merges bool

	// Document is set if plumb apply accepts documents of the kind.
	Document bool
	// Refs are the members that refer to other resources.
	Refs []Ref
	// Rules is set if include, exclude and require are lists of rules, which may refer to resources, too.
	Rules bool
	// Owned lists the members that only the control plane writes, beside those of package ownedmember.
	Owned []string
	// AnswerOnly lists the members of answers without a counterpart in requests. An import leaves them out.
	AnswerOnly []string

	// Import is whether plumb import exports the kind from Cloudflare.
	Import Import
	// Terraform is Terraform's resource type, without cloudflare_ and zero_trust_.
	Terraform string
}

// Ref is a member that refers to another resource by id, or in a document by name.
type Ref struct {
	// Path is the member with the names of the objects around it, such as input.connection_id. A list has a reference in
	// each item.
	Path string
	To   Kind
}

// Import is whether plumb import exports a kind from Cloudflare.
type Import int

// The values of Import.
const (
	NoImport Import = iota
	// Optional kinds are left out if the API token may not read them.
	Optional
	// Required kinds must be readable.
	Required
)

// kinds is the table of the kinds. A kind comes after those it refers to: plumb apply creates resources in this order.
var kinds = []Traits{
	{
		Kind: KindZone, Label: "zone", Path: zonesPath, update: http.MethodPatch, paged: true, Merges: true, Document: true,
		Owned: []string{"status", "type", "paused", "account", "created_on", "modified_on", "x_configured"},
	},
	{
		Kind: KindTag, Label: "tag", Path: "/access/tags", update: http.MethodPut, paged: true, Document: true,
		Import: Optional, Terraform: "access_tag",
	},
	{
		Kind: KindServiceToken, Label: "service token", Path: "/access/service_tokens", update: http.MethodPut, paged: true,
		Merges: true, Document: true,
		Import: Optional, Terraform: "access_service_token",
	},
	{
		Kind: KindIdentityProvider, Label: "identity provider", Path: "/access/identity_providers",
		update: http.MethodPut, paged: true, Document: true, AnswerOnly: []string{"scim_config"},
		Import: Optional, Terraform: "access_identity_provider",
	},
	{
		Kind: KindIntegration, Label: "integration", Path: "/devices/posture/integration", update: http.MethodPatch,
		Merges: true, Document: true,
		Refs:   []Ref{{"config.access_client_id", KindClientID}},
		Import: Required, Terraform: "device_posture_integration",
	},
	{
		Kind: KindCheck, Label: "check", Path: "/devices/posture", update: http.MethodPut, Document: true,
		Refs:   []Ref{{"input.connection_id", KindIntegration}},
		Import: Required, Terraform: "device_posture_rule",
	},
	{
		Kind: KindGroup, Label: "group", Path: "/access/groups", update: http.MethodPut, paged: true, Document: true,
		Rules: true, Import: Optional, Terraform: "access_group",
	},
	{
		Kind: KindPolicy, Label: "policy", Path: "/access/policies", update: http.MethodPut, paged: true, Document: true,
		Rules: true, AnswerOnly: []string{"precedence"}, Import: Required, Terraform: "access_policy",
	},
	{
		Kind: KindApplication, Label: "application", Path: "/access/apps", update: http.MethodPut, paged: true,
		Document: true, AnswerOnly: []string{"self_hosted_domains"},
		Refs:   []Ref{{"allowed_idps", KindIdentityProvider}, {"tags", KindTag}, {"policies", KindPolicy}},
		Import: Required, Terraform: "access_application",
	},
	{
		Kind: KindOrganization, Label: "organization", Path: "/access/organizations", update: http.MethodPatch,
		Single: true, Merges: true, Document: true, AnswerOnly: []string{"name"},
	},
	{Kind: KindMember, Label: "member", Path: "/members", update: http.MethodPut, paged: true},
	{Kind: KindRole, Label: "role", Path: "/roles", paged: true},
	{Kind: KindAPIToken, Label: "API token", Path: "/tokens", update: http.MethodPut, paged: true, Merges: true},
	{Kind: KindDestination, Label: "destination", Path: "/plumbline/destinations", update: http.MethodPut, paged: true},
	{Kind: KindHold, Label: "hold", Path: "/plumbline/holds", paged: true},
	{Kind: KindExemption, Label: "exemption", Path: "/plumbline/exemptions", paged: true},
	{Kind: KindClientID, Label: "service token"},
}

// Traits returns the properties of a kind; zero for an unknown kind.
func (k Kind) Traits() Traits {
	if n := slices.IndexFunc(kinds, func(t Traits) bool { return t.Kind == k }); n >= 0 {
		return kinds[n]
	}
	return Traits{}
}

// Label returns the name of a kind in messages; empty for an unknown kind.
func (k Kind) Label() string { return k.Traits().Label }

// Kinds returns the kinds that have a property, each after those it refers to.
func Kinds(has func(Traits) bool) []Kind {
	var all []Kind
	for _, t := range kinds {
		if has(t) {
			all = append(all, t.Kind)
		}
	}
	return all
}

// RefersTo returns the kinds that a kind refers to, directly or through others. A rule refers only to kinds that come
// before its own.
func (k Kind) RefersTo() map[Kind]bool {
	all := map[Kind]bool{}
	for to := range k.direct() {
		all[to] = true
		for further := range to.RefersTo() {
			all[further] = true
		}
	}
	return all
}

func (k Kind) direct() map[Kind]bool {
	t, all := k.Traits(), map[Kind]bool{}
	for _, r := range t.Refs {
		if all[r.To] = true; r.To == KindClientID {
			delete(all, r.To)
			all[KindServiceToken] = true
		}
	}
	if !t.Rules {
		return all
	}
	for _, s := range policy.Selectors() {
		for _, to := range s.Refs {
			if position(Kind(to)) < position(k) {
				all[Kind(to)] = true
			}
		}
	}
	return all
}

func position(k Kind) int { return slices.IndexFunc(kinds, func(t Traits) bool { return t.Kind == k }) }
