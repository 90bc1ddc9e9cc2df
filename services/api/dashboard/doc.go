// Package dashboard serves the overview of an account in one response, from views that the api keeps anyway: no request
// reads the inventory or the posture log.
package dashboard
