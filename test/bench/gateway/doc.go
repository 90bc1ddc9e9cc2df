// Package gateway measures the cost of the gateway: the requests per second through it, each with a service token and
// a new decision, compared with those through a bare [httputil.ReverseProxy].
//
// The origin, the bare proxy, the gateway and, optionally, Caddy run as separate processes on loopback. Each gets the
// same bytes: HTTP/1.1 requests over persistent connections, one request at a time per connection. The client does
// little more than read the status and length of the response. The order of the sides changes in each round, so other
// activity on the machine affects all of them; a ratio compares two measurements of one round. The measurement fails
// if a response is not 200, or if the origin receives a request from the gateway without an application token or with
// a credential.
package gateway
