package access

import (
	"context"
	"crypto/rand"
	"encoding/hex"
	"encoding/json"
	"errors"
	"net/http"
	"net/url"
	"slices"
	"strings"

	"plumbline.dev/bus"
	"plumbline.dev/bus/topology"
	"plumbline.dev/proto"
	"plumbline.dev/services/api/permission"
	"plumbline.dev/services/api/resource"
	"plumbline.dev/services/api/store"
	"plumbline.dev/services/api/v4"
	"plumbline.dev/services/internal/appmatch"
	"plumbline.dev/services/internal/catalog"
)

// applicationPart returns applications and their policies as a part of the API.
func (s *API) applicationPart() resource.Part {
	return resource.Part{
		Register: func() {
			store.Register(s.store, string(topology.KindApplication),
				func(a proto.Account, app *proto.Application) any { return s.showApplication(a, app) })
		},
		Routes: s.applicationRoutes, Operations: applicationOperations, Schemas: applicationSchemas,
	}
}

func (s *API) applicationRoutes() []v4.Route {
	const all, one = v4.AccountPath + "/access/apps", v4.AccountPath + "/access/apps/{id}"
	return v4.WithTextMessages(append([]v4.Route{
		{Method: http.MethodGet, Path: all, Scope: permission.Apps, Handle: s.listApplications, Zones: true},
		{Method: http.MethodPost, Path: all, Scope: permission.Apps, Handle: s.createApplication, Zones: true},
		{Method: http.MethodGet, Path: one, Scope: permission.Apps, Handle: s.getApplication, Zones: true},
		{Method: http.MethodPut, Path: one, Scope: permission.Apps, Handle: s.updateApplication, Zones: true},
		{Method: http.MethodDelete, Path: one, Scope: permission.Apps, Handle: s.deleteApplication, Zones: true},
		{Method: http.MethodPost, Path: one + "/revoke_tokens", Scope: permission.Apps, Handle: s.revokeTokens, Zones: true},
		{Method: http.MethodPost, Path: one + "/revoke-tokens", Scope: permission.Apps, Handle: s.revokeTokens, Zones: true},
		// spelling of the Go SDK v0
		{Method: http.MethodPut, Path: one + "/settings", Scope: permission.Apps, Handle: s.changeSettings, Zones: true},
		{Method: http.MethodPatch, Path: one + "/settings", Scope: permission.Apps, Handle: s.changeSettings, Zones: true},
	}, s.appPolicyRoutes()...))
}

// viewApplication returns an application as responses show it: the body as sent, with our members (api/README.md 3.3).
func (s *API) viewApplication(a proto.Account, app *proto.Application) json.RawMessage {
	policies, unsupported := s.viewLinks(a, app.Policies)
	return v4.Splice(app.Sent, struct {
		ID          proto.ID          `json:"id"`
		UID         proto.ID          `json:"uid"`
		AUD         string            `json:"aud"`
		Policies    []json.RawMessage `json:"policies"`
		OriginURL   string            `json:"x_origin_url,omitempty"`
		Unsupported []string          `json:"x_unsupported,omitempty"`
		CreatedAt   v4.Timestamp      `json:"created_at"`
		UpdatedAt   v4.Timestamp      `json:"updated_at"`
	}{app.ID, app.ID, app.AUD, policies, app.OriginURL, v4.Union(s.unsupportedApplication(a, app), unsupported),
		v4.Timestamp(app.CreatedAt), v4.Timestamp(app.UpdatedAt)})
}

func (s *API) listApplications(ctx context.Context, c *v4.Call) (v4.Response, error) {
	if err := s.store.Fresh(ctx); err != nil {
		return v4.Response{}, err
	}
	q := c.URL.Query()
	all := s.index.Account(c.Account).Applications.All()
	if c.Zoned() || v4.HasParam(q, "aud", "name", "domain", "search") {
		wants := applicationFilter(q)
		all = store.Filter(all, func(app catalog.Record[proto.Application]) bool {
			return c.Sees(app.Value.Zone) &&
				wants(app.Value)
		})
	}
	part, info, err := v4.Page(q, all)
	if err != nil {
		return v4.Response{}, err
	}
	views, err := store.EncodeAll(part, s.shownPolicies, func(app catalog.Record[proto.Application]) any {
		return s.viewApplication(c.Account, app.Value)
	})
	return v4.Response{Result: views, Info: info}, err
}

// shownPolicies returns the basis of an application's view: the current state of its policies.
func (s *API) shownPolicies(app catalog.Record[proto.Application]) store.Basis {
	var newest, n uint64
	for _, link := range app.Value.Policies {
		if p, found := s.store.Catalog.Policy(app.Account, link.Policy); found {
			newest, n = max(newest, p.Revision), n+1
		}
	}
	return store.Basis{newest, n, s.index.ReferenceVersion()}
}

// applicationFilter returns the filter of a list query (api/README.md 3.2). Names and domains match by substring unless
// exact is set.
func applicationFilter(q url.Values) func(*proto.Application) bool {
	aud, name, domain, search := q.Get("aud"), q.Get("name"), q.Get("domain"), strings.ToLower(q.Get("search"))
	match := func(value, wanted string) bool { return value == wanted }
	if q.Get("exact") != "true" {
		match, name, domain = v4.ContainsFold, strings.ToLower(name), strings.ToLower(domain)
	}
	return func(app *proto.Application) bool {
		return (aud == "" || aud == app.AUD) &&
			(name == "" || match(app.Name, name)) &&
			(domain == "" || slices.ContainsFunc(app.Domains, func(d string) bool { return match(d, domain) })) &&
			(search == "" || v4.ContainsFold(app.Name, search) || strings.Contains(app.AUD, search) ||
				slices.ContainsFunc(app.Domains, func(d string) bool { return v4.ContainsFold(d, search) }))
	}
}

func (s *API) getApplication(ctx context.Context, c *v4.Call) (v4.Response, error) {
	app, err := s.Application(ctx, c)
	if err != nil {
		return v4.Response{}, err
	}
	return v4.Response{Result: s.viewApplication(c.Account, app.Value), Revision: app.Revision}, nil
}

// Application returns the application that the path names.
func (s *API) Application(ctx context.Context, c *v4.Call) (catalog.Record[proto.Application], error) {
	return resource.InScope(c, errNoApplication, func(app *proto.Application) proto.Account { return app.Zone })(
		resource.Find(ctx, s.store.Fresh, c, s.store.Catalog.Application, errNoApplication))
}

func (s *API) createApplication(ctx context.Context, c *v4.Call) (v4.Response, error) {
	body, err := c.Object()
	if err != nil {
		return v4.Response{}, err
	}
	now := proto.At(s.store.Clock.Now())
	app := proto.Application{ID: proto.NewID(), AUD: newAUD(), CreatedAt: now, UpdatedAt: now, Zone: c.Zone}
	a, err := s.saveApplication(ctx, c, body, &app, catalog.Record[proto.Application]{})
	a.Status = http.StatusCreated
	a.Messages = s.sameApplicationName(c, &app)
	return a, err
}

// newAUD returns a random audience tag of 64 hex characters.
func newAUD() string {
	var b [32]byte
	rand.Read(b[:])
	return hex.EncodeToString(b[:])
}

// updateApplication replaces an application. Its AUD stays, and so do its policies and x_origin_url if the body does
// not have them.
func (s *API) updateApplication(ctx context.Context, c *v4.Call) (v4.Response, error) {
	body, err := c.Object()
	if err != nil {
		return v4.Response{}, err
	}
	old, err := s.Application(ctx, c)
	if err == nil {
		err = s.guardConsole(c, old.Value)
	}
	if err != nil {
		return v4.Response{}, err
	}
	app := proto.Application{ID: old.Value.ID, AUD: old.Value.AUD, CreatedAt: old.Value.CreatedAt,
		UpdatedAt: proto.At(s.store.Clock.Now()),
		Policies:  old.Value.Policies, Zone: old.Value.Zone}
	a, err := s.saveApplication(ctx, c, body, &app, old)
	if app.Name != old.Value.Name {
		a.Messages = s.sameApplicationName(c, &app)
	}
	return a, err
}

func (s *API) saveApplication(ctx context.Context, c *v4.Call, body v4.Object, app *proto.Application,
	old catalog.Record[proto.Application]) (v4.Response, error) {
	if err := readApplication(body, app, old.Value); err != nil {
		return v4.Response{}, err
	}
	for range store.MaxAttempts {
		reservations, err := s.store.Reserve(ctx, c.Account, newDestinations(app, old.Value))
		if err == nil && (len(reservations) > 0 || old.Value == nil) {
			err = s.store.Fresh(ctx) // after the reservations, whose writers it must see
		}
		if err == nil {
			err = s.checkDestinationsFree(c.Account, app)
		}
		if err == nil {
			err = s.zones.Check(c, app, newDestinations(app, old.Value))
		}
		if err == nil {
			err = s.guardConsoleHost(c, app, old.Value)
		}
		if err == nil {
			err = s.checkReferences(c.Account, body, app, old.Value)
		}
		var p linkPlan
		if err == nil {
			p, err = s.planOf(c.Account, body, app)
		}
		if err != nil {
			return v4.Response{}, err
		}
		revision, err := s.save(ctx, c.Account, app, p, store.PriorOf(old), reservations...)
		switch {
		case err == nil:
			err = s.store.Seen(ctx, revision) // the response shows the current policies
		case errors.Is(err, bus.ErrConflict) && len(reservations) > 0 && s.store.Fresh(ctx) == nil &&
			s.isUnchanged(c.Account, old, app.ID):
			continue // another request is reserving the same destination
		}
		if err != nil {
			return v4.Response{}, err
		}
		return v4.Response{Result: s.viewApplication(c.Account, app), Revision: revision}, nil
	}
	return v4.Response{}, v4.ErrConflict
}

// isUnchanged reports whether an application has not changed since old was read.
func (s *API) isUnchanged(a proto.Account, old catalog.Record[proto.Application], id proto.ID) bool {
	now, found := s.store.Catalog.Application(a, id)
	return found == (old.Value != nil) && now.Revision == old.Revision
}

// planOf plans the policies in the body, if it has any, and links them to the application.
func (s *API) planOf(a proto.Account, body v4.Object, app *proto.Application) (p linkPlan, err error) {
	if !body.Has("policies") {
		return p, nil
	}
	items, err := readItems(body["policies"])
	if err != nil {
		return p, err
	}
	if p, err = s.plan(a, app.ID, items, app.UpdatedAt); err == nil {
		app.Policies = p.links
	}
	return p, err
}

// checkDestinationsFree returns an error if another application has one of the destinations: requests to it could
// belong to either.
func (s *API) checkDestinationsFree(a proto.Account, app *proto.Application) error {
	for _, d := range app.Domains {
		p, err := appmatch.Parse(d)
		if err != nil {
			continue
		}
		if id, claimed := s.index.OtherOwner(a, p.String(), app.ID); claimed {
			name := ""
			if other, found := s.store.Catalog.Application(a, id); found {
				name = other.Value.Name
			}
			return v4.Errorf(http.StatusConflict, v4.CodeApplicationExists,
				"access.api.error.conflict: the destination %q belongs to the application %q", v4.Clip(d), v4.Clip(name))
		}
	}
	return nil
}

func (s *API) deleteApplication(ctx context.Context, c *v4.Call) (v4.Response, error) {
	for range store.MaxAttempts {
		app, err := s.Application(ctx, c)
		if err != nil {
			return v4.Response{}, err
		}
		if err := s.guardConsole(c, app.Value); err != nil {
			return v4.Response{}, err
		}
		owned := deletions(c.Account, s.index.OwnedBy(c.Account, app.Value.ID))
		_, err = s.store.Commit(ctx, c.Account, topology.Config,
			append(owned, store.ConfigWrite(c.Account, topology.KindApplication, app.Value.ID, nil, store.PriorOf(app)))...)
		if errors.Is(err, bus.ErrConflict) {
			continue
		}
		return v4.Response{Status: http.StatusAccepted, Result: v4.IDOnly{ID: app.Value.ID}}, err
	}
	return v4.Response{}, v4.ErrConflict
}

var errNoApplication = v4.Errorf(http.StatusNotFound, v4.CodeUnknownApplication, "access.api.error.unknown_application")

// showApplication returns an application for the audit log, with only the ids of its policies: changes of policies have
// their own events.
func (s *API) showApplication(a proto.Account, app *proto.Application) any {
	alone := *app
	alone.Policies = nil
	view := v4.Decode(s.viewApplication(a, &alone))
	type link struct {
		ID         proto.ID `json:"id"`
		Precedence int      `json:"precedence"`
	}
	links := make([]link, len(app.Policies))
	for n, l := range app.Policies {
		links[n] = link{l.Policy, l.Precedence}
	}
	view.Set("policies", links)
	return view
}

func (s *API) sameApplicationName(c *v4.Call, app *proto.Application) []v4.Notice {
	all := s.index.Account(c.Account).Applications.All()
	return resource.SameName("application", app.Name, app.ID, resource.Items(all,
		func(o catalog.Record[proto.Application]) string { return c.Visible(o.Value.Zone, o.Value.Name) }))
}
