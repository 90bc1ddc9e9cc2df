// Package proxies runs the configurations of deploy/proxies in real proxies in front of a real gateway; only
// addresses are substituted. It sends each proxy allowed and denied requests, a WebSocket, a large upload, large
// headers, paths read differently by proxies and origins, and CORS preflights.
//
// nginx comes from Debian (nginx-light). Caddy is built from its Go modules (.ci/caddy), once for each version, in
// the user's cache directory. This takes some minutes, so the tests are behind a build tag:
//
//	go test -tags proxies -v ./proxies
//
// Traefik and Envoy are not run. Traefik's command needs modules of DNS providers not served by every module proxy,
// and Envoy is neither in Debian nor a Go module. The tests of services/gateway/forward reproduce the behavior of
// their source code with these configurations.
package proxies
