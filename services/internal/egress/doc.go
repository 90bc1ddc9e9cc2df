// Package egress makes Plumbline's outgoing calls: to scoring APIs and to any other URL given by a user.
//
// A user's URL may point at the calling machine. Therefore the dialer checks every address after name resolution, at
// each connection, so that a changed resolution gains nothing. Redirects are not followed, proxy variables are
// ignored by default, and connections, headers and times are bounded. Plain http is limited to loopback and private
// addresses.
package egress
