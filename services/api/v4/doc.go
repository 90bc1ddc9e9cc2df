// Package v4 implements the wire format of the Cloudflare v4 API: the envelope of responses and errors, JSON request
// bodies with members kept as sent, paged lists, streams, and the edge that routes requests. It knows no resource and
// no bucket: a gate authorizes requests, and the packages of the resources provide [Route] values.
package v4
