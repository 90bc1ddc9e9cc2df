package api

import (
	"bytes"
	"cmp"
	"context"
	"encoding/json"
	"errors"
	"net/http"
	"slices"

	"plumbline.dev/bus"
	"plumbline.dev/bus/topology"
	"plumbline.dev/proto"
	"plumbline.dev/services/internal/catalog"
)

func (s *Service) integrationRoutes() []route {
	const all, one = accountPath + "/devices/posture/integration", accountPath + "/devices/posture/integration/{id}"
	return []route{
		{method: http.MethodGet, path: all, of: areaPosture, handle: s.listIntegrations},
		{method: http.MethodPost, path: all, of: areaPosture, handle: s.createIntegration},
		{method: http.MethodGet, path: one, of: areaPosture, handle: s.getIntegration},
		{method: http.MethodPatch, path: one, of: areaPosture, handle: s.updateIntegration},
		{method: http.MethodDelete, path: one, of: areaPosture, handle: s.deleteIntegration},
	}
}

// integrationView is an integration in an answer (api/README.md 5.3). The x_ members are ours.
type integrationView struct {
	ID          proto.ID        `json:"id"`
	Name        string          `json:"name"`
	Type        string          `json:"type"`
	Interval    string          `json:"interval"`
	Config      json.RawMessage `json:"config"`
	Paused      bool            `json:"x_paused"`
	Concurrency int             `json:"x_concurrency"`
	Unsupported []string        `json:"x_unsupported,omitempty"`
}

func viewIntegration(i *proto.Integration) integrationView {
	config := object{}
	if i.Type == proto.TypeCustomS2S {
		config.set("api_url", i.APIURL)
		config.set("access_client_id", i.ClientID)
	} else {
		config = stored(i.Config)
	}
	return integrationView{ID: i.ID, Name: i.Name, Type: i.Type, Interval: i.IntervalText, Config: config.sent(),
		Paused: i.Paused, Concurrency: i.Limit(), Unsupported: unsupportedType(i.Type)}
}

func (s *Service) listIntegrations(ctx context.Context, c *call) (answer, error) {
	if err := s.fresh(ctx); err != nil {
		return answer{}, err
	}
	all := s.catalog.IntegrationsOf(c.account)
	slices.SortStableFunc(all, func(a, b catalog.Record[proto.Integration]) int {
		return cmp.Compare(a.Value.CreatedAt, b.Value.CreatedAt)
	})
	views := make([]integrationView, len(all))
	for n, i := range all {
		views[n] = viewIntegration(i.Value)
	}
	return answer{result: views, info: whole(len(views))}, nil
}

func (s *Service) getIntegration(ctx context.Context, c *call) (answer, error) {
	i, err := s.integration(ctx, c)
	if err != nil {
		return answer{}, err
	}
	return answer{result: viewIntegration(i.Value), revision: i.Revision}, nil
}

// integration finds the one that the path names.
func (s *Service) integration(ctx context.Context, c *call) (catalog.Record[proto.Integration], error) {
	return named(ctx, s, c, s.catalog.Integration, errNoIntegration)
}

func (s *Service) createIntegration(ctx context.Context, c *call) (answer, error) {
	body, err := c.object()
	if err != nil {
		return answer{}, err
	}
	now := proto.At(s.clock.Now())
	i := proto.Integration{ID: proto.NewID(), CreatedAt: now, UpdatedAt: now, Schedule: 1, ScheduledAt: now}
	change, err := s.readIntegration(body, nil)
	if err == nil {
		err = change.seal(s.cfg.SealTo, i.ID)
	}
	if err != nil {
		return answer{}, err
	}
	change.apply(&i)
	if i.Type == proto.TypeCustomS2S {
		if err := s.fresh(ctx); err != nil {
			return answer{}, err
		}
		err = s.probe(ctx, c.account, &i)
	}
	if err != nil {
		return answer{}, err
	}
	revision, err := s.put(ctx, c.account, topology.KindIntegration, i.ID, &i, 0)
	return answer{result: viewIntegration(&i), revision: revision, messages: s.sameIntegrationName(c, &i)}, err
}

// updateIntegration merges (api/README.md 5.3): what the body does not name stays. The scoring API is called
// again only where URL or credentials change. A race with another change is settled by merging again.
func (s *Service) updateIntegration(ctx context.Context, c *call) (answer, error) {
	body, err := c.object()
	if err != nil {
		return answer{}, err
	}
	var sealed []byte             // the new secret, the same at every attempt
	var proven *proto.Integration // what the scoring API was called with
	for range attempts {
		old, err := s.integration(ctx, c)
		if err != nil {
			return answer{}, err
		}
		i := *old.Value
		change, err := s.readIntegration(body, old.Value)
		if err != nil {
			return answer{}, err
		}
		if change.sealed = sealed; sealed == nil {
			if err := change.seal(s.cfg.SealTo, i.ID); err != nil {
				return answer{}, err
			}
			sealed = change.sealed
		}
		change.apply(&i)
		if !sameTarget(old.Value, &i) && (proven == nil || !sameTarget(proven, &i)) {
			if err := s.probe(ctx, c.account, &i); err != nil {
				return answer{}, err
			}
			copied := i
			proven = &copied
		}
		i.UpdatedAt = proto.At(s.clock.Now())
		if rescheduled(old.Value, &i) {
			i.Schedule, i.ScheduledAt = old.Value.Schedule+1, i.UpdatedAt
		}
		revision, err := s.put(ctx, c.account, topology.KindIntegration, i.ID, &i, old.Revision)
		if errors.Is(err, bus.ErrConflict) {
			continue
		}
		a := answer{result: viewIntegration(&i), revision: revision}
		if i.Name != old.Value.Name {
			a.messages = s.sameIntegrationName(c, &i)
		}
		return a, err
	}
	return answer{}, errConflict
}

// sameTarget tells whether two states of an integration call the same API as the same caller.
func sameTarget(a, b *proto.Integration) bool {
	return a.APIURL == b.APIURL && a.ClientID == b.ClientID && bytes.Equal(a.SealedSecret, b.SealedSecret)
}

// rescheduled tells a change after which a poll is due at once.
func rescheduled(before, after *proto.Integration) bool {
	return !sameTarget(before, after) || before.Interval != after.Interval || before.Paused && !after.Paused
}

// deleteIntegration leaves the integration's checks: they are the account's and can be pointed elsewhere;
// the evaluators close their results.
func (s *Service) deleteIntegration(ctx context.Context, c *call) (answer, error) {
	for range attempts {
		i, err := s.integration(ctx, c)
		if err != nil {
			return answer{}, err
		}
		var users []string
		for _, check := range s.catalog.Checks(c.account, i.Value.ID) {
			users = merged(users, s.policiesRequiring(c.account, check.Value.ID))
		}
		if err := inUse("posture integration, through its rules,", users); err != nil {
			return answer{}, err
		}
		err = s.remove(ctx, c.account, topology.KindIntegration, i.Value.ID, i.Revision)
		if errors.Is(err, bus.ErrConflict) {
			continue
		}
		return ok(nil), err
	}
	return answer{}, errConflict
}
