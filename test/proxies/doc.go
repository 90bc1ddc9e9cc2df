// Package proxies runs the configurations of deploy/proxies in real proxies before a real gateway: only addresses
// are substituted. Each proxy is sent requests that are allowed and denied, a WebSocket, a large upload, large
// headers, paths that proxies and origins read in different ways, and CORS preflights.
//
// nginx comes from Debian (nginx-light). Caddy is built from its Go modules (.ci/caddy) once for each version, in the user's
// cache directory, which takes some minutes; therefore a build tag:
//
//	go test -tags proxies -v ./proxies
//
// Traefik and Envoy do not run here. Traefik's command needs modules of DNS providers that not every module proxy
// serves, and Envoy is neither in Debian nor a Go module. The tests of services/gateway/forward hold the gateway
// against what their source code does with their configurations.
package proxies
