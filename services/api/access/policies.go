package access

import (
	"net/http"
	"slices"

	"plumbline.dev/bus/topology"
	"plumbline.dev/proto"
	"plumbline.dev/services/api/openapi"
	"plumbline.dev/services/api/permission"
	"plumbline.dev/services/api/resource"
	"plumbline.dev/services/api/store"
	"plumbline.dev/services/api/v4"
	"plumbline.dev/services/internal/catalog"
)

// newPolicies returns the kind of reusable policies.
func (s *API) newPolicies() *resource.Kind[proto.Policy, *proto.Policy] {
	return &resource.Kind[proto.Policy, *proto.Policy]{
		Store: s.store, Name: "reusable policy", Kind: topology.KindPolicy, Path: "/access/policies", Scope: permission.Apps,
		TextMessages: true, NotFound: errNoPolicy,
		Find: resource.ByID(func(a proto.Account, id proto.ID) (catalog.Record[proto.Policy], bool) {
			p, found := s.store.Catalog.Policy(a, id)
			return p, found && p.Value.Owner.IsZero()
		}),
		Items: func(a proto.Account) []*store.Item[catalog.Record[proto.Policy]] {
			return s.index.Account(a).Reusable.All()
		},
		Meta: func(_ proto.Account, p *proto.Policy) resource.Meta { return resource.Meta{ID: p.ID, Name: p.Name} },
		New: func(_ *v4.Call, now proto.Millis) proto.Policy {
			return proto.Policy{ID: proto.NewID(), CreatedAt: now, UpdatedAt: now}
		},
		Next: func(old *proto.Policy, now proto.Millis) proto.Policy {
			return proto.Policy{ID: old.ID, CreatedAt: old.CreatedAt, UpdatedAt: now}
		},
		Decode: func(a proto.Account, body v4.Object, p, _ *proto.Policy) error { return s.checkedPolicy(a, body, p) },
		Permit: func(c *v4.Call, p, old *proto.Policy) error {
			if old == nil {
				return nil
			}
			return s.guardConsolePolicy(c, p)
		},
		Unused: s.policyUnused,
		View:   func(a proto.Account, p *proto.Policy) any { return s.viewReusable(a, p, s.index.LinksTo(a, p.ID)) },
		Basis: func(r catalog.Record[proto.Policy]) store.Basis {
			return store.Basis{uint64(s.index.LinksTo(r.Account, r.Value.ID)), s.index.ReferenceVersion()}
		},
		Doc: openapi.Resource{
			One: "a reusable policy", Many: "reusable policies, the oldest first", View: openapi.Ref("Policy"),
			Body:    openapi.Ref("PolicyBody"),
			Deleted: openapi.Of[v4.IDOnly](),
		},
		Schemas: ruleSchemas,
	}
}

// policyPart returns reusable policies as a part of the API. The audit log shows every policy as they are shown.
func (s *API) policyPart() resource.Part {
	part := s.policies.Part()
	part.Register = func() {
		store.Register(s.store, string(topology.KindPolicy),
			func(a proto.Account, p *proto.Policy) any { return s.ViewPolicy(a, p, 0) })
	}
	return part
}

// checkedPolicy is [readPolicy], and also checks that the groups of the policy exist.
func (s *API) checkedPolicy(a proto.Account, body v4.Object, p *proto.Policy) error {
	if err := readPolicy(body, p); err != nil {
		return err
	}
	return s.checkGroupsExist(a, p.Include, p.Exclude, p.Require)
}

// policyUnused returns an error while an application links the policy: deleting it would silently change which users
// the application admits.
func (s *API) policyUnused(a proto.Account, p *proto.Policy) error {
	if s.index.LinksTo(a, p.ID) == 0 {
		return nil
	}
	linked := func(l proto.PolicyLink) bool { return l.Policy == p.ID }
	return resource.InUse("policy",
		s.index.ApplicationsWith(a, func(app *proto.Application) bool {
			return slices.ContainsFunc(app.Policies, linked)
		}))
}

var errNoPolicy = v4.Errorf(http.StatusNotFound, v4.CodeNotFound, "access.api.error.not_found")
