// Package apitest is the fixture of tests that need a whole control plane: an embedded NATS server with the topology,
// an api on it, and stand-ins for the services that the api asks. Each response is checked against the OpenAPI
// description.
//
// The api does not import this package. Tests of the packages below services/api are external tests, so that they can.
package apitest
