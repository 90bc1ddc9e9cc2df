package posture

import (
	"context"
	"encoding/json"
	"errors"
	"net/http"

	"plumbline.dev/bus"
	"plumbline.dev/bus/topology"
	"plumbline.dev/proto"
	"plumbline.dev/services/api/openapi"
	"plumbline.dev/services/api/permission"
	"plumbline.dev/services/api/resource"
	"plumbline.dev/services/api/store"
	"plumbline.dev/services/api/v4"
	"plumbline.dev/services/internal/catalog"
)

// newChecks returns the kind of checks, which the v4 API calls posture rules.
func (s *API) newChecks() *resource.Kind[proto.Check, *proto.Check] {
	return &resource.Kind[proto.Check, *proto.Check]{
		Store: s.store, Name: "posture rule", Kind: topology.KindCheck, Path: "/devices/posture", Scope: permission.Posture,
		Unpaged: true, PlainStatus: true, NotFound: errNoRule,
		Find: resource.ByID(s.store.Catalog.Check),
		Items: func(a proto.Account) []*store.Item[catalog.Record[proto.Check]] {
			return store.ByAge(s.store.Catalog.ChecksOf(a), func(r catalog.Record[proto.Check]) (proto.ID, proto.Millis) {
				return r.Value.ID, r.Value.CreatedAt
			})
		},
		Meta: func(_ proto.Account, c *proto.Check) resource.Meta { return resource.Meta{ID: c.ID, Name: c.Name} },
		New: func(_ *v4.Call, now proto.Millis) proto.Check {
			return proto.Check{ID: proto.NewID(), CreatedAt: now, UpdatedAt: now}
		},
		Next: func(old *proto.Check, now proto.Millis) proto.Check {
			return proto.Check{ID: old.ID, CreatedAt: old.CreatedAt, UpdatedAt: now}
		},
		Decode: func(a proto.Account, body v4.Object, c, old *proto.Check) error {
			if err := readRule(body, c, old); err != nil {
				return err
			}
			return s.checkConnection(a, c)
		},
		Guard: func(ctx context.Context, c *v4.Call, check, old *proto.Check) error {
			if err := resource.GuardRule(ctx, s.store, c, check, old); err != nil {
				return err
			}
			return s.expectFlips(ctx, c, check, old)
		},
		Stored: s.undoExcess,
		// While a policy or a group names the check, its deletion would silently deny everyone.
		Unused: func(a proto.Account, c *proto.Check) error {
			return resource.InUse("posture rule", s.checkUsers(a, c.ID))
		},
		View: func(_ proto.Account, c *proto.Check) any { return viewRule(c) },
		Notices: func(_ context.Context, _ proto.Account, c, _ *proto.Check) []v4.Notice {
			return append(noticeExpiration(c), noticeRecoverScore(c)...)
		},
		Doc: openapi.Resource{
			One: "a check", Many: "checks, the oldest first", View: openapi.Ref("Check"), Body: openapi.Ref("CheckBody"),
			Deleted: openapi.Of[v4.IDOnly](),
			BodyDetails: "Checks of types other than custom_s2s are stored and returned, but their outcome is always " +
				"unknown.",
		},
	}
}

// viewRule returns a check as responses show it: the body as sent, with its id, and with its type if that is not
// evaluated.
func viewRule(c *proto.Check) json.RawMessage {
	return v4.Splice(withoutStale(c), struct {
		ID          proto.ID `json:"id"`
		Unsupported []string `json:"x_unsupported,omitempty"`
	}{c.ID, unsupportedType(c.Type)})
}

// checkConnection returns an error if a check's integration cannot evaluate it, or has too many checks.
func (s *API) checkConnection(a proto.Account, check *proto.Check) error {
	if check.Type != proto.TypeCustomS2S {
		return nil
	}
	i, found := s.store.Catalog.Integration(a, check.Integration)
	switch {
	case !found:
		return invalidRule("input.connection_id: posture integration not found")
	case i.Value.Type != proto.TypeCustomS2S:
		return invalidRule("input.connection_id: the integration has type %s, but custom_s2s is required", i.Value.Type)
	case s.others(a, check) >= proto.MaxChecks:
		return errManyRules
	}
	return nil
}

// noticeExpiration returns a message if the results of a check never expire.
func noticeExpiration(check *proto.Check) []v4.Notice {
	if check.Type != proto.TypeCustomS2S || check.Expiration != 0 {
		return nil
	}
	return []v4.Notice{{Code: codeNoExpiration, Message: "this rule has no expiration: a result stays valid until newer " +
		"data arrives, even if the integration cannot be polled for a long time"}}
}

// codeNoExpiration is the code of a message, not of an error.
const codeNoExpiration = 6026

var errManyRules = invalidRule("the integration already has the maximum of %d rules", proto.MaxChecks)

// others returns the number of other checks of a check's integration.
func (s *API) others(a proto.Account, check *proto.Check) int {
	n := 0
	for _, other := range s.store.Catalog.Checks(a, check.Integration) {
		if other.Value.ID != check.ID {
			n++
		}
	}
	return n
}

// undoExcess undoes a write that exceeded the number of checks of an integration because several were saved at once.
// Each request counts after its own write, so at least the later ones see them all.
func (s *API) undoExcess(ctx context.Context, a proto.Account, check, old *proto.Check, revision uint64) error {
	if check.Integration.IsZero() || old != nil && old.Integration == check.Integration {
		return nil
	}
	err := s.store.Fresh(ctx)
	if err == nil && s.others(a, check) < proto.MaxChecks {
		return nil
	}
	if err == nil {
		err = errManyRules
	}
	var undone error
	if old == nil {
		undone = s.store.Remove(ctx, a, topology.KindCheck, check.ID, store.Prior{Record: check, Revision: revision})
	} else {
		_, undone = s.store.Put(ctx, a, topology.KindCheck, check.ID, old, store.Prior{Record: check, Revision: revision})
	}
	if undone != nil && !errors.Is(undone, bus.ErrConflict) {
		return undone
	}
	return err
}

var errNoRule = v4.Errorf(http.StatusNotFound, v4.CodeUnknownRule, "posture rule not found")
