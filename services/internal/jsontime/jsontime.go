// Package jsontime has times as JSON shows them, in responses of the API and in audit events.
package jsontime

import (
	"time"

	"plumbline.dev/proto"
)

// Timestamp is a time in JSON: RFC 3339, or null for zero.
type Timestamp proto.Millis

// MarshalJSON implements [json.Marshaler].
func (t Timestamp) MarshalJSON() ([]byte, error) {
	if t == 0 {
		return []byte("null"), nil
	}
	b := append(make([]byte, 0, len(`"2006-01-02T15:04:05.999999999Z"`)), '"')
	return append(proto.Millis(t).Time().AppendFormat(b, time.RFC3339Nano), '"'), nil
}
