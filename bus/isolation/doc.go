// Package isolation tests the isolation between NATS accounts: every import works, and a compromised role can reach
// nothing else.
package isolation
