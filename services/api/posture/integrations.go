package posture

import (
	"bytes"
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

// newIntegrations returns the kind of integrations. Its checks stay when an integration is deleted, since they belong
// to the account and can be given another integration; the evaluators close their results.
func (s *API) newIntegrations() *resource.Kind[proto.Integration, *proto.Integration] {
	return &resource.Kind[proto.Integration, *proto.Integration]{
		Store: s.store, Name: "integration", Kind: topology.KindIntegration, Path: "/devices/posture/integration",
		Scope: permission.Posture, Unpaged: true, Patch: true, PlainStatus: true, NotFound: errNoIntegration,
		Find: resource.ByID(s.store.Catalog.Integration),
		Items: func(a proto.Account) []*store.Item[catalog.Record[proto.Integration]] {
			return store.ByAge(s.store.Catalog.IntegrationsOf(a),
				func(r catalog.Record[proto.Integration]) (proto.ID, proto.Millis) {
					return r.Value.ID, r.Value.CreatedAt
				})
		},
		Meta: func(_ proto.Account, i *proto.Integration) resource.Meta {
			return resource.Meta{ID: i.ID, Name: i.Name}
		},
		New: func(_ *v4.Call, now proto.Millis) proto.Integration {
			return proto.Integration{ID: proto.NewID(), CreatedAt: now, UpdatedAt: now, Schedule: 1, ScheduledAt: now}
		},
		Decode: func(_ proto.Account, body v4.Object, i, _ *proto.Integration) error {
			change, err := s.readIntegration(body, nil)
			if err == nil {
				err = change.seal(s.cfg.SealTo, i.ID)
			}
			if err == nil {
				change.apply(i)
			}
			return err
		},
		Create: s.createIntegration,
		Update: s.updateIntegration,
		Unused: s.integrationUnused,
		View:   func(_ proto.Account, i *proto.Integration) any { return viewIntegration(i) },
		// A deletion has no result.
		Deleted: func(*proto.Integration) any { return nil },
		Doc: openapi.Resource{
			One: "an integration", Many: "integrations, the oldest first", View: openapi.Ref("Integration"),
			Body: openapi.Ref("IntegrationBody"),
			BodyDetails: "The scoring API of a custom_s2s integration is called once; the integration is rejected if the " +
				"call fails. Integrations of other types are stored and returned, but never polled.",
		},
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

// createIntegration stores a new integration if its scoring API passes the test.
func (s *API) createIntegration(ctx context.Context, a proto.Account, i *proto.Integration) (uint64, error) {
	if i.Type == proto.TypeCustomS2S {
		if err := s.probe(ctx, a, i); err != nil {
			return 0, err
		}
	}
	return s.store.Put(ctx, a, topology.KindIntegration, i.ID, i, store.Prior{})
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
		old, err := s.integrations.Named(ctx, c)
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
		return v4.Response{Result: viewIntegration(&i), Revision: revision,
			Messages: s.integrations.SameName(c, &i, old.Value)}, err
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

// integrationUnused returns an error while a policy or a group names a check of the integration.
func (s *API) integrationUnused(a proto.Account, i *proto.Integration) error {
	var users []string
	for _, check := range s.store.Catalog.Checks(a, i.ID) {
		users = v4.Union(users, s.checkUsers(a, check.Value.ID))
	}
	return resource.InUse("posture integration, through its rules,", users)
}

var errNoIntegration = v4.Errorf(http.StatusNotFound, v4.CodeUnknownIntegration, "posture integration not found")

// unsupportedType returns the type of an integration or a check if it is stored but not polled or evaluated.
func unsupportedType(name string) []string {
	if name == proto.TypeCustomS2S {
		return nil
	}
	return []string{name}
}
