package store

import "plumbline.dev/proto"

// Bounds of the relay and of actions.
const (
	Lease      = lease
	MaxWaiting = maxWaiting
	RelayLook  = relayLook
	RelayRetry = relayRetry
)

// EventID returns the id of the event that announces the action.
func (x *Action) EventID() proto.ID { return x.announced.ID }
