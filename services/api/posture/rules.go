package posture

import (
	"cmp"
	"context"
	"encoding/json"
	"errors"
	"net/http"
	"slices"

	"plumbline.dev/bus"
	"plumbline.dev/bus/topology"
	"plumbline.dev/proto"
	"plumbline.dev/services/api/permission"
	"plumbline.dev/services/api/resource"
	"plumbline.dev/services/api/store"
	"plumbline.dev/services/api/v4"
	"plumbline.dev/services/internal/catalog"
)

// ruleRoutes returns the routes of checks, which the v4 API calls posture rules.

func (s *API) ruleRoutes() []v4.Route {
	const all, one = v4.AccountPath + "/devices/posture", v4.AccountPath + "/devices/posture/{id}"
	return []v4.Route{
		{Method: http.MethodGet, Path: all, Scope: permission.Posture, Handle: s.listRules},
		{Method: http.MethodPost, Path: all, Scope: permission.Posture, Handle: s.createRule},
		{Method: http.MethodGet, Path: one, Scope: permission.Posture, Handle: s.getRule},
		{Method: http.MethodPut, Path: one, Scope: permission.Posture, Handle: s.updateRule},
		{Method: http.MethodDelete, Path: one, Scope: permission.Posture, Handle: s.deleteRule},
	}
}

// viewRule returns a check as responses show it: the body as sent, with its id, and with its type if that is not
// evaluated.
func viewRule(c *proto.Check) json.RawMessage {
	return v4.Splice(c.Sent, struct {
		ID          proto.ID `json:"id"`
		Unsupported []string `json:"x_unsupported,omitempty"`
	}{c.ID, unsupportedType(c.Type)})
}

func (s *API) listRules(ctx context.Context, c *v4.Call) (v4.Response, error) {
	if err := s.store.Fresh(ctx); err != nil {
		return v4.Response{}, err
	}
	all := s.store.Catalog.ChecksOf(c.Account)
	slices.SortStableFunc(all, func(a, b catalog.Record[proto.Check]) int {
		return cmp.Compare(a.Value.CreatedAt, b.Value.CreatedAt)
	})
	views := make([]json.RawMessage, len(all))
	for n, r := range all {
		views[n] = viewRule(r.Value)
	}
	return v4.Response{Result: views, Info: v4.SinglePage(len(views))}, nil
}

func (s *API) getRule(ctx context.Context, c *v4.Call) (v4.Response, error) {
	r, err := s.rule(ctx, c)
	if err != nil {
		return v4.Response{}, err
	}
	return v4.Response{Result: viewRule(r.Value), Revision: r.Revision}, nil
}

// rule returns the check that the path names.
func (s *API) rule(ctx context.Context, c *v4.Call) (catalog.Record[proto.Check], error) {
	return resource.Find(ctx, s.store.Fresh, c, s.store.Catalog.Check, errNoRule)
}

func (s *API) createRule(ctx context.Context, c *v4.Call) (v4.Response, error) {
	body, err := c.Object()
	if err == nil {
		err = s.store.Fresh(ctx)
	}
	if err != nil {
		return v4.Response{}, err
	}
	now := proto.At(s.store.Clock.Now())
	check := proto.Check{ID: proto.NewID(), CreatedAt: now, UpdatedAt: now}
	return s.saveRule(ctx, c, body, check, catalog.Record[proto.Check]{})
}

// updateRule replaces a rule (api/README.md 6.1).
func (s *API) updateRule(ctx context.Context, c *v4.Call) (v4.Response, error) {
	body, err := c.Object()
	if err != nil {
		return v4.Response{}, err
	}
	old, err := s.rule(ctx, c)
	if err != nil {
		return v4.Response{}, err
	}
	check := proto.Check{ID: old.Value.ID, CreatedAt: old.Value.CreatedAt, UpdatedAt: proto.At(s.store.Clock.Now())}
	return s.saveRule(ctx, c, body, check, old)
}

// saveRule reads a body into a check and stores it in place of old, which has no value for a new one.
func (s *API) saveRule(ctx context.Context, c *v4.Call, body v4.Object, check proto.Check,
	old catalog.Record[proto.Check]) (v4.Response, error) {
	if err := readRule(body, &check); err != nil {
		return v4.Response{}, err
	}
	if check.Type == proto.TypeCustomS2S {
		i, found := s.store.Catalog.Integration(c.Account, check.Integration)
		switch {
		case !found:
			return v4.Response{}, invalidRule("input.connection_id: posture integration not found")
		case i.Value.Type != proto.TypeCustomS2S:
			return v4.Response{}, invalidRule("input.connection_id: the integration has type %s, but custom_s2s is required",
				i.Value.Type)
		case s.others(c.Account, &check) >= proto.MaxChecks:
			return v4.Response{}, errManyRules
		}
	}
	revision, err := s.store.Put(ctx, c.Account, topology.KindCheck, check.ID, &check, store.PriorOf(old))
	if err != nil {
		return v4.Response{}, err
	}
	if old.Value == nil || old.Value.Integration != check.Integration {
		if err := s.undoExcess(ctx, c.Account, &check, revision, old.Value); err != nil {
			return v4.Response{}, err
		}
	}
	a := v4.Response{Result: viewRule(&check), Revision: revision}
	if check.Type == proto.TypeCustomS2S && check.Expiration == 0 {
		a.Messages = []v4.Notice{{Code: codeNoExpiration,
			Message: "this rule has no expiration: a result stays valid until newer data arrives, " +
				"even if the integration cannot be polled for a long time"}}
	}
	if old.Value == nil || old.Value.Name != check.Name {
		a.Messages = append(a.Messages, s.sameRuleName(c, &check)...)
	}
	return a, nil
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
func (s *API) undoExcess(ctx context.Context, a proto.Account, check *proto.Check, revision uint64,
	old *proto.Check) error {
	if check.Integration.IsZero() {
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

// deleteRule deletes a check. It returns an error while a policy or a group names the check, since the rule would
// silently admit no one any more.
func (s *API) deleteRule(ctx context.Context, c *v4.Call) (v4.Response, error) {
	for range store.MaxAttempts {
		r, err := s.rule(ctx, c)
		if err != nil {
			return v4.Response{}, err
		}
		if err := resource.InUse("posture rule", s.checkUsers(c.Account, r.Value.ID)); err != nil {
			return v4.Response{}, err
		}
		err = s.store.Remove(ctx, c.Account, topology.KindCheck, r.Value.ID, store.PriorOf(r))
		if errors.Is(err, bus.ErrConflict) {
			continue
		}
		return v4.OK(v4.IDOnly{ID: r.Value.ID}), err
	}
	return v4.Response{}, v4.ErrConflict
}

var errNoRule = v4.Errorf(http.StatusNotFound, v4.CodeUnknownRule, "posture rule not found")
