// Package gate decides about a single request: its application, the identity of its client, whether a policy admits
// it, and the response if none does. The package serves nothing itself. The gateway's reverse proxy and the handlers
// for other proxies share it.
//
// Every request is evaluated anew against the current configuration. The order follows api/README.md 4.4. The responses
// follow 8.5, or 8.6 for requests with service credentials unless the organization has turned strict mode off.
package gate
