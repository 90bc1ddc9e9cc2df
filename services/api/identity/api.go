// Package identity serves people: who logged in, their sessions, the log of their authentications, and what the
// policies of an application say of a person.
package identity

import (
	"plumbline.dev/services/api/access"
	"plumbline.dev/services/api/device"
	"plumbline.dev/services/api/posture"
	"plumbline.dev/services/api/store"
	"plumbline.dev/services/internal/rulebook"
)

// Deps are what the API works with.
type Deps struct {
	Store   *store.Store
	Device  *device.API
	Access  *access.API
	Posture *posture.API
	Rules   *rulebook.Cache // compiled policies
}

// API serves people. It is safe for concurrent use.
type API struct {
	store   *store.Store
	device  *device.API
	access  *access.API
	posture *posture.API
	rules   *rulebook.Cache
}

// New returns the API of people.
func New(d Deps) *API {
	return &API{store: d.Store, device: d.Device, access: d.Access, posture: d.Posture, rules: d.Rules}
}
