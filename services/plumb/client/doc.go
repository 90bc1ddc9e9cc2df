// Package client calls the control plane for the plumb commands and the demo. Other programs use the Cloudflare SDKs,
// which use the same API.
package client
