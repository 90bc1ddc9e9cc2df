// Package forward answers other proxies, which ask about each request before they send it to its origin:
// nginx (auth_request), Traefik (forwardAuth) and Caddy (forward_auth) over HTTP, Envoy (ext_authz) over
// gRPC. The gate decides, as it does about the gateway's own requests; an application needs no x_origin_url.
//
// # Over HTTP
//
// There is one path for each proxy, under [Path], since each describes the request in its own way, and
// passes on from the client what the others describe it with:
//
//   - nginx: X-Original-URL, X-Original-Method and X-Forwarded-For, as its configuration has to set them;
//   - traefik and caddy: X-Forwarded-Method, -Proto, -Host, -Uri and -For, as they set them themselves.
//
// Only proxies with an address of [Config.From] may ask. A request that is not described in full, or in two
// ways at once, is refused, and so is one whose path could be read in different ways.
//
// An admitted request is answered with 200 and with the headers that the proxy has to put on it, in place of
// the client's own: Cf-Access-Jwt-Assertion, Cf-Access-Authenticated-User-Email, Cookie, Authorization and
// the header that the application reads credentials from. One that is not in the answer is to be taken off;
// Caddy, which cannot tell that one is not there, is answered with an empty one.
// The answer cannot name all others that must not reach an origin: the proxy has to take off every other
// Cf-Access-* header, and those that name another URL or method (X-Original-URL, X-Rewrite-URL,
// X-HTTP-Method-Override). Headers like Cf_Access_Jwt_Assertion, which some origins read as the same, are
// refused here.
//
// Any other answer is for the client. nginx takes a status only: it gets 401 for 401 and for redirects, 403
// for all else, and finds the whole answer under nginx/answer. Traefik and Caddy take any 2xx answer for an
// admission, so an answer of ours that would be one (to a preflight request) has the status 403 there.
//
// # Over gRPC
//
// Envoy is told which headers to set and which to remove; nothing is left to its configuration.
package forward
