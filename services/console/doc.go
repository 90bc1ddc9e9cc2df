// Package console lets people see and do in a browser what the API supports. It is only a client of the API: it calls
// it with the person's own credential, has no NATS user, and stores nothing.
//
// It holds the sessions in memory. Any number of replicas may run behind the gateway, which identifies the person on
// each request; with logins by API token, a replica knows its own sessions only.
package console
