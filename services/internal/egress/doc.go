// Package egress is how Plumbline calls out: scoring APIs, and whatever else a user names by URL.
//
// A URL that a user may choose can point at the machine that calls it. So every address is checked after
// the name was resolved, in the dialer, at each connection: a name that resolves to something else the next
// time gains nothing. Redirects are not followed, proxy variables are ignored unless asked for, connections,
// headers and waiting times are bounded. Plain http goes to loopback and private addresses only.
package egress
