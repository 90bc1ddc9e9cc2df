// Package stack runs Plumbline as its users do: binaries built from this repository run as separate processes, on
// free loopback ports and in temporary directories. Tests access them over HTTP and NATS only.
package stack
