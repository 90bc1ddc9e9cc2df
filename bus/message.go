package bus

import (
	"github.com/nats-io/nats.go"
	"plumbline.dev/bus/message"
)

// Header holds the headers of a message. Names are case-sensitive.
type Header = nats.Header

// Msg is a stored message, as passed to a handler.
type Msg = message.Msg

// LogSequence returns the position of an entry in POSTURE_LOG. For an entry read from POSTURE_STATE it uses the
// origin recorded by the server.
func LogSequence(m *Msg) (uint64, error) { return message.LogSequence(m) }
