// Package plumb runs all of Plumbline in one process: every service, with the constructors of the services' own
// binaries, and an embedded NATS server with its data in one directory.
package plumb
