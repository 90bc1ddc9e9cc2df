// Package openapi builds the OpenAPI 3.1 document of an API from its routes and the operations that the resource
// packages describe. It has the schemas of the envelope, but none of a resource.
package openapi
