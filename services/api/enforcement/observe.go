package enforcement

import (
	"context"
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

// observeRoutes returns the routes of the account's observe switch. It is a part of the organization, with a permission
// of its own.
func (s *API) observeRoutes() []v4.Route {
	const path = v4.AccountPath + "/plumbline/observe"
	return []v4.Route{
		{Method: http.MethodGet, Path: path, Scope: permission.Posture, Handle: s.getObserve},
		{Method: http.MethodPut, Path: path, Scope: permission.ObserveSwitch, Handle: s.putObserve},
		{Method: http.MethodDelete, Path: path, Scope: permission.ObserveSwitch, Handle: s.deleteObserve},
	}
}

func observeOperations() openapi.Operations {
	const path = " /plumbline/observe"
	return openapi.Operations{
		"GET" + path: {Summary: "Get the observe switch of the account", Result: openapi.Of[observeView]()},
		"PUT" + path: {Summary: "Turn the enforcement of every check off until a time", Result: openapi.Of[observeView](),
			Details: "Every outcome is pass, with the reason observe_only; the observed outcomes are recorded beside. The " +
				"switch ends by itself. Responses about outcomes have message 10210 while it is on.",
			Body: openapi.Object(openapi.Members{
				"until":  openapi.Time().Describe("When the switch ends: at most 7 days from now."),
				"reason": reasonSchema(),
			}, "until", "reason")},
		"DELETE" + path: {Summary: "Enforce the checks again", Result: openapi.Of[observeView](),
			Statuses: []int{http.StatusConflict}},
	}
}

// observeView is the observe switch in a response. Beside active, the members are null while it is off.
type observeView struct {
	Active bool         `json:"active"`
	Until  v4.Timestamp `json:"until"`
	Reason *string      `json:"reason"`
	By     *string      `json:"by"`
	Since  v4.Timestamp `json:"since"`
}

func viewObserve(o *proto.ObserveSwitch) observeView {
	if o == nil {
		return observeView{}
	}
	return observeView{true, v4.Timestamp(o.Until), &o.Reason, &o.By, v4.Timestamp(o.Since)}
}

// auditObserve is the kind of the observe switch in the audit log.
const auditObserve = "observe_switch"

func (s *API) getObserve(ctx context.Context, c *v4.Call) (v4.Response, error) {
	if err := s.store.Fresh(ctx); err != nil {
		return v4.Response{}, err
	}
	return v4.OK(viewObserve(resource.Observing(s.store, c.Account))), nil
}

func (s *API) putObserve(ctx context.Context, c *v4.Call) (v4.Response, error) {
	body, err := c.Object()
	if err != nil {
		return v4.Response{}, err
	}
	now := proto.At(s.store.Clock.Now())
	o := proto.ObserveSwitch{By: c.Author(), Since: now}
	if o.Until, err = readUntil(body); err != nil {
		return v4.Response{}, err
	}
	if o.Reason, err = body.Text("reason"); err != nil {
		return v4.Response{}, v4.Invalid("reason must be a string")
	}
	if err := o.Validate(now); err != nil {
		return v4.Response{}, v4.Invalid("%v", err)
	}
	return s.changeObserve(ctx, c, &o)
}

// deleteObserve turns the switch off. If it is off already, the response is the same.
func (s *API) deleteObserve(ctx context.Context, c *v4.Call) (v4.Response, error) {
	return s.changeObserve(ctx, c, nil)
}

// changeObserve stores a switch; nil turns it off. It tries again after a lost race with another change of the
// organization.
func (s *API) changeObserve(ctx context.Context, c *v4.Call, o *proto.ObserveSwitch) (v4.Response, error) {
	for range store.MaxAttempts {
		if err := s.store.Fresh(ctx); err != nil {
			return v4.Response{}, err
		}
		old, action := s.store.Catalog.Organization(c.Account), store.ActionUpdate
		switch on := resource.Observing(s.store, c.Account) != nil; {
		case o == nil && !on:
			return v4.OK(viewObserve(nil)), nil
		case o == nil:
			action = store.ActionDelete
		case !on:
			action = store.ActionCreate
		case old.Value.Observe.Since != 0:
			o.Since = old.Value.Observe.Since
		}
		err := s.storeObserve(ctx, old, o, action)
		if errors.Is(err, bus.ErrConflict) {
			continue
		}
		return v4.OK(viewObserve(o)), err
	}
	return v4.Response{}, v4.ErrConflict
}

// storeObserve stores an organization with another switch, and its event.
func (s *API) storeObserve(ctx context.Context, old catalog.Record[proto.Organization], o *proto.ObserveSwitch,
	action string) error {
	next := *old.Value
	next.Observe, next.UpdatedAt = o, proto.At(s.store.Clock.Now())
	told := &store.Change{Action: action, Kind: auditObserve, ID: old.Account.String(), Name: auditObserve}
	if old.Value.Observe != nil {
		told.Before = viewObserve(old.Value.Observe)
	}
	if o != nil {
		told.After = viewObserve(o)
	}
	w := store.ConfigWrite(old.Account, topology.KindOrganization, topology.OrganizationID(old.Account), &next,
		store.PriorOf(old))
	w.Told = told
	_, err := s.store.Commit(ctx, old.Account, topology.Config, w)
	return err
}

// endSwitches removes expired observe switches. It returns the time of the next expiry, or 0 if no switch is on.
func (e *ends) endSwitches(ctx context.Context, now proto.Millis) (next proto.Millis) {
	for _, r := range e.store.Catalog.Organizations() {
		switch o := r.Value.Observe; {
		case o == nil:
		case o.Until > now:
			next = sooner(next, o.Until)
		default:
			err := e.storeObserve(ctx, r, nil, store.ActionEnd)
			if isUnreachable(err) {
				e.fail(err)
				return next
			}
			if !errors.Is(err, bus.ErrConflict) {
				e.fail(err)
			}
		}
	}
	return next
}
