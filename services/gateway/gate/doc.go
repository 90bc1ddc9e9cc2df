// Package gate decides about one request: which application it belongs to, who asks, whether a policy
// admits it, and what is answered where none does. It serves nothing itself: the gateway's own reverse proxy
// and the answers to other proxies ask it in the same way.
//
// A request is decided each time it is made, by everything that is known at that moment. The order is that
// of api/README.md 4.4, the answers are those of 8.5, and those of 8.6 for requests with service credentials
// unless the organisation turned strict mode off.
package gate
