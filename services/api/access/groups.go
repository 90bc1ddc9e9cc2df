package access

import (
	"encoding/json"
	"net/http"
	"net/url"
	"slices"
	"strings"

	"plumbline.dev/bus/topology"
	"plumbline.dev/proto"
	"plumbline.dev/services/api/accessrule"
	"plumbline.dev/services/api/openapi"
	"plumbline.dev/services/api/permission"
	"plumbline.dev/services/api/resource"
	"plumbline.dev/services/api/store"
	"plumbline.dev/services/api/v4"
	"plumbline.dev/services/internal/catalog"
	"plumbline.dev/services/internal/ownedmember"
	"plumbline.dev/services/internal/policy"
)

// newGroups returns the kind of groups.
func (s *API) newGroups() *resource.Kind[proto.Group, *proto.Group] {
	return &resource.Kind[proto.Group, *proto.Group]{
		Store: s.store, Name: "group", Kind: topology.KindGroup, Path: "/access/groups", Scope: permission.Organization,
		Zones: true, TextMessages: true, NotFound: errNoGroup,
		Find: resource.ByID(s.store.Catalog.Group),
		Items: func(a proto.Account) []*store.Item[catalog.Record[proto.Group]] {
			return s.index.Account(a).Groups.All()
		},
		Filter: filterGroups,
		Meta: func(_ proto.Account, g *proto.Group) resource.Meta {
			return resource.Meta{ID: g.ID, Name: g.Name, Zone: g.Zone}
		},
		New: func(c *v4.Call, now proto.Millis) proto.Group {
			return proto.Group{ID: proto.NewID(), CreatedAt: now, UpdatedAt: now, Zone: c.Zone}
		},
		Next: func(old *proto.Group, now proto.Millis) proto.Group {
			return proto.Group{ID: old.ID, CreatedAt: old.CreatedAt, UpdatedAt: now, Zone: old.Zone}
		},
		Decode: func(a proto.Account, body v4.Object, g, _ *proto.Group) error { return s.readGroup(a, body, g) },
		Unused: s.groupUnused,
		View:   func(a proto.Account, g *proto.Group) any { return s.viewGroup(a, g) },
		Basis:  func(catalog.Record[proto.Group]) store.Basis { return store.Basis{s.index.ReferenceVersion()} },
		Doc: openapi.Resource{
			One: "a group", Many: "groups, the oldest first", View: openapi.Ref("Group"), Body: openapi.Ref("GroupBody"),
			Deleted: openapi.Of[v4.IDOnly](), Query: []openapi.Parameter{openapi.NameParam, openapi.SearchParam},
		},
	}
}

func filterGroups(q url.Values) func(*proto.Group) bool {
	name, search := q.Get("name"), strings.ToLower(q.Get("search"))
	if name == "" && search == "" {
		return nil
	}
	return func(g *proto.Group) bool {
		return (name == "" || g.Name == name) && strings.Contains(strings.ToLower(g.Name), search)
	}
}

// groupUnused returns an error while a policy or another group names the group: deleting it would silently change which
// users they admit.
func (s *API) groupUnused(a proto.Account, g *proto.Group) error {
	return resource.InUse("group",
		s.index.RulesWith(a, g.ID, func(r proto.Rule) bool {
			return r.Selector == "group" && accessrule.Names(r, "id", g.ID)
		}))
}

// readGroup reads a whole group and keeps the body as sent. The caller sets id, zone and times.
func (s *API) readGroup(a proto.Account, body v4.Object, g *proto.Group) error {
	var err error
	if g.Name, err = body.Line("name"); err != nil {
		return err
	}
	if g.Name == "" {
		return v4.Invalid("a group needs a name")
	}
	for member, rules := range map[string]*[]proto.Rule{"include": &g.Include, "exclude": &g.Exclude,
		"require": &g.Require} {
		if *rules, err = accessrule.Read(body, member); err != nil {
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
	if err := s.checkGroupsExist(a, g.Include, g.Exclude, g.Require); err != nil {
		return err
	}
	return s.checkNoCycle(a, g)
}

// checkGroupsExist returns an error if a rule names a group that does not exist (api/README.md 1.6).
func (s *API) checkGroupsExist(a proto.Account, lists ...[]proto.Rule) error {
	for _, id := range groupsIn(lists...) {
		if _, found := s.store.Catalog.Group(a, id); !found {
			return v4.Errorf(http.StatusBadRequest, v4.CodeNoSuchGroup,
				"access.api.error.invalid_request: failed to load group %s", id)
		}
	}
	return nil
}

// checkNoCycle returns an error if a group would contain itself: its membership would be undefined.
func (s *API) checkNoCycle(a proto.Account, g *proto.Group) error {
	seen := map[proto.ID]bool{}
	next := groupsIn(g.Include, g.Exclude, g.Require)
	for len(next) > 0 {
		id := next[0]
		if next = next[1:]; id == g.ID {
			return v4.Invalid("the group would contain itself through the groups in its rules")
		}
		if inner, found := s.store.Catalog.Group(a, id); found && !seen[id] {
			next = append(next, groupsIn(inner.Value.Include, inner.Value.Exclude, inner.Value.Require)...)
		}
		seen[id] = true
	}
	return nil
}

// groupsIn returns the groups that rules name.
func groupsIn(lists ...[]proto.Rule) []proto.ID {
	var ids []proto.ID
	accessrule.Any(func(r proto.Rule) bool {
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
	unsupported := v4.Union(policy.Unsupported(g.Include, g.Exclude, g.Require),
		s.index.DanglingSelectors(a, g.Include, g.Exclude, g.Require))
	return v4.Splice(g.Sent, struct {
		ID          proto.ID                     `json:"id"`
		UID         proto.ID                     `json:"uid"`
		Include     []map[string]json.RawMessage `json:"include"`
		Exclude     []map[string]json.RawMessage `json:"exclude"`
		Require     []map[string]json.RawMessage `json:"require"`
		Unsupported []string                     `json:"x_unsupported,omitempty"`
		CreatedAt   v4.Timestamp                 `json:"created_at"`
		UpdatedAt   v4.Timestamp                 `json:"updated_at"`
	}{g.ID, g.ID, accessrule.View(g.Include), accessrule.View(g.Exclude), accessrule.View(g.Require),
		unsupported, v4.Timestamp(g.CreatedAt), v4.Timestamp(g.UpdatedAt)})
}

var errNoGroup = v4.Errorf(http.StatusNotFound, v4.CodeUnknownGroup, "access.api.error.not_found")
