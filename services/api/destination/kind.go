package destination

import (
	"context"
	"net/http"

	"plumbline.dev/bus/topology"
	"plumbline.dev/proto"
	"plumbline.dev/services/api/openapi"
	"plumbline.dev/services/api/permission"
	"plumbline.dev/services/api/resource"
	"plumbline.dev/services/api/store"
	"plumbline.dev/services/api/v4"
	"plumbline.dev/services/internal/catalog"
)

const path = "/plumbline/destinations"

func (s *API) newKind() *resource.Kind[proto.Destination, *proto.Destination] {
	return &resource.Kind[proto.Destination, *proto.Destination]{
		Store: s.store, Name: "destination", Kind: topology.KindDestination, Path: path, Scope: permission.Destinations,
		NotFound: errNotFound,
		Find:     resource.ByID(s.store.Catalog.Destination),
		Items: func(a proto.Account) []*store.Item[catalog.Record[proto.Destination]] {
			return store.ByAge(s.store.Catalog.DestinationsOf(a),
				func(r catalog.Record[proto.Destination]) (proto.ID, proto.Millis) {
					return r.Value.ID, r.Value.CreatedAt
				})
		},
		Meta: func(_ proto.Account, d *proto.Destination) resource.Meta {
			return resource.Meta{ID: d.ID, Name: d.Name}
		},
		New: func(_ *v4.Call, now proto.Millis) proto.Destination {
			return proto.Destination{ID: proto.NewID(), CreatedAt: now, UpdatedAt: now}
		},
		Next: func(old *proto.Destination, now proto.Millis) proto.Destination {
			return proto.Destination{ID: old.ID, CreatedAt: old.CreatedAt, UpdatedAt: now, Secrets: old.Secrets,
				Replays: old.Replays, ReplayFrom: old.ReplayFrom}
		},
		Decode: s.decode,
		View:   func(a proto.Account, d *proto.Destination) any { return s.view(a, d) },
		Basis: func(r catalog.Record[proto.Destination]) store.Basis {
			return store.Basis{s.states.Revision(r.Account, r.Value.ID)}
		},
		Doc: openapi.Resource{
			One: "a destination", Many: "destinations, the oldest first", View: openapi.Ref("Destination"),
			Body: openapi.Ref("DestinationBody"), Deleted: openapi.Of[v4.IDOnly](),
			BodyDetails: "The response to a create has the secret that signs the messages. No other response has it. " +
				"The URL and the values of headers are never returned.",
		},
	}
}

// routes returns the routes of the kind, with a create that returns the secret, and those of actions.
func (s *API) routes() []v4.Route {
	routes := s.kind.Routes()
	for n, r := range routes {
		if r.Method == http.MethodPost {
			routes[n].Handle = s.create
		}
	}
	one := v4.AccountPath + path + "/{id}"
	return append(routes,
		v4.Route{Method: http.MethodPost, Path: one + "/test", Scope: permission.Destinations, Handle: s.test},
		v4.Route{Method: http.MethodPost, Path: one + "/replay", Scope: permission.Destinations, Handle: s.replay},
		v4.Route{Method: http.MethodPost, Path: one + "/rotate", Scope: permission.Destinations, Handle: s.rotate},
	)
}

// create stores a new destination with a secret, which only this response has.
func (s *API) create(ctx context.Context, c *v4.Call) (v4.Response, error) {
	body, err := c.Object()
	if err == nil {
		err = s.store.Fresh(ctx)
	}
	if err != nil {
		return v4.Response{}, err
	}
	d := s.kind.New(c, proto.At(s.store.Clock.Now()))
	if err := s.decode(c.Account, body, &d, nil); err != nil {
		return v4.Response{}, err
	}
	if len(s.store.Catalog.DestinationsOf(c.Account)) >= proto.MaxDestinations {
		return v4.Response{}, v4.Errorf(http.StatusConflict, v4.CodeConflict,
			"the account already has the maximum of %d destinations", proto.MaxDestinations)
	}
	secret, err := s.newSecret(body, &d)
	if err != nil {
		return v4.Response{}, err
	}
	revision, err := s.store.Put(ctx, c.Account, topology.KindDestination, d.ID, &d, store.Prior{})
	if err != nil {
		return v4.Response{}, err
	}
	return v4.Response{Status: http.StatusCreated, Revision: revision, Result: withSecret{s.view(c.Account, &d), secret},
		Messages: s.kind.SameName(c, &d, nil)}, nil
}

var errNotFound = v4.Errorf(http.StatusNotFound, v4.CodeNotFound, "destination not found")
