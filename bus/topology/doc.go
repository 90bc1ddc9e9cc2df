// Package topology is the one table of what is on the bus: streams, subjects, consumers, buckets,
// retention, schemas, and what each service may do. Nobody else writes a subject by hand.
//
// The table provisions the streams (package bus), makes the permissions of every NATS user and the exports and imports
// of every NATS account (package creds, deploy/nats/permissions.json and accounts.json), and is the table of subjects in
// bus/README.md. Golden files hold it.
package topology
