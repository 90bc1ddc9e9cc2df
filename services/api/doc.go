// Package api is Plumbline's control plane: the Cloudflare v4 API of what Plumbline has, under /client/v4,
// and beside it, under /client/v4/accounts/<account>/plumbline, what Cloudflare has no endpoint for:
// devices, results, status, poll now.
//
// What clients rely on stands in api/README.md, whose sections the comments name. Nothing of a poll needs
// this service: it writes configuration that the others follow, and reads what they publish.
//
// Reads show every write that was acknowledged before, by whichever replica: a request first asks the
// bucket how far it is, then waits until this replica's view has come as far.
//
// Each route names what a token must be allowed (scopes.go). Each change goes through write.go, or tells of
// itself as an action (action.go), and so is in the audit log, whatever crashes when (trail.go).
package api
