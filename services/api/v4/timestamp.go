package v4

import "plumbline.dev/services/internal/jsontime"

// Timestamp is a time in a response: RFC 3339, or null for zero.
type Timestamp = jsontime.Timestamp
