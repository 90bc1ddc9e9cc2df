// Package login logs people in: it sends them to an OpenID Connect provider and back with a session.
//
// A person without a session is redirected to the team domain (api/README.md 8.5), there to the provider, and
// comes back to /cdn-cgi/access/callback. Who she is becomes a session, a record of the SESSIONS bucket, and a
// cookie at the team domain. The application's policies are asked; if they admit her she goes on to
// /cdn-cgi/access/authorized of the application with a code that works once, which becomes the application's
// own cookie. The next application finds the team domain's cookie and asks no provider.
//
// What travels through the browser between two steps is sealed under a key that the gateways share, so that
// any of them can go on where another left off, and is bound to the browser by a cookie whose hash is inside:
// whoever gets hold of a link has no use of it in another browser. What must work once is redeemed in SESSIONS.
//
// A session ends by its time or by a logout, which deletes the record: every gateway sees it by watch, and
// every token that names the session ends with it.
package login
