// Package v4 is the wire format of the Cloudflare v4 API: the envelope of responses and errors, JSON request bodies
// whose members are kept as they were sent, pages of lists, streams, and the edge that routes requests. It knows no
// resource and no bucket: a [Gate] admits requests, and the packages of the resources bring [Route] values.
package v4
