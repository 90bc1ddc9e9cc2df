package resource

import (
	"plumbline.dev/services/api/openapi"
	"plumbline.dev/services/api/v4"
)

// Part is a part of the API, usually one kind of resource. [Kind.Part] returns that of a kind. Functions without a
// remark are required.
type Part struct {
	// Register registers the kind with the audit log. Optional.
	Register func()
	// Routes returns the routes.
	Routes func() []v4.Route
	// Operations describes the routes.
	Operations func() openapi.Operations
	// Schemas returns the schemas that the operations name with [openapi.Ref]. Optional.
	Schemas func() openapi.Members
}

// Part returns the kind as a part of the API.
func (k *Kind[T, M]) Part() Part {
	return Part{Register: k.Register, Routes: k.Routes, Operations: k.Operations, Schemas: k.Schemas}
}

// Parts are the parts of a package of the API.
type Parts []Part

// Register registers the kinds with the audit log.
func (all Parts) Register() {
	for _, p := range all {
		if p.Register != nil {
			p.Register()
		}
	}
}

// Routes returns the routes of all parts.
func (all Parts) Routes() []v4.Route {
	var routes []v4.Route
	for _, p := range all {
		routes = append(routes, p.Routes()...)
	}
	return routes
}

// Describe adds all parts to a description.
func (all Parts) Describe(d *openapi.Description) {
	for _, p := range all {
		var schemas openapi.Members
		if p.Schemas != nil {
			schemas = p.Schemas()
		}
		d.Add(p.Operations(), schemas)
	}
}
