package store

import "plumbline.dev/proto"

// EventID returns the id of the event that announces the action.
func (x *Action) EventID() proto.ID { return x.Announced.ID }
