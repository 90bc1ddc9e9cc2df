package member

import (
	"context"
	"errors"
	"net/http"
	"net/url"
	"strings"

	"plumbline.dev/bus"
	"plumbline.dev/bus/topology"
	"plumbline.dev/proto"
	"plumbline.dev/services/api/apitoken"
	"plumbline.dev/services/api/openapi"
	"plumbline.dev/services/api/permission"
	"plumbline.dev/services/api/resource"
	"plumbline.dev/services/api/store"
	"plumbline.dev/services/api/v4"
	"plumbline.dev/services/internal/catalog"
)

// newMembers returns the kind of members.
func (s *API) newMembers() *resource.Kind[proto.Member, *proto.Member] {
	return &resource.Kind[proto.Member, *proto.Member]{
		Store: s.store, Name: "member", Kind: topology.KindMember, Path: "/members", Scope: permission.Members,
		PlainStatus: true, NotFound: errNoMember, Find: resource.ByID(s.store.Catalog.Member), Items: s.items,
		Query: checkQuery, Filter: filterMembers,
		Meta: func(_ proto.Account, m *proto.Member) resource.Meta { return resource.Meta{ID: m.ID} },
		New: func(_ *v4.Call, now proto.Millis) proto.Member {
			return proto.Member{CreatedAt: now, UpdatedAt: now}
		},
		Next: func(old *proto.Member, now proto.Millis) proto.Member {
			next := *old
			next.UpdatedAt = now
			return next
		},
		Decode: readMember,
		Permit: permit,
		Create: s.create,
		Unused: func(proto.Account, *proto.Member) error { return nil },
		View:   func(a proto.Account, m *proto.Member) any { return viewMember(a, m) },
		Basis:  func(catalog.Record[proto.Member]) store.Basis { return store.Basis{} },
		Doc: openapi.Resource{
			One: "a member", Many: "members, the oldest first", View: openapi.Ref("Member"),
			Body: openapi.Ref("MemberBody"), Deleted: openapi.Of[v4.IDOnly](),
			BodyDetails: "A caller can grant only roles with permissions of its own. The e-mail address of a member " +
				"never changes.",
			Query: []openapi.Parameter{
				{Name: "status", Description: "Filter by status.", Schema: openapi.Enum(statusAccepted, statusPending)},
				{Name: "email", Description: "Filter by e-mail address, whatever its case.", Schema: openapi.Text()},
			},
		},
	}
}

// items returns the members of an account, the oldest first.
func (s *API) items(a proto.Account) []*store.Item[catalog.Record[proto.Member]] {
	return store.ByAge(s.store.Catalog.Members(a), func(r catalog.Record[proto.Member]) (proto.ID, proto.Millis) {
		return r.Value.ID, r.Value.CreatedAt
	})
}

// checkQuery returns an error if the query of a list has an unknown status.
func checkQuery(q url.Values) error {
	switch q.Get("status") {
	case "", statusAccepted, statusPending:
		return nil
	}
	return v4.Invalid("status must be %s or %s", statusAccepted, statusPending)
}

func filterMembers(q url.Values) func(*proto.Member) bool {
	status, email := q.Get("status"), q.Get("email")
	if status == "" && email == "" {
		return nil
	}
	return func(m *proto.Member) bool {
		return (status == "" || statusOf(m) == status) && (email == "" || strings.EqualFold(m.Email, email))
	}
}

// permit returns an error if the caller would give a member a permission that the caller lacks. Taking permissions
// away is always possible.
func permit(c *v4.Call, m, _ *proto.Member) error {
	return apitoken.MayGive(c.Token, permission.OfRoles(m.Roles))
}

// create stores a new member, unless the account has one with the address.
func (s *API) create(ctx context.Context, a proto.Account, m *proto.Member) (uint64, error) {
	revision, err := s.store.Put(ctx, a, topology.KindMember, m.ID, m, store.Prior{})
	if errors.Is(err, bus.ErrConflict) {
		return 0, v4.Errorf(http.StatusConflict, v4.CodeConflict, "%s is already a member: change the member's roles instead",
			v4.Quote(m.Email))
	}
	return revision, err
}

var errNoMember = v4.Errorf(http.StatusNotFound, v4.CodeNotFound, "member not found")
