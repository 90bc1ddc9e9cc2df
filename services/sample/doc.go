// Package sample is an example of a scoring API, for the demo, the compose stack and tests. It verifies the application
// token of each request with a standard OpenID Connect library and returns a score for every device. The scores drift,
// so that results change.
//
// The list of devices devices.csv is part of the package.
package sample
