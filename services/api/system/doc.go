// Package system serves the health of the installation: what the api can tell about NATS, the streams, the work that
// waits for each service, the polls and the limits, and which of it is a problem.
package system
