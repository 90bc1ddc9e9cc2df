// Package sdk holds the control plane against the clients that Cloudflare publishes for Go: the SDK v6 and
// the one before it, each as it is, pointed at an installation.
package sdk
