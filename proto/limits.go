package proto

// Limits for every message and every atomic batch, within the server's own.
const (
	PageSize       = 1000    // devices of a page, and of one API call (api/README.md 5.5)
	MaxS2SID       = 256     // bytes of an s2s_id; a longer one makes the answer bad_response
	MaxDeviceField = 640     // bytes of a device's fields together
	MaxChecks      = 100     // checks over one integration
	MaxCommand     = 100_000 // devices in one command
	MaxRefusals    = 1000    // refused devices listed in an answer; further ones are counted
)
