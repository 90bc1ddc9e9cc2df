package resource

import (
	"context"
	"net/http"

	"plumbline.dev/proto"
	"plumbline.dev/services/api/permission"
	"plumbline.dev/services/api/store"
	"plumbline.dev/services/api/v4"
)

// GuardRule returns an error if an update of a posture rule would apply outcomes that a breaker holds, and the token of
// the request may not release holds.
func GuardRule(ctx context.Context, s *store.Store, c *v4.Call, check, old *proto.Check) error {
	o := s.Catalog.Organization(c.Account).Value
	if !appliesHeld(old, check, o, o) {
		return nil
	}
	return guardHeld(ctx, s, c, func(h *proto.Hold) bool { return h.Check == check.ID })
}

// GuardBreaker returns an error if new settings of the account's breaker would apply outcomes that a breaker holds, and
// the token of the request may not release holds.
func GuardBreaker(ctx context.Context, s *store.Store, c *v4.Call, o, old *proto.Organization) error {
	if !appliesHeld(nil, nil, old, o) {
		return nil
	}
	return guardHeld(ctx, s, c, func(h *proto.Hold) bool {
		check, found := s.Catalog.Check(c.Account, h.Check)
		return found && appliesHeld(check.Value, check.Value, old, o)
	})
}

// appliesHeld reports whether a change of a rule and of the account's settings may apply outcomes that are held: it
// changes how outcomes are decided, it weakens the breaker, or the safe side begins earlier. Nil stands for a rule
// without settings of its own.
func appliesHeld(was, is *proto.Check, wasIn, isIn *proto.Organization) bool {
	if was != nil && (was.Rule() != is.Rule() || was.Integration != is.Integration || was.Grace != is.Grace) {
		return true
	}
	a, b := proto.BreakerOf(was, wasIn), proto.BreakerOf(is, isIn)
	return b.Off && !a.Off || b.Share > a.Share || b.Floor > a.Floor || b.Window < a.Window ||
		proto.HoldTime(is, isIn) < proto.HoldTime(was, wasIn)
}

// guardHeld returns an error if the rule of an open hold is affected and the token may not release holds.
func guardHeld(ctx context.Context, s *store.Store, c *v4.Call, affects func(*proto.Hold) bool) error {
	release := v4.Permission{Scope: permission.Enforcement, Edit: true}
	if permission.Permits(c.Token, release, c.Zone) {
		return nil
	}
	if err := s.FreshHolds(ctx); err != nil {
		return err
	}
	for _, r := range s.Holds.Of(c.Account) {
		if !r.Value.State.Over() && affects(r.Value) {
			return v4.Errorf(http.StatusForbidden, v4.CodeUnauthorized, "Unauthorized to access requested resource: the "+
				"change may apply outcomes that the hold %s keeps, so the API token needs the permission %s, or the hold must "+
				"be released first", r.Value.ID, permission.GroupsFor(release))
		}
	}
	return nil
}
