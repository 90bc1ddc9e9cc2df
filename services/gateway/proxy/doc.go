// Package proxy sends admitted requests to their application's origin, and the origin's response to the client.
// Bodies are streamed in both directions, and WebSockets are supported.
//
// [httputil.ReverseProxy] and [http.Transport] do the work; this package controls the requests and responses. There
// is one path to an origin, and one place for removing and adding headers: [gate.Clean].
//
// The operator chooses the origin's URL. Connections to the addresses denied by package egress and to our own
// listeners are refused; plain http is limited to loopback and private addresses.
package proxy
