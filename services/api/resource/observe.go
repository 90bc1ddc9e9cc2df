package resource

import (
	"fmt"
	"time"

	"plumbline.dev/proto"
	"plumbline.dev/services/api/store"
	"plumbline.dev/services/api/v4"
)

// Observing returns the account's observe switch if it is on, or nil if it is not.
func Observing(s *store.Store, a proto.Account) *proto.ObserveSwitch {
	o := s.Catalog.Organization(a).Value.Observe
	if o == nil || o.Until <= proto.At(s.Clock.Now()) {
		return nil
	}
	return o
}

// ObserveNotice returns a message while the account's observe switch is on: every response about outcomes has it.
func ObserveNotice(s *store.Store, a proto.Account) []v4.Notice {
	o := Observing(s, a)
	if o == nil {
		return nil
	}
	return []v4.Notice{{Code: v4.CodeNotEnforced, Message: fmt.Sprintf(
		"no check is enforced until %s: every outcome is pass (switched by %s: %s)",
		o.Until.Time().UTC().Format(time.RFC3339), v4.Clip(o.By), v4.Clip(o.Reason))}}
}
