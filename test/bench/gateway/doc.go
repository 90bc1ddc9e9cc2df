// Package gateway measures what the gateway costs: requests a second through it, with a service token on
// every request that is decided anew each time, beside those through a bare [httputil.ReverseProxy].
//
// The origin, the bare proxy, the gateway and, where it is asked for, Caddy are processes of their own on
// loopback. The load is the same bytes for each: HTTP/1.1 requests over connections that stay open, each
// with one request under way, by a client that does little else than to read the answer's status and
// length. What each round measures first is another one in each round, so that what else the machine does
// meets all of them; a ratio is made of two measurements of one round. The origin tells what arrived: a
// request that came through the gateway without an application token, or with a credential, fails the
// measurement, as does any answer but 200.
package gateway
