package resource

import (
	"context"
	"errors"
	"net/http"
	"net/url"

	"plumbline.dev/bus"
	"plumbline.dev/bus/topology"
	"plumbline.dev/proto"
	"plumbline.dev/services/api/openapi"
	"plumbline.dev/services/api/store"
	"plumbline.dev/services/api/v4"
	"plumbline.dev/services/internal/catalog"
)

// Kind serves one kind of resource in CONFIG. It implements list, get, create, update and delete; its fields define
// what is specific to the kind. Fields are required unless marked optional.
type Kind[T any, M interface {
	*T
	proto.Message
}] struct {
	Store *store.Store
	// Name is the name of the kind in messages, such as "group".
	Name string
	// Kind is the kind in the keys of CONFIG, and in the audit log.
	Kind topology.Kind
	// Path is the path under the account, such as "/access/groups".
	Path string
	// Param is the path parameter that identifies a resource; "" means "id". Optional.
	Param string
	Scope v4.Scope
	// Zones is set if the routes exist under zones, too.
	Zones bool
	// TextMessages is that of the routes. Optional.
	TextMessages bool
	// Unpaged is set if a list has every resource, whatever the query. Optional.
	Unpaged bool
	// Patch is set if an update is a PATCH in place of a PUT. Update is required then. Optional.
	Patch bool
	// Fixed is set if a resource cannot be changed: there is no update. Optional; Next is not used then.
	Fixed bool
	// PlainStatus is set if a create and a deletion are answered with 200, in place of 201 and 202. Optional.
	PlainStatus bool
	// NotFound is the error about a resource that does not exist.
	NotFound *v4.Error

	// Records holds the resources. Optional if Find and Items are set.
	Records *catalog.Table[T]
	// Find finds a resource in the view of CONFIG by the path parameter. Optional with Records; the default is by id.
	Find func(a proto.Account, name string) (catalog.Record[T], bool)
	// Items returns the resources of an account, the oldest first. Optional with Records; the default sorts them at each
	// list, which suits kinds with few resources.
	Items func(proto.Account) []*store.Item[catalog.Record[T]]
	// Query returns an error if the query of a list is invalid. Optional.
	Query func(url.Values) error
	// Filter returns the filter for the query of a list, or nil if it has none. Optional.
	Filter func(url.Values) func(*T) bool

	// Meta returns the metadata of a resource.
	Meta func(proto.Account, *T) Meta
	// New returns a new resource with everything except the contents of its body.
	New func(c *v4.Call, now proto.Millis) T
	// Next returns the parts of a resource that an update keeps.
	Next func(old *T, now proto.Millis) T
	// Decode reads a whole body into a resource. old is the resource that it replaces, or nil if there is none. It checks
	// references to other resources; the view of CONFIG is in sync.
	Decode func(a proto.Account, body v4.Object, into, old *T) error
	// Permit returns an error if the caller may not store the resource, although they may edit the kind. old is nil at a
	// create. Optional.
	Permit func(c *v4.Call, t, old *T) error
	// Create stores a new resource. Optional; the default is a plain put.
	Create func(ctx context.Context, a proto.Account, t *T) (uint64, error)
	// Guard returns an error if an update must not be stored. Optional.
	Guard func(ctx context.Context, c *v4.Call, t, old *T) error
	// Stored is called after a create or an update, before the response. It undoes the change if it returns an error.
	// Optional.
	Stored func(ctx context.Context, a proto.Account, t, old *T, revision uint64) error
	// Update replaces the handler of updates. Optional.
	Update func(ctx context.Context, c *v4.Call) (v4.Response, error)
	// Unused returns an error if something refers to a resource that is about to be deleted. Optional; the default is
	// that nothing does.
	Unused func(proto.Account, *T) error

	// View returns a resource as the API shows it.
	View func(proto.Account, *T) any
	// Basis returns everything that the view depends on beside the resource itself. Optional; the default is nothing.
	Basis func(catalog.Record[T]) store.Basis
	// Changed returns the view in the response to a create or an update. Optional; the default is View.
	Changed func(a proto.Account, t, old *T) any
	// Notices returns further messages about a stored change, beside the one about a duplicate name. Optional.
	Notices func(ctx context.Context, a proto.Account, t, old *T) []v4.Notice
	// Deleted returns the result of a deletion. Optional; the default is the id.
	Deleted func(*T) any

	// Doc describes the resource. The kind adds the path and the statuses.
	Doc openapi.Resource
	// Schemas returns the schemas that Doc names with [openapi.Ref]. Optional.
	Schemas func() openapi.Members
}

// Meta is the metadata of a resource.
type Meta struct {
	ID   proto.ID
	Name string        // for a message if another resource has it too; empty: no message
	Zone proto.Account // zero: outside of zones
	// Created is the time of the creation. Only the default of Items needs it.
	Created proto.Millis
}

func (k *Kind[T, M]) param() string {
	if k.Param == "" {
		return "id"
	}
	return k.Param
}

// Routes returns the routes of the operations.
func (k *Kind[T, M]) Routes() []v4.Route {
	all := v4.AccountPath + k.Path
	one := all + "/{" + k.param() + "}"
	update, method := k.update, http.MethodPut
	if k.Patch {
		method = http.MethodPatch
	}
	if k.Update != nil {
		update = k.Update
	}
	routes := []v4.Route{
		{Method: http.MethodGet, Path: all, Scope: k.Scope, Handle: k.list, Zones: k.Zones},
		{Method: http.MethodPost, Path: all, Scope: k.Scope, Handle: k.create, Zones: k.Zones},
		{Method: http.MethodGet, Path: one, Scope: k.Scope, Handle: k.get, Zones: k.Zones},
		{Method: http.MethodDelete, Path: one, Scope: k.Scope, Handle: k.delete, Zones: k.Zones},
	}
	if !k.Fixed {
		routes = append(routes, v4.Route{Method: method, Path: one, Scope: k.Scope, Handle: update, Zones: k.Zones})
	}
	if k.TextMessages {
		return v4.WithTextMessages(routes)
	}
	return routes
}

// Operations describes the operations.
func (k *Kind[T, M]) Operations() openapi.Operations {
	d := k.Doc
	d.Path, d.ID, d.Unpaged, d.Patch, d.Fixed = k.Path, "{"+k.param()+"}", k.Unpaged, k.Patch, k.Fixed
	d.CreateStatus, d.DeleteStatus = k.status(http.StatusCreated), k.status(http.StatusAccepted)
	return d.Operations()
}

// status returns the status of a success; usual is that of most kinds.
func (k *Kind[T, M]) status(usual int) int {
	if k.PlainStatus {
		return http.StatusOK
	}
	return usual
}

// Register registers the kind with the audit log.
func (k *Kind[T, M]) Register() {
	store.Register(k.Store, string(k.Kind), func(a proto.Account, m M) any { return k.View(a, (*T)(m)) })
}

// Named returns the resource that the path names, including the newest acknowledged write. It returns an error if the
// revision does not match If-Match.
func (k *Kind[T, M]) Named(ctx context.Context, c *v4.Call) (catalog.Record[T], error) {
	if err := k.Store.Fresh(ctx); err != nil {
		return catalog.Record[T]{}, err
	}
	r, found := k.find(c.Account, c.PathValue(k.param()))
	if !found {
		return catalog.Record[T]{}, k.NotFound
	}
	if err := c.Precondition(r.Revision); err != nil {
		return r, err
	}
	if !c.Sees(k.Meta(c.Account, r.Value).Zone) {
		return catalog.Record[T]{}, k.NotFound
	}
	return r, nil
}

func (k *Kind[T, M]) list(ctx context.Context, c *v4.Call) (v4.Response, error) {
	if err := k.Store.Fresh(ctx); err != nil {
		return v4.Response{}, err
	}
	q := c.URL.Query()
	if k.Query != nil {
		if err := k.Query(q); err != nil {
			return v4.Response{}, err
		}
	}
	items := k.items(c.Account)
	var wanted func(*T) bool
	if k.Filter != nil {
		wanted = k.Filter(q)
	}
	if c.Zoned() || wanted != nil {
		items = store.Filter(items, func(r catalog.Record[T]) bool {
			return c.Sees(k.Meta(c.Account, r.Value).Zone) && (wanted == nil || wanted(r.Value))
		})
	}
	part, info := items, v4.SinglePage(len(items))
	if !k.Unpaged {
		var err error
		if part, info, err = v4.Page(q, items); err != nil {
			return v4.Response{}, err
		}
	}
	views, err := store.EncodeAll(part, k.basis, func(r catalog.Record[T]) any { return k.View(c.Account, r.Value) })
	return v4.Response{Result: views, Info: info}, err
}

func (k *Kind[T, M]) get(ctx context.Context, c *v4.Call) (v4.Response, error) {
	r, err := k.Named(ctx, c)
	if err != nil {
		return v4.Response{}, err
	}
	return v4.Response{Result: k.View(c.Account, r.Value), Revision: r.Revision}, nil
}

func (k *Kind[T, M]) create(ctx context.Context, c *v4.Call) (v4.Response, error) {
	body, err := c.Object()
	if err == nil {
		err = k.Store.Fresh(ctx)
	}
	if err != nil {
		return v4.Response{}, err
	}
	t := k.New(c, proto.At(k.Store.Clock.Now()))
	if err := k.Decode(c.Account, body, &t, nil); err != nil {
		return v4.Response{}, err
	}
	if err := k.permit(c, &t, nil); err != nil {
		return v4.Response{}, err
	}
	var revision uint64
	if k.Create != nil {
		revision, err = k.Create(ctx, c.Account, &t)
	} else {
		revision, err = k.Store.Put(ctx, c.Account, k.Kind, k.Meta(c.Account, &t).ID, M(&t), store.Prior{})
	}
	if err != nil {
		return v4.Response{}, err
	}
	return k.changed(ctx, c, k.status(http.StatusCreated), &t, nil, revision)
}

func (k *Kind[T, M]) update(ctx context.Context, c *v4.Call) (v4.Response, error) {
	body, err := c.Object()
	if err != nil {
		return v4.Response{}, err
	}
	old, err := k.Named(ctx, c)
	if err != nil {
		return v4.Response{}, err
	}
	t := k.Next(old.Value, proto.At(k.Store.Clock.Now()))
	if err := k.Decode(c.Account, body, &t, old.Value); err != nil {
		return v4.Response{}, err
	}
	if err := k.permit(c, &t, old.Value); err != nil {
		return v4.Response{}, err
	}
	if k.Guard != nil {
		if err := k.Guard(ctx, c, &t, old.Value); err != nil {
			return v4.Response{}, err
		}
	}
	revision, err := k.Store.Put(ctx, c.Account, k.Kind, k.Meta(c.Account, &t).ID, M(&t), store.PriorOf[T, M](old))
	if err != nil {
		return v4.Response{}, err
	}
	return k.changed(ctx, c, http.StatusOK, &t, old.Value, revision)
}

func (k *Kind[T, M]) permit(c *v4.Call, t, old *T) error {
	if k.Permit == nil {
		return nil
	}
	return k.Permit(c, t, old)
}

// changed returns the response about a resource that was stored.
func (k *Kind[T, M]) changed(ctx context.Context, c *v4.Call, status int, t, old *T,
	revision uint64) (v4.Response, error) {
	if k.Stored != nil {
		if err := k.Stored(ctx, c.Account, t, old, revision); err != nil {
			return v4.Response{}, err
		}
	}
	r := v4.Response{Status: status, Revision: revision}
	if k.Changed != nil {
		r.Result = k.Changed(c.Account, t, old)
	} else {
		r.Result = k.View(c.Account, t)
	}
	if k.Notices != nil {
		r.Messages = k.Notices(ctx, c.Account, t, old)
	}
	r.Messages = append(r.Messages, k.SameName(c, t, old)...)
	return r, nil
}

// SameName returns a message if a create or an update gives a resource the name of another one.
func (k *Kind[T, M]) SameName(c *v4.Call, t, old *T) []v4.Notice {
	meta := k.Meta(c.Account, t)
	if meta.Name != "" && (old == nil || k.Meta(c.Account, old).Name != meta.Name) {
		return SameName(k.Name, meta.Name, meta.ID, Items(k.items(c.Account), func(o catalog.Record[T]) string {
			other := k.Meta(c.Account, o.Value)
			return c.Visible(other.Zone, other.Name)
		}))
	}
	return nil
}

// delete deletes a resource unless something refers to it. It tries again after a lost race.
func (k *Kind[T, M]) delete(ctx context.Context, c *v4.Call) (v4.Response, error) {
	for range store.MaxAttempts {
		r, err := k.Named(ctx, c)
		if err == nil {
			err = k.unused(c.Account, r.Value)
		}
		if err != nil {
			return v4.Response{}, err
		}
		id := k.Meta(c.Account, r.Value).ID
		err = k.Store.Remove(ctx, c.Account, k.Kind, id, store.PriorOf[T, M](r))
		if errors.Is(err, bus.ErrConflict) {
			continue
		}
		var result any = v4.IDOnly{ID: id}
		if k.Deleted != nil {
			result = k.Deleted(r.Value)
		}
		return v4.Response{Status: k.status(http.StatusAccepted), Result: result}, err
	}
	return v4.Response{}, v4.ErrConflict
}

// ByID returns a Find function that parses the name as an id.
func ByID[T any](
	find func(proto.Account, proto.ID) (catalog.Record[T], bool),
) func(proto.Account, string) (catalog.Record[T], bool) {
	return func(a proto.Account, name string) (catalog.Record[T], bool) {
		id, err := proto.ParseID(name)
		if err != nil || id.IsZero() {
			return catalog.Record[T]{}, false
		}
		return find(a, id)
	}
}
