package posture

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
	"plumbline.dev/services/api/permission"
	"plumbline.dev/services/api/resource"
	"plumbline.dev/services/api/store"
	"plumbline.dev/services/api/v4"
	"plumbline.dev/services/internal/catalog"
)

func (s *API) integrationRoutes() []v4.Route {
	const all, one = v4.AccountPath + "/devices/posture/integration", v4.AccountPath + "/devices/posture/integration/{id}"
	return []v4.Route{
		{Method: http.MethodGet, Path: all, Scope: permission.Posture, Handle: s.listIntegrations},
		{Method: http.MethodPost, Path: all, Scope: permission.Posture, Handle: s.createIntegration},
		{Method: http.MethodGet, Path: one, Scope: permission.Posture, Handle: s.getIntegration},
		{Method: http.MethodPatch, Path: one, Scope: permission.Posture, Handle: s.updateIntegration},
		{Method: http.MethodDelete, Path: one, Scope: permission.Posture, Handle: s.deleteIntegration},
	}
}

// integrationView is an integration in a response (api/README.md 5.3). The x_ members are ours.
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
	config := v4.Object{}
	if i.Type == proto.TypeCustomS2S {
		config.Set("api_url", i.APIURL)
		config.Set("access_client_id", i.ClientID)
	} else {
		config = v4.Decode(i.Config)
	}
	return integrationView{ID: i.ID, Name: i.Name, Type: i.Type, Interval: i.IntervalText, Config: config.Encode(),
		Paused: i.Paused, Concurrency: i.Limit(), Unsupported: unsupportedType(i.Type)}
}

func (s *API) listIntegrations(ctx context.Context, c *v4.Call) (v4.Response, error) {
	if err := s.store.Fresh(ctx); err != nil {
		return v4.Response{}, err
	}
	all := s.store.Catalog.IntegrationsOf(c.Account)
	slices.SortStableFunc(all, func(a, b catalog.Record[proto.Integration]) int {
		return cmp.Compare(a.Value.CreatedAt, b.Value.CreatedAt)
	})
	views := make([]integrationView, len(all))
	for n, i := range all {
		views[n] = viewIntegration(i.Value)
	}
	return v4.Response{Result: views, Info: v4.SinglePage(len(views))}, nil
}

func (s *API) getIntegration(ctx context.Context, c *v4.Call) (v4.Response, error) {
	i, err := s.integration(ctx, c)
	if err != nil {
		return v4.Response{}, err
	}
	return v4.Response{Result: viewIntegration(i.Value), Revision: i.Revision}, nil
}

// integration returns the integration that the path names.
func (s *API) integration(ctx context.Context, c *v4.Call) (catalog.Record[proto.Integration], error) {
	return resource.Find(ctx, s.store.Fresh, c, s.store.Catalog.Integration, errNoIntegration)
}

func (s *API) createIntegration(ctx context.Context, c *v4.Call) (v4.Response, error) {
	body, err := c.Object()
	if err != nil {
		return v4.Response{}, err
	}
	now := proto.At(s.store.Clock.Now())
	i := proto.Integration{ID: proto.NewID(), CreatedAt: now, UpdatedAt: now, Schedule: 1, ScheduledAt: now}
	change, err := s.readIntegration(body, nil)
	if err == nil {
		err = change.seal(s.cfg.SealTo, i.ID)
	}
	if err != nil {
		return v4.Response{}, err
	}
	change.apply(&i)
	if i.Type == proto.TypeCustomS2S {
		if err := s.store.Fresh(ctx); err != nil {
			return v4.Response{}, err
		}
		err = s.probe(ctx, c.Account, &i)
	}
	if err != nil {
		return v4.Response{}, err
	}
	revision, err := s.store.Put(ctx, c.Account, topology.KindIntegration, i.ID, &i, store.Prior{})
	return v4.Response{Result: viewIntegration(&i), Revision: revision, Messages: s.sameIntegrationName(c, &i)}, err
}

// updateIntegration merges the body into an integration (api/README.md 5.3). The scoring API is tested again only if
// the URL or the credentials change. After a lost race with another change, the body is merged again.
func (s *API) updateIntegration(ctx context.Context, c *v4.Call) (v4.Response, error) {
	body, err := c.Object()
	if err != nil {
		return v4.Response{}, err
	}
	var sealed []byte             // new secret, the same for every attempt
	var proven *proto.Integration // version that passed the test
	for range store.MaxAttempts {
		old, err := s.integration(ctx, c)
		if err != nil {
			return v4.Response{}, err
		}
		i := *old.Value
		change, err := s.readIntegration(body, old.Value)
		if err != nil {
			return v4.Response{}, err
		}
		if change.sealed = sealed; sealed == nil {
			if err := change.seal(s.cfg.SealTo, i.ID); err != nil {
				return v4.Response{}, err
			}
			sealed = change.sealed
		}
		change.apply(&i)
		if !sameTarget(old.Value, &i) && (proven == nil || !sameTarget(proven, &i)) {
			if err := s.probe(ctx, c.Account, &i); err != nil {
				return v4.Response{}, err
			}
			copied := i
			proven = &copied
		}
		i.UpdatedAt = proto.At(s.store.Clock.Now())
		if rescheduled(old.Value, &i) {
			i.Schedule, i.ScheduledAt = old.Value.Schedule+1, i.UpdatedAt
		}
		revision, err := s.store.Put(ctx, c.Account, topology.KindIntegration, i.ID, &i, store.PriorOf(old))
		if errors.Is(err, bus.ErrConflict) {
			continue
		}
		a := v4.Response{Result: viewIntegration(&i), Revision: revision}
		if i.Name != old.Value.Name {
			a.Messages = s.sameIntegrationName(c, &i)
		}
		return a, err
	}
	return v4.Response{}, v4.ErrConflict
}

// sameTarget reports whether two versions of an integration call the same API with the same credentials.
func sameTarget(a, b *proto.Integration) bool {
	return a.APIURL == b.APIURL && a.ClientID == b.ClientID && bytes.Equal(a.SealedSecret, b.SealedSecret)
}

// rescheduled reports whether a poll is due at once after a change.
func rescheduled(before, after *proto.Integration) bool {
	return !sameTarget(before, after) || before.Interval != after.Interval || before.Paused && !after.Paused
}

// deleteIntegration deletes an integration. Its checks stay, since they belong to the account and can be given another
// integration; the evaluators close their results.
func (s *API) deleteIntegration(ctx context.Context, c *v4.Call) (v4.Response, error) {
	for range store.MaxAttempts {
		i, err := s.integration(ctx, c)
		if err != nil {
			return v4.Response{}, err
		}
		var users []string
		for _, check := range s.store.Catalog.Checks(c.Account, i.Value.ID) {
			users = v4.Union(users, s.checkUsers(c.Account, check.Value.ID))
		}
		if err := resource.InUse("posture integration, through its rules,", users); err != nil {
			return v4.Response{}, err
		}
		err = s.store.Remove(ctx, c.Account, topology.KindIntegration, i.Value.ID, store.PriorOf(i))
		if errors.Is(err, bus.ErrConflict) {
			continue
		}
		return v4.OK(nil), err
	}
	return v4.Response{}, v4.ErrConflict
}

var errNoIntegration = v4.Errorf(http.StatusNotFound, v4.CodeUnknownIntegration, "posture integration not found")

// unsupportedType returns the type of an integration or a check if it is stored but not polled or evaluated.
func unsupportedType(name string) []string {
	if name == proto.TypeCustomS2S {
		return nil
	}
	return []string{name}
}
