package api

import (
	"context"
	"errors"
	"reflect"

	"plumbline.dev/bus"
	"plumbline.dev/bus/topology"
	"plumbline.dev/proto"
	"plumbline.dev/services/internal/catalog"
)

// restore works out, for what was stored before there was a gateway, what the gateway acts on. It is done
// once, when the service starts, by whichever replica is first.
func (s *Service) restore(ctx context.Context) {
	failed := func(what string, id proto.ID, err error) {
		if err != nil && !errors.Is(err, bus.ErrConflict) && ctx.Err() == nil {
			s.log.Warn("what the gateway is to do is not known: save this again", "what", what, "id", id, "err", err)
		}
	}
	for _, app := range s.catalog.AllApplications() {
		failed("application", app.Value.ID, s.restoreGate(ctx, app))
	}
	for _, p := range s.catalog.AllPolicies() {
		failed("policy", p.Value.ID, s.restoreDemands(ctx, p))
	}
}

func (s *Service) restoreGate(ctx context.Context, old catalog.Record[proto.Application]) error {
	if old.Value.Type != typeSelfHosted || !reflect.ValueOf(old.Value.Gate).IsZero() {
		return nil
	}
	gate, err := readGate(stored(old.Value.Sent))
	if err != nil || reflect.ValueOf(gate).IsZero() {
		return err
	}
	app := *old.Value
	app.Gate = gate
	_, err = s.put(ctx, old.Account, topology.KindApplication, app.ID, &app, old.Revision)
	return err
}

func (s *Service) restoreDemands(ctx context.Context, old catalog.Record[proto.Policy]) error {
	unmet := demands(stored(old.Value.Sent), old.Value.Decision)
	if len(old.Value.Unmet) > 0 || len(unmet) == 0 {
		return nil
	}
	p := *old.Value
	p.Unmet = unmet
	_, err := s.put(ctx, old.Account, topology.KindPolicy, p.ID, &p, old.Revision)
	return err
}
