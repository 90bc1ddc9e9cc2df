package access

import (
	"context"
	"encoding/json"
	"errors"
	"net/http"
	"slices"
	"strings"

	"plumbline.dev/bus"
	"plumbline.dev/bus/topology"
	"plumbline.dev/proto"
	"plumbline.dev/services/api/permission"
	"plumbline.dev/services/api/resource"
	"plumbline.dev/services/api/store"
	"plumbline.dev/services/api/v4"
	"plumbline.dev/services/internal/catalog"
	"plumbline.dev/services/internal/ownedmember"
	"plumbline.dev/services/internal/policy"
)

func (s *API) groupRoutes() []v4.Route {
	const all, one = v4.AccountPath + "/access/groups", v4.AccountPath + "/access/groups/{id}"
	return []v4.Route{
		{Method: http.MethodGet, Path: all, Scope: permission.Organization, Handle: s.listGroups, Zones: true},
		{Method: http.MethodPost, Path: all, Scope: permission.Organization, Handle: s.createGroup, Zones: true},
		{Method: http.MethodGet, Path: one, Scope: permission.Organization, Handle: s.getGroup, Zones: true},
		{Method: http.MethodPut, Path: one, Scope: permission.Organization, Handle: s.updateGroup, Zones: true},
		{Method: http.MethodDelete, Path: one, Scope: permission.Organization, Handle: s.deleteGroup, Zones: true},
	}
}

// readGroup reads a whole group and keeps what was sent. Id, zone and times are the caller's.
func (s *API) readGroup(a proto.Account, body v4.Object, g *proto.Group) error {
	var err error
	if g.Name, err = body.Line("name"); err != nil {
		return err
	}
	if g.Name == "" {
		return v4.Invalid("a group needs a name")
	}
	for member, rules := range map[string]*[]proto.Rule{"include": &g.Include, "exclude": &g.Exclude, "require": &g.Require} {
		if *rules, err = readRules(body, member); err != nil {
			return err
		}
	}
	if len(g.Include) == 0 {
		return v4.Invalid("a group needs at least one rule in include")
	}
	if err := v4.CheckMembers(body, map[string]v4.MemberKind{"is_default": v4.BoolMember}); err != nil {
		return err
	}
	g.Sent = body.EncodeSanitized(slices.Concat(ownedmember.Common(), []string{"include", "exclude", "require"})...)
	if err := s.groupsThere(a, g.Include, g.Exclude, g.Require); err != nil {
		return err
	}
	return s.endsSomewhere(a, g)
}

// groupsThere refuses rules about a group that is not there (api/README.md 1.6).
func (s *API) groupsThere(a proto.Account, lists ...[]proto.Rule) error {
	for _, id := range groupsIn(lists...) {
		if _, found := s.store.Catalog.Group(a, id); !found {
			return v4.Errorf(http.StatusBadRequest, v4.CodeNoSuchGroup, "access.api.error.invalid_request: failed to load group %s", id)
		}
	}
	return nil
}

// endsSomewhere refuses a group that would contain itself: nobody could say who is in it.
func (s *API) endsSomewhere(a proto.Account, g *proto.Group) error {
	seen := map[proto.ID]bool{}
	next := groupsIn(g.Include, g.Exclude, g.Require)
	for len(next) > 0 {
		id := next[0]
		if next = next[1:]; id == g.ID {
			return v4.Invalid("the group would contain itself, by way of the groups that it names")
		}
		if inner, found := s.store.Catalog.Group(a, id); found && !seen[id] {
			next = append(next, groupsIn(inner.Value.Include, inner.Value.Exclude, inner.Value.Require)...)
		}
		seen[id] = true
	}
	return nil
}

// groupsIn are the groups that rules name.
func groupsIn(lists ...[]proto.Rule) []proto.ID {
	var ids []proto.ID
	anyRule(func(r proto.Rule) bool {
		if r.Selector == "group" {
			named, _ := v4.Decode(r.Body).Text("id")
			if id, err := proto.ParseID(named); err == nil {
				ids = append(ids, id)
			}
		}
		return false
	}, lists...)
	return ids
}

func (s *API) viewGroup(a proto.Account, g *proto.Group) json.RawMessage {
	unsupported := v4.Union(policy.Unsupported(g.Include, g.Exclude, g.Require), s.absent(a, g.Include, g.Exclude, g.Require))
	return v4.Splice(g.Sent, struct {
		ID          proto.ID                     `json:"id"`
		UID         proto.ID                     `json:"uid"`
		Include     []map[string]json.RawMessage `json:"include"`
		Exclude     []map[string]json.RawMessage `json:"exclude"`
		Require     []map[string]json.RawMessage `json:"require"`
		Unsupported []string                     `json:"x_unsupported,omitempty"`
		CreatedAt   v4.Timestamp                 `json:"created_at"`
		UpdatedAt   v4.Timestamp                 `json:"updated_at"`
	}{g.ID, g.ID, viewRules(g.Include), viewRules(g.Exclude), viewRules(g.Require),
		unsupported, v4.Timestamp(g.CreatedAt), v4.Timestamp(g.UpdatedAt)})
}

func (s *API) listGroups(ctx context.Context, c *v4.Call) (v4.Response, error) {
	if err := s.store.Fresh(ctx); err != nil {
		return v4.Response{}, err
	}
	q := c.URL.Query()
	all := s.index.account(c.Account).groups.All()
	if c.Zoned() || v4.HasParam(q, "name", "search") {
		name, search := q.Get("name"), strings.ToLower(q.Get("search"))
		all = store.Filter(all, func(g catalog.Record[proto.Group]) bool {
			return c.Sees(g.Value.Zone) && (name == "" || g.Value.Name == name) && strings.Contains(strings.ToLower(g.Value.Name), search)
		})
	}
	part, info, err := v4.Page(q, all)
	if err != nil {
		return v4.Response{}, err
	}
	views, err := store.EncodeAll(part, func(catalog.Record[proto.Group]) store.Basis { return store.Basis{s.referred()} },
		func(g catalog.Record[proto.Group]) any { return s.viewGroup(c.Account, g.Value) })
	return v4.Response{Result: views, Info: info}, err
}

// group finds the one that the path names.
func (s *API) group(ctx context.Context, c *v4.Call) (catalog.Record[proto.Group], error) {
	return resource.InScope(c, errNoGroup, func(g *proto.Group) proto.Account { return g.Zone })(resource.Find(ctx, s.store.Fresh, c, s.store.Catalog.Group, errNoGroup))
}

func (s *API) getGroup(ctx context.Context, c *v4.Call) (v4.Response, error) {
	g, err := s.group(ctx, c)
	if err != nil {
		return v4.Response{}, err
	}
	return v4.Response{Result: s.viewGroup(c.Account, g.Value), Revision: g.Revision}, nil
}

func (s *API) createGroup(ctx context.Context, c *v4.Call) (v4.Response, error) {
	body, err := c.Object()
	if err == nil {
		err = s.store.Fresh(ctx)
	}
	if err != nil {
		return v4.Response{}, err
	}
	now := proto.At(s.store.Clock.Now())
	g := proto.Group{ID: proto.NewID(), CreatedAt: now, UpdatedAt: now, Zone: c.Zone}
	if err := s.readGroup(c.Account, body, &g); err != nil {
		return v4.Response{}, err
	}
	revision, err := s.store.Put(ctx, c.Account, topology.KindGroup, g.ID, &g, store.Prior{})
	return v4.Response{Status: http.StatusCreated, Result: s.viewGroup(c.Account, &g), Revision: revision, Messages: s.sameGroupName(c, &g)}, err
}

func (s *API) updateGroup(ctx context.Context, c *v4.Call) (v4.Response, error) {
	body, err := c.Object()
	if err != nil {
		return v4.Response{}, err
	}
	old, err := s.group(ctx, c)
	if err != nil {
		return v4.Response{}, err
	}
	g := proto.Group{ID: old.Value.ID, CreatedAt: old.Value.CreatedAt, UpdatedAt: proto.At(s.store.Clock.Now()), Zone: old.Value.Zone}
	if err := s.readGroup(c.Account, body, &g); err != nil {
		return v4.Response{}, err
	}
	revision, err := s.store.Put(ctx, c.Account, topology.KindGroup, g.ID, &g, store.PriorOf(old))
	a := v4.Response{Result: s.viewGroup(c.Account, &g), Revision: revision}
	if g.Name != old.Value.Name {
		a.Messages = s.sameGroupName(c, &g)
	}
	return a, err
}

// deleteGroup refuses while a policy or another group names the group: who they let in would change unseen.
func (s *API) deleteGroup(ctx context.Context, c *v4.Call) (v4.Response, error) {
	for range store.MaxAttempts {
		g, err := s.group(ctx, c)
		if err != nil {
			return v4.Response{}, err
		}
		names := func(r proto.Rule) bool { return r.Selector == "group" && ruleNames(r, "id", g.Value.ID) }
		if err := resource.InUse("group", s.rulesWith(c.Account, g.Value.ID, names)); err != nil {
			return v4.Response{}, err
		}
		err = s.store.Remove(ctx, c.Account, topology.KindGroup, g.Value.ID, store.PriorOf(g))
		if errors.Is(err, bus.ErrConflict) {
			continue
		}
		return v4.Response{Status: http.StatusAccepted, Result: v4.IDOnly{ID: g.Value.ID}}, err
	}
	return v4.Response{}, v4.ErrConflict
}

var errNoGroup = v4.Errorf(http.StatusNotFound, v4.CodeUnknownGroup, "access.api.error.not_found")
