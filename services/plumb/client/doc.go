// Package client calls Plumbline's control plane: what the plumb commands and the demo need of it. Other
// programs use the Cloudflare SDKs, which speak the same API.
package client
