package apitoken

import (
	"plumbline.dev/proto"
	"plumbline.dev/services/api/openapi"
	"plumbline.dev/services/api/store"
)

// register registers API tokens with the audit log.
func (s *API) register() {
	store.Register(s.store, "api_token", func(a proto.Account, t *proto.APIToken) any { return s.view(a, t, "") })
}

// Describe adds the routes of API tokens to a description.
func (*API) Describe(d *openapi.Description) { d.Add(operations(), schemas()) }
