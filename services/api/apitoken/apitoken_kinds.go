package apitoken

import (
	"plumbline.dev/proto"
	"plumbline.dev/services/api/openapi"
	"plumbline.dev/services/api/store"
)

// register names the kind of API tokens for the audit log.
func (s *API) register() {
	store.Register(s.store, "api_token", func(a proto.Account, t *proto.APIToken) any { return s.view(a, t, "") })
}

// Describe describes the routes of API tokens.
func Describe(d *openapi.Description) { d.Add(operations(), schemas()) }
