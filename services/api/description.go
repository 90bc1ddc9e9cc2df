package api

import (
	"plumbline.dev/services/api/apitoken"
	"plumbline.dev/services/api/auditlog"
	"plumbline.dev/services/api/dashboard"
	"plumbline.dev/services/api/device"
	"plumbline.dev/services/api/fleet"
	"plumbline.dev/services/api/identity"
	"plumbline.dev/services/api/openapi"
	"plumbline.dev/services/api/policytest"
	"plumbline.dev/services/api/trial"
)

// description returns the OpenAPI description of the API.
func (s *Service) description() *openapi.Description {
	d := &openapi.Description{Operations: openapi.Operations{}, Schemas: openapi.Members{}}
	s.access.Describe(d)
	s.posture.Describe(d)
	device.Describe(d)
	identity.Describe(d)
	apitoken.Describe(d)
	auditlog.Describe(d)
	s.enforcement.Describe(d)
	policytest.Describe(d)
	trial.Describe(d)
	s.member.Describe(d)
	dashboard.Describe(d)
	fleet.Describe(d)
	return d
}
