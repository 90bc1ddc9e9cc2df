// Package api is the control plane: the Cloudflare v4 API under /client/v4, and under
// /client/v4/accounts/<account>/plumbline what Cloudflare has no endpoint for: devices, results, status, polls.
//
// The package is wiring. What a client relies on is in services/api/README.md, whose sections the comments name. A
// request comes in at the edge (v4), is admitted by the gate (apitoken), and is handled by the package of its resource:
// access, device, posture, identity, apitoken or auditlog. These read and change the buckets through store, which
// records every change for the audit log, and share the verbs of resource. None of them imports this package.
//
// No poll needs this service: it writes the configuration that the other services follow, and reads what they publish.
// Any number of replicas may run. A read holds every write that was acknowledged before it: a request first asks the
// leader of the bucket for its position, and waits until the view of this replica is in sync.
package api
