package device

import (
	"context"
	"net/http"
	"slices"

	"plumbline.dev/proto"
	"plumbline.dev/services/api/permission"
	"plumbline.dev/services/api/v4"
)

func (s *API) registrationRoutes() []v4.Route {
	const all, one = v4.AccountPath + "/devices/registrations", v4.AccountPath + "/devices/registrations/{id}"
	return []v4.Route{
		{Method: http.MethodGet, Path: all, Scope: permission.Devices, Handle: s.listRegistrations},
		{Method: http.MethodDelete, Path: all, Scope: permission.Devices, Handle: s.registrations(removal)},
		{Method: http.MethodGet, Path: one, Scope: permission.Devices, Handle: s.getRegistration},
		{Method: http.MethodDelete, Path: one, Scope: permission.Devices, Handle: s.deletePhysical},
		{Method: http.MethodPost, Path: all + "/revoke", Scope: permission.Devices, Handle: s.registrations(revocation)},
		{Method: http.MethodPost, Path: all + "/unrevoke", Scope: permission.Devices, Handle: s.registrations(unrevocation)},
	}
}

// registrationView is a device's only registration (api/README.md 7.3). Unknown members that the SDKs do not declare as
// nullable are empty or absent.
type registrationView struct {
	ID         proto.ID           `json:"id"`
	CreatedAt  v4.Timestamp       `json:"created_at"`
	DeletedAt  v4.Timestamp       `json:"deleted_at"`
	Device     registrationDevice `json:"device"`
	Key        string             `json:"key"`
	KeyType    *string            `json:"key_type"`
	LastSeenAt v4.Timestamp       `json:"last_seen_at"` // last update of the device in the inventory
	Policy     *struct{}          `json:"policy,omitempty"`
	RevokedAt  v4.Timestamp       `json:"revoked_at"`
	TunnelType *string            `json:"tunnel_type"`
	UpdatedAt  v4.Timestamp       `json:"updated_at"`
	Type       string             `json:"registration_type"`
	User       *deviceUser        `json:"user,omitempty"`
	IPv4       *string            `json:"virtual_ipv4"`
	IPv6       *string            `json:"virtual_ipv6"`
}

type registrationDevice struct {
	ID            proto.ID `json:"id"`
	Name          string   `json:"name"`
	ClientVersion *string  `json:"client_version,omitempty"`
}

func viewRegistration(a proto.Account, d *proto.Device) registrationView {
	return registrationView{ID: d.ID, CreatedAt: v4.Timestamp(d.EnrolledAt),
		Device:     registrationDevice{ID: d.ID, Name: d.Hostname},
		LastSeenAt: v4.Timestamp(d.UpdatedAt), RevokedAt: v4.Timestamp(d.RevokedAt), UpdatedAt: v4.Timestamp(d.UpdatedAt),
		Type: "warp", User: userOf(a, d), IPv4: v4.TextOrNull(d.IPv4)}
}

var registrationSorts = map[string]func(*proto.Device) string{
	"id": byID, "user.name": byNothing, "user.email": byEmail, "last_seen_at": byNothing, "created_at": byCreation,
}

func (s *API) listRegistrations(ctx context.Context, c *v4.Call) (v4.Response, error) {
	v := c.URL.Query()
	q, err := readDeviceQuery(v, registrationSorts)
	if err != nil {
		return v4.Response{}, err
	}
	switch v.Get("status") {
	case "", "active":
	case "all":
		q.revoked = true
	case "revoked":
		q.Active, q.revoked = false, true
	default:
		return v4.Response{}, v4.Invalid("status must be active, all or revoked")
	}
	of, err := IDList(v, "device.id")
	if err != nil {
		return v4.Response{}, err
	}
	if len(of) > 0 && len(q.IDs) > 0 {
		of = slices.DeleteFunc(of, func(id proto.ID) bool { return !slices.Contains(q.IDs, id) })
		if len(of) == 0 {
			return v4.Response{Result: []registrationView{}, Info: v4.CursorInfo{PerPage: q.size}}, nil
		}
	}
	if len(of) > 0 {
		q.IDs = of
	}
	people, err := IDList(v, "user.id")
	if err != nil {
		return v4.Response{}, err
	}
	if len(people) > 0 {
		q.and(func(d *proto.Device) bool {
			return d.Email != "" && slices.Contains(people, PersonID(c.Account, d.Email))
		})
	}
	found, info, err := s.listDevices(ctx, c.Account, q)
	views := make([]registrationView, len(found))
	for n := range found {
		views[n] = viewRegistration(c.Account, found[n].Device)
	}
	return v4.Response{Result: views, Info: info}, err
}

func (s *API) getRegistration(ctx context.Context, c *v4.Call) (v4.Response, error) {
	d, err := s.namedDevice(ctx, c)
	if err != nil {
		return v4.Response{}, err
	}
	return v4.OK(viewRegistration(c.Account, d)), nil
}

// registrations returns a handler that changes the registrations in the query, or none of them if one does not exist.
func (s *API) registrations(r stateChange) func(context.Context, *v4.Call) (v4.Response, error) {
	return func(ctx context.Context, c *v4.Call) (v4.Response, error) {
		ids, err := IDList(c.URL.Query(), "id")
		if err == nil && len(ids) == 0 {
			err = v4.Invalid("id must name the registrations: ?id=...&id=...")
		}
		if err != nil {
			return v4.Response{}, err
		}
		return v4.Response{Info: v4.CursorInfo{Count: len(ids), PerPage: maxDevices, Total: new(len(ids))}},
			s.changeState(ctx, c.Account, r, ids)
	}
}
