// Package plumb is all of Plumbline in one process: every service, by the same constructors as their own
// binaries, on an embedded NATS server whose data lies in one directory.
package plumb
