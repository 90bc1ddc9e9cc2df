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

// holdView is the newest hold of a check over an integration. By and Reason are empty until the hold is decided.
type holdView struct {
	ID              proto.ID        `json:"id"`
	Name            string          `json:"name" says:"Name of the posture rule."`
	Rule            proto.ID        `json:"rule_id"`
	Integration     proto.ID        `json:"integration_id"`
	IntegrationName string          `json:"integration_name"`
	State           proto.HoldState `json:"state"`
	Directions      []string        `json:"directions"`
	Tick            uint64          `json:"tick" says:"Newest poll that was judged."`
	Since           v4.Timestamp    `json:"since" says:"When the first page began to hold."`
	UpdatedAt       v4.Timestamp    `json:"updated_at"`
	SafeSideAt      v4.Timestamp    `json:"safe_side_at" says:"When the safe side begins to apply. Null if the hold is over."`
	Pages           int             `json:"pages" says:"Pages that hold outcomes."`
	Devices         int             `json:"devices" says:"Devices whose outcome is held."`
	FleetLost       int             `json:"fleet_lost" says:"Devices, on all pages, that would change from pass to fail."`
	FleetGained     int             `json:"fleet_gained" says:"Devices, on all pages, that would change from fail to pass."`
	FleetPass       int             `json:"fleet_pass" says:"Devices, on all pages, that passed before the poll."`
	FleetKnown      int             `json:"fleet_known" says:"Devices, on all pages, that passed or failed before the poll."`
	By              string          `json:"by" says:"Who released or rejected the hold. Empty if nobody did."`
	Reason          string          `json:"reason"`
	DecidedAt       v4.Timestamp    `json:"decided_at"`
}

func (s *API) viewHold(a proto.Account, h *proto.Hold) holdView {
	v := holdView{ID: h.ID, Rule: h.Check, Integration: h.Integration, State: h.State, Directions: h.Directions(),
		Tick: h.Tick, Since: v4.Timestamp(h.Since), UpdatedAt: v4.Timestamp(h.UpdatedAt), Pages: h.Pages, Devices: h.Devices,
		FleetLost: h.Fleet.Out, FleetGained: h.Fleet.In, FleetPass: h.Fleet.Passing, FleetKnown: h.Fleet.Known, By: h.By,
		Reason: h.Reason, DecidedAt: v4.Timestamp(h.DecidedAt)}
	if v.Directions == nil {
		v.Directions = []string{}
	}
	check, _ := s.store.Catalog.Check(a, h.Check)
	if check.Value != nil {
		v.Name = check.Value.Name
	}
	if i, found := s.store.Catalog.Integration(a, h.Integration); found {
		v.IntegrationName = i.Value.Name
	}
	if !h.State.Over() {
		v.SafeSideAt = v4.Timestamp(h.Since.Add(proto.HoldTime(check.Value, s.store.Catalog.Organization(a).Value)))
	}
	return v
}

// auditHold returns a hold as the audit log shows it. The evaluator's events have the same members.
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
	views := make([]holdView, len(part))
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

// namedHold returns the hold whose id is in the path, or an error if it is unknown or a precondition fails.
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
