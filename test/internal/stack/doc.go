// Package stack runs Plumbline as its users do: binaries built from this repository, started as processes
// of their own on free loopback ports and in directories of the test's. Tests reach them over HTTP and
// NATS only.
package stack
