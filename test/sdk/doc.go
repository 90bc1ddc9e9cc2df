// Package sdk holds the control plane against the clients that Cloudflare publishes for Go, each as it is and
// pointed at an installation: the generated SDKs v6 and v7, every answer to which has to be as they declare it,
// and v0, which came before them.
package sdk
