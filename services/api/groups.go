package api

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
	"plumbline.dev/services/internal/catalog"
	"plumbline.dev/services/internal/ownedmember"
	"plumbline.dev/services/internal/policy"
)

func (s *Service) groupRoutes() []route {
	const all, one = accountPath + "/access/groups", accountPath + "/access/groups/{id}"
	return []route{
		{method: http.MethodGet, path: all, of: areaOrganization, handle: s.listGroups, zones: true},
		{method: http.MethodPost, path: all, of: areaOrganization, handle: s.createGroup, zones: true},
		{method: http.MethodGet, path: one, of: areaOrganization, handle: s.getGroup, zones: true},
		{method: http.MethodPut, path: one, of: areaOrganization, handle: s.updateGroup, zones: true},
		{method: http.MethodDelete, path: one, of: areaOrganization, handle: s.deleteGroup, zones: true},
	}
}

// readGroup reads a whole group and keeps what was sent. Id, zone and times are the caller's.
func (s *Service) readGroup(a proto.Account, body object, g *proto.Group) error {
	var err error
	if g.Name, err = body.line("name"); err != nil {
		return err
	}
	if g.Name == "" {
		return invalid("a group needs a name")
	}
	for member, rules := range map[string]*[]proto.Rule{"include": &g.Include, "exclude": &g.Exclude, "require": &g.Require} {
		if *rules, err = readRules(body, member); err != nil {
			return err
		}
	}
	if len(g.Include) == 0 {
		return invalid("a group needs at least one rule in include")
	}
	if err := checkMembers(body, map[string]memberKind{"is_default": boolMember}); err != nil {
		return err
	}
	g.Sent = body.kept(slices.Concat(ownedmember.Common(), []string{"include", "exclude", "require"})...)
	if err := s.groupsThere(a, g.Include, g.Exclude, g.Require); err != nil {
		return err
	}
	return s.endsSomewhere(a, g)
}

// groupsThere refuses rules about a group that is not there (api/README.md 1.6).
func (s *Service) groupsThere(a proto.Account, lists ...[]proto.Rule) error {
	for _, id := range groupsIn(lists...) {
		if _, found := s.catalog.Group(a, id); !found {
			return refuse(http.StatusBadRequest, codeNoSuchGroup, "access.api.error.invalid_request: failed to load group %s", id)
		}
	}
	return nil
}

// endsSomewhere refuses a group that would contain itself: nobody could say who is in it.
func (s *Service) endsSomewhere(a proto.Account, g *proto.Group) error {
	seen := map[proto.ID]bool{}
	next := groupsIn(g.Include, g.Exclude, g.Require)
	for len(next) > 0 {
		id := next[0]
		if next = next[1:]; id == g.ID {
			return invalid("the group would contain itself, by way of the groups that it names")
		}
		if inner, found := s.catalog.Group(a, id); found && !seen[id] {
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
			named, _ := stored(r.Body).text("id")
			if id, err := proto.ParseID(named); err == nil {
				ids = append(ids, id)
			}
		}
		return false
	}, lists...)
	return ids
}

func (s *Service) viewGroup(a proto.Account, g *proto.Group) json.RawMessage {
	unsupported := merged(policy.Unsupported(g.Include, g.Exclude, g.Require), s.absent(a, g.Include, g.Exclude, g.Require))
	return splice(g.Sent, struct {
		ID          proto.ID                     `json:"id"`
		UID         proto.ID                     `json:"uid"`
		Include     []map[string]json.RawMessage `json:"include"`
		Exclude     []map[string]json.RawMessage `json:"exclude"`
		Require     []map[string]json.RawMessage `json:"require"`
		Unsupported []string                     `json:"x_unsupported,omitempty"`
		CreatedAt   stamp                        `json:"created_at"`
		UpdatedAt   stamp                        `json:"updated_at"`
	}{g.ID, g.ID, viewRules(g.Include), viewRules(g.Exclude), viewRules(g.Require),
		unsupported, stamp(g.CreatedAt), stamp(g.UpdatedAt)})
}

func (s *Service) listGroups(ctx context.Context, c *call) (answer, error) {
	if err := s.fresh(ctx); err != nil {
		return answer{}, err
	}
	q := c.URL.Query()
	all := s.index.account(c.account).groups.all()
	if c.zoned() || filtered(q, "name", "search") {
		name, search := q.Get("name"), strings.ToLower(q.Get("search"))
		all = matching(all, func(g catalog.Record[proto.Group]) bool {
			return c.sees(g.Value.Zone) && (name == "" || g.Value.Name == name) && strings.Contains(strings.ToLower(g.Value.Name), search)
		})
	}
	part, info, err := paged(q, all)
	if err != nil {
		return answer{}, err
	}
	views, err := listed(part, func(catalog.Record[proto.Group]) basis { return basis{s.referred()} },
		func(g catalog.Record[proto.Group]) any { return s.viewGroup(c.account, g.Value) })
	return answer{result: views, info: info}, err
}

// group finds the one that the path names.
func (s *Service) group(ctx context.Context, c *call) (catalog.Record[proto.Group], error) {
	return inScope(c, errNoGroup, func(g *proto.Group) proto.Account { return g.Zone })(named(ctx, s, c, s.catalog.Group, errNoGroup))
}

func (s *Service) getGroup(ctx context.Context, c *call) (answer, error) {
	g, err := s.group(ctx, c)
	if err != nil {
		return answer{}, err
	}
	return answer{result: s.viewGroup(c.account, g.Value), revision: g.Revision}, nil
}

func (s *Service) createGroup(ctx context.Context, c *call) (answer, error) {
	body, err := c.object()
	if err == nil {
		err = s.fresh(ctx)
	}
	if err != nil {
		return answer{}, err
	}
	now := proto.At(s.clock.Now())
	g := proto.Group{ID: proto.NewID(), CreatedAt: now, UpdatedAt: now, Zone: c.zone}
	if err := s.readGroup(c.account, body, &g); err != nil {
		return answer{}, err
	}
	revision, err := s.put(ctx, c.account, topology.KindGroup, g.ID, &g, 0)
	return answer{status: http.StatusCreated, result: s.viewGroup(c.account, &g), revision: revision, messages: s.sameGroupName(c, &g)}, err
}

func (s *Service) updateGroup(ctx context.Context, c *call) (answer, error) {
	body, err := c.object()
	if err != nil {
		return answer{}, err
	}
	old, err := s.group(ctx, c)
	if err != nil {
		return answer{}, err
	}
	g := proto.Group{ID: old.Value.ID, CreatedAt: old.Value.CreatedAt, UpdatedAt: proto.At(s.clock.Now()), Zone: old.Value.Zone}
	if err := s.readGroup(c.account, body, &g); err != nil {
		return answer{}, err
	}
	revision, err := s.put(ctx, c.account, topology.KindGroup, g.ID, &g, old.Revision)
	a := answer{result: s.viewGroup(c.account, &g), revision: revision}
	if g.Name != old.Value.Name {
		a.messages = s.sameGroupName(c, &g)
	}
	return a, err
}

// deleteGroup refuses while a policy or another group names the group: who they let in would change unseen.
func (s *Service) deleteGroup(ctx context.Context, c *call) (answer, error) {
	for range attempts {
		g, err := s.group(ctx, c)
		if err != nil {
			return answer{}, err
		}
		names := func(r proto.Rule) bool { return r.Selector == "group" && ruleNames(r, "id", g.Value.ID) }
		if err := inUse("group", s.rulesWith(c.account, g.Value.ID, names)); err != nil {
			return answer{}, err
		}
		err = s.remove(ctx, c.account, topology.KindGroup, g.Value.ID, g.Revision)
		if errors.Is(err, bus.ErrConflict) {
			continue
		}
		return answer{status: http.StatusAccepted, result: idOnly{g.Value.ID}}, err
	}
	return answer{}, errConflict
}
