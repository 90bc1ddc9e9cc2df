// Package topology defines everything on the bus in one table: streams, subjects, consumers, buckets, retention,
// schemas, and the permissions of each service. No other package builds subjects.
//
// The table is used to provision the streams (package bus), to create the permissions of every NATS user and the
// exports and imports of every NATS account (package creds, deploy/nats/permissions.json and accounts.json), and to
// generate the table of subjects in bus/README.md. Golden files pin the results.
package topology
