package enforcement

import (
	"context"
	"net/http"
	"net/url"
	"slices"

	"plumbline.dev/proto"
	"plumbline.dev/services/api/permission"
	"plumbline.dev/services/api/v4"
	"plumbline.dev/services/internal/catalog"
	"plumbline.dev/services/internal/holdview"
)

func (s *API) holdRoutes() []v4.Route {
	const all, one = v4.AccountPath + "/plumbline/holds", v4.AccountPath + "/plumbline/holds/{id}"
	return []v4.Route{
		{Method: http.MethodGet, Path: all, Scope: permission.Enforcement, Handle: s.listHolds},
		{Method: http.MethodGet, Path: one, Scope: permission.Enforcement, Handle: s.getHold},
		{Method: http.MethodPost, Path: one + "/release", Scope: permission.Enforcement,
			Handle: s.decide(proto.HoldReleased)},
		{Method: http.MethodPost, Path: one + "/reject", Scope: permission.Enforcement,
			Handle: s.decide(proto.HoldRejected)},
	}
}

// holdStates are the states of a hold, as the API names them.
var holdStates = []proto.HoldState{proto.HoldStanding, proto.HoldRejected, proto.HoldExpired, proto.HoldReleased,
	proto.HoldEnded}

func (s *API) viewHold(a proto.Account, h *proto.Hold) holdview.View {
	return holdview.Of(s.store.Catalog, a, h)
}

// auditHold returns a hold as the audit log shows it. The evaluator's events have the same members, see [holdview].
func (s *API) auditHold(a proto.Account, h *proto.Hold) any { return s.viewHold(a, h) }

// listHolds lists the newest hold of each check over an integration, the newest first.
func (s *API) listHolds(ctx context.Context, c *v4.Call) (v4.Response, error) {
	if err := s.freshHolds(ctx); err != nil {
		return v4.Response{}, err
	}
	q := c.URL.Query()
	want, err := holdFilter(q)
	if err != nil {
		return v4.Response{}, err
	}
	all := slices.DeleteFunc(s.store.Holds.Of(c.Account), func(r catalog.Record[proto.Hold]) bool {
		return !want(r.Value)
	})
	part, info, err := v4.Page(q, all)
	views := make([]holdview.View, len(part))
	for n, r := range part {
		views[n] = s.viewHold(c.Account, r.Value)
	}
	return v4.Response{Result: views, Info: info}, err
}

// freshHolds waits until the views of the holds and of their checks are in sync.
func (s *API) freshHolds(ctx context.Context) error {
	if err := s.store.Fresh(ctx); err != nil {
		return err
	}
	return s.store.FreshHolds(ctx)
}

// holdFilter returns the filter for the query of a list.
func holdFilter(q url.Values) (func(*proto.Hold) bool, error) {
	ids := map[string]proto.ID{}
	for _, name := range []string{"integration_id", "rule_id"} {
		if text := q.Get(name); text != "" {
			id, err := proto.ParseID(text)
			if err != nil {
				return nil, v4.Invalid("%s must be an id", name)
			}
			ids[name] = id
		}
	}
	states := slices.DeleteFunc(q["state"], func(s string) bool { return s == "" })
	for _, state := range states {
		if state != stateOpen && !slices.Contains(holdStates, proto.HoldState(state)) {
			return nil, v4.Invalid("state must be open, standing, rejected, expired, released or ended, not %s",
				v4.Quote(state))
		}
	}
	return func(h *proto.Hold) bool {
		integration, byIntegration := ids["integration_id"]
		rule, byRule := ids["rule_id"]
		return (!byIntegration || h.Integration == integration) && (!byRule || h.Check == rule) &&
			(len(states) == 0 || slices.Contains(states, string(h.State)) ||
				slices.Contains(states, stateOpen) && !h.State.Over())
	}, nil
}

// stateOpen is the filter for every state in which pages hold outcomes.
const stateOpen = "open"

// namedHold returns the hold named in the path, or an error if it is unknown or a precondition fails.
func (s *API) namedHold(ctx context.Context, c *v4.Call) (catalog.Record[proto.Hold], error) {
	id, err := c.ID("id", errNoHold)
	if err == nil {
		err = s.freshHolds(ctx)
	}
	if err != nil {
		return catalog.Record[proto.Hold]{}, err
	}
	all := s.store.Holds.Of(c.Account)
	n := slices.IndexFunc(all, func(r catalog.Record[proto.Hold]) bool { return r.Value.ID == id })
	if n < 0 {
		return catalog.Record[proto.Hold]{}, errNoHold
	}
	return all[n], c.Precondition(all[n].Revision)
}

var errNoHold = v4.Errorf(http.StatusNotFound, v4.CodeNotFound,
	"hold not found: it may be over, and a newer hold of the same check has taken its place, or the check is gone")
