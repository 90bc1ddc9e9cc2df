// Package proxy sends admitted requests to their application's origin, and the origin's response to the client.
// Bodies are streamed in both directions, and WebSockets pass.
//
// [httputil.ReverseProxy] and [http.Transport] do the work; this package decides what they send. There is one path
// to an origin, and one place where headers are removed and added: [gate.Clean].
//
// The origin's URL is the operator's. Connections go to any address but those that package egress never calls and
// those of our own listeners; plain http goes to loopback and private addresses only.
package proxy
