// Package login logs people in at an OpenID Connect provider and creates their sessions.
//
// A person without a session is redirected to the team domain (api/README.md 8.5), then to the provider, and returns to
// /cdn-cgi/access/callback. Their identity becomes a session, which is a record in the SESSIONS bucket and a cookie
// at the team domain. The application's policies are evaluated. An admitted person continues to
// /cdn-cgi/access/authorized of the application with a single-use code, which is exchanged for the application's own
// cookie. The next application finds the team domain's cookie and needs no provider.
//
// State that passes through the browser is encrypted under a key shared by all gateways, so that any gateway can
// continue a login. The state contains the hash of a cookie and so is bound to one browser: a stolen link is useless
// in another. Single-use items are marked as used in SESSIONS.
//
// A session ends by expiry or by a logout, which deletes its record. Every gateway learns of it by watch, and all
// tokens of the session become invalid.
package login
