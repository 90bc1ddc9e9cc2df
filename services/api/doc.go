// Package api is the control plane: the Cloudflare v4 API under /client/v4, and endpoints that Cloudflare does not have
// under /client/v4/accounts/<account>/plumbline: devices, results, status, polls.
//
// The package only wires other packages together. The contract with clients is services/api/README.md; comments cite
// its sections. A request arrives at the edge (v4), is authorized by the gate (apitoken), and is handled by the package
// of its resource: access, device, posture, trial, enforcement, identity, apitoken or auditlog. These packages read and
// change the buckets through store, which records every change for the audit log, and share the operations of resource.
// None of them imports this package.
//
// Polls do not depend on this service: it writes the configuration that the other services follow, and reads their
// results. Any number of replicas may run. A read includes every write that was acknowledged before it: a request first
// asks the leader of the bucket for its position, and waits until the view of this replica is in sync.
package api
