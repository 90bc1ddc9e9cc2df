// Package openapi makes the OpenAPI 3.1 document of an API from its routes and from what the packages of the resources
// say of each operation. It holds the schemas of the envelope, and none of a resource.
package openapi
