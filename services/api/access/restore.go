package access

import (
	"context"
	"errors"
	"reflect"

	"plumbline.dev/bus"
	"plumbline.dev/bus/topology"
	"plumbline.dev/proto"
	"plumbline.dev/services/api/store"
	"plumbline.dev/services/api/v4"
	"plumbline.dev/services/internal/catalog"
)

// Restore computes the gateway's members of resources stored by versions without a gateway. It runs when the service
// starts; the first replica does the work.
func (s *API) Restore(ctx context.Context) {
	failed := func(what string, id proto.ID, err error) {
		if err != nil && !errors.Is(err, bus.ErrConflict) && ctx.Err() == nil {
			s.store.Log.Warn("failed to compute the gateway settings of a stored resource: save it again", "what", what, "id",
				id, "err", err)
		}
	}
	for _, app := range s.store.Catalog.AllApplications() {
		failed("application", app.Value.ID, s.restoreGate(ctx, app))
	}
	for _, p := range s.store.Catalog.AllPolicies() {
		failed("policy", p.Value.ID, s.restoreDemands(ctx, p))
	}
}

func (s *API) restoreGate(ctx context.Context, old catalog.Record[proto.Application]) error {
	if old.Value.Type != typeSelfHosted || !reflect.ValueOf(old.Value.Gate).IsZero() {
		return nil
	}
	gate, err := readGate(v4.Decode(old.Value.Sent))
	if err != nil || reflect.ValueOf(gate).IsZero() {
		return err
	}
	app := *old.Value
	app.Gate = gate
	_, err = s.store.Put(ctx, old.Account, topology.KindApplication, app.ID, &app, store.PriorOf(old))
	return err
}

func (s *API) restoreDemands(ctx context.Context, old catalog.Record[proto.Policy]) error {
	unmet := unmetDemands(v4.Decode(old.Value.Sent), old.Value.Decision)
	if len(old.Value.Unmet) > 0 || len(unmet) == 0 {
		return nil
	}
	p := *old.Value
	p.Unmet = unmet
	_, err := s.store.Put(ctx, old.Account, topology.KindPolicy, p.ID, &p, store.PriorOf(old))
	return err
}
