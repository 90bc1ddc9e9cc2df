// Package ownedmember lists the members of resources written only by the control plane. The control plane ignores
// them when a client sends back a response, and plumb apply does not compare them.
package ownedmember

import "slices"

// common are the owned members of all kinds stored as sent by the client.
var common = []string{"id", "uid", "aud", "created_at", "updated_at", "reusable", "app_count", "x_unsupported",
	"x_observe"}

// moments are the owned members of service tokens that change without a client's request.
var moments = []string{"last_seen_at", "expires_at"}

// credentials are the members of service tokens that change when a token is created or rotated, and the id of an
// identity provider's SCIM configuration.
var credentials = []string{
	"client_id", "client_secret_version", "previous_client_secret_expires_at", "scim_config_id",
}

// scopes are the members by which a Terraform state names the account or the zone of a resource.
var scopes = []string{"account_id", "zone_id"}

// Common returns the owned members of all kinds stored as sent by the client. The control plane does not store them.
func Common() []string { return slices.Clone(common) }

// Fixed returns the members that an editor of a resource leaves out, because a request cannot change them.
func Fixed() []string { return slices.Concat(common, moments) }

// All returns every owned member. A document for plumb apply has none of them.
func All() []string { return slices.Concat(common, moments, credentials, scopes) }

// Strip removes every owned member from the top level of an object.
func Strip(object map[string]any) { remove(object, All()) }

// StripFixed removes the members that a request cannot change from the top level of an object.
func StripFixed(object map[string]any) { remove(object, Fixed()) }

func remove(object map[string]any, names []string) {
	for _, name := range names {
		delete(object, name)
	}
}
