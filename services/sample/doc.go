// Package sample is a scoring API as a user of Plumbline would write one, for the demo, the compose stack
// and tests: it checks the application token of each request with a stock OpenID Connect library and answers
// with a score for every device (api/README.md 5.5). Its scores drift, so that there is always something to
// see.
//
// It also ships a list of devices to enrol, devices.csv.
package sample
