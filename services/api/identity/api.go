// Package identity serves people: their logins, sessions and authentication log, and how an application's policies
// decide about a person.
package identity

import (
	"plumbline.dev/services/api/access"
	"plumbline.dev/services/api/device"
	"plumbline.dev/services/api/posture"
	"plumbline.dev/services/api/store"
	"plumbline.dev/services/internal/policycache"
)

// Deps are the dependencies of the API.
type Deps struct {
	Store   *store.Store
	Device  *device.API
	Access  *access.API
	Posture *posture.API
	Rules   *policycache.Cache // compiled policies
}

// API serves people. It is safe for concurrent use.
type API struct {
	store   *store.Store
	device  *device.API
	access  *access.API
	posture *posture.API
	rules   *policycache.Cache
}

// New returns the API of people.
func New(d Deps) *API {
	return &API{store: d.Store, device: d.Device, access: d.Access, posture: d.Posture, rules: d.Rules}
}
