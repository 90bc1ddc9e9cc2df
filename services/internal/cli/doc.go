// Package cli is the shared frame of all binaries: flags with an environment variable and a _FILE variant each,
// signals, the log, the metrics registry, the admin server and the connection to NATS. It is the only package that
// reads the process's environment.
package cli
