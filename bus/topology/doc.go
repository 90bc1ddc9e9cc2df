// Package topology is the one table of what is on the bus: streams, subjects, consumers, buckets,
// retention, schemas, and what each service may do. Nobody else writes a subject by hand.
//
// The table provisions the streams (package bus), makes the permissions of every NATS user (package
// creds and deploy/nats/permissions.json), and is the README's table of subjects. A golden file holds it.
package topology
