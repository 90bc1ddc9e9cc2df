// Package forward answers other proxies that ask about each request before forwarding it to its origin: nginx
// (auth_request), Traefik (forwardAuth) and Caddy (forward_auth) over HTTP, Envoy (ext_authz) over gRPC. The gate
// decides, as for the gateway's own requests. The application needs no x_origin_url.
//
// # Over HTTP
//
// There is one path for each kind of proxy, under [Path], because each describes the request in its own way and
// forwards the client's headers of the other descriptions:
//
//   - nginx: X-Original-URL, X-Original-Method and X-Forwarded-For, set by its configuration;
//   - traefik and caddy: X-Forwarded-Method, -Proto, -Host, -Uri and -For, set by the proxy itself.
//
// Only proxies with an address in [Config.From] may ask. A request with an incomplete or ambiguous description or an
// ambiguous path is denied.
//
// An admitted request is answered with 200 and the headers that the proxy must set on the request, replacing the
// client's: Cf-Access-Jwt-Assertion, Cf-Access-Authenticated-User-Email, Cookie, Authorization and the application's
// own header for credentials. The proxy must remove any of these missing from the answer. Caddy cannot detect a
// missing header, so it gets an empty one. The answer cannot list all other headers to remove: the proxy must remove
// every other Cf-Access-* header, and those that give another URL or method (X-Original-URL, X-Rewrite-URL,
// X-HTTP-Method-Override). Requests with headers such as Cf_Access_Jwt_Assertion, which some origins treat as equal,
// are denied here.
//
// Any other answer is for the client. nginx reads the status only: it gets 401 for 401 and for redirects, 403 for
// everything else, and requests the full answer under nginx/answer. Traefik and Caddy treat any 2xx answer as an
// admission, so a 2xx answer of ours (to a preflight request) becomes a 403 there.
//
// # Over gRPC
//
// Envoy is told which headers to set and to remove, and needs no configuration for them.
package forward
