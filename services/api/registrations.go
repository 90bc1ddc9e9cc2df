package api

import (
	"context"
	"net/http"
	"slices"

	"plumbline.dev/proto"
)

func (s *Service) registrationRoutes() []route {
	const all, one = accountPath + "/devices/registrations", accountPath + "/devices/registrations/{id}"
	return []route{
		{method: http.MethodGet, path: all, of: areaDevices, handle: s.listRegistrations},
		{method: http.MethodDelete, path: all, of: areaDevices, handle: s.registrations(removal)},
		{method: http.MethodGet, path: one, of: areaDevices, handle: s.getRegistration},
		{method: http.MethodDelete, path: one, of: areaDevices, handle: s.deletePhysical},
		{method: http.MethodPost, path: all + "/revoke", of: areaDevices, handle: s.registrations(revocation)},
		{method: http.MethodPost, path: all + "/unrevoke", of: areaDevices, handle: s.registrations(unrevocation)},
	}
}

// registrationView is a device's one registration (api/README.md 7.3). What the SDKs declare without null is text
// of no length, or not there, where it is not known.
type registrationView struct {
	ID         proto.ID           `json:"id"`
	CreatedAt  stamp              `json:"created_at"`
	DeletedAt  stamp              `json:"deleted_at"`
	Device     registrationDevice `json:"device"`
	Key        string             `json:"key"`
	KeyType    *string            `json:"key_type"`
	LastSeenAt stamp              `json:"last_seen_at"` // when the inventory was last told of the device
	Policy     *struct{}          `json:"policy,omitempty"`
	RevokedAt  stamp              `json:"revoked_at"`
	TunnelType *string            `json:"tunnel_type"`
	UpdatedAt  stamp              `json:"updated_at"`
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
	return registrationView{ID: d.ID, CreatedAt: stamp(d.EnrolledAt), Device: registrationDevice{ID: d.ID, Name: d.Hostname},
		LastSeenAt: stamp(d.UpdatedAt), RevokedAt: stamp(d.RevokedAt), UpdatedAt: stamp(d.UpdatedAt), Type: "warp", User: userOf(a, d), IPv4: known(d.IPv4)}
}

var registrationSorts = map[string]func(*proto.Device) string{
	"id": byID, "user.name": byNothing, "user.email": byEmail, "last_seen_at": byNothing, "created_at": byCreation,
}

func (s *Service) listRegistrations(ctx context.Context, c *call) (answer, error) {
	v := c.URL.Query()
	q, err := readDeviceQuery(v, registrationSorts)
	if err != nil {
		return answer{}, err
	}
	switch v.Get("status") {
	case "", "active":
	case "all":
		q.revoked = true
	case "revoked":
		q.active, q.revoked = false, true
	default:
		return answer{}, invalid("status must be active, all or revoked")
	}
	of, err := idList(v, "device.id")
	if err != nil {
		return answer{}, err
	}
	if len(of) > 0 && len(q.ids) > 0 {
		of = slices.DeleteFunc(of, func(id proto.ID) bool { return !slices.Contains(q.ids, id) })
		if len(of) == 0 {
			return answer{result: []registrationView{}, info: cursorInfo{PerPage: q.size}}, nil
		}
	}
	if len(of) > 0 {
		q.ids = of
	}
	people, err := idList(v, "user.id")
	if err != nil {
		return answer{}, err
	}
	if len(people) > 0 {
		q.and(func(d *proto.Device) bool {
			return d.Email != "" && slices.Contains(people, personID(c.account, d.Email))
		})
	}
	found, info, err := s.listDevices(ctx, c.account, q)
	views := make([]registrationView, len(found))
	for n := range found {
		views[n] = viewRegistration(c.account, found[n].device)
	}
	return answer{result: views, info: info}, err
}

func (s *Service) getRegistration(ctx context.Context, c *call) (answer, error) {
	d, err := s.namedDevice(ctx, c)
	if err != nil {
		return answer{}, err
	}
	return ok(viewRegistration(c.account, d)), nil
}

// registrations does something with those that the query names. One that is not there ends it before anything
// is done.
func (s *Service) registrations(r revision) func(context.Context, *call) (answer, error) {
	return func(ctx context.Context, c *call) (answer, error) {
		ids, err := idList(c.URL.Query(), "id")
		if err == nil && len(ids) == 0 {
			err = invalid("id must name the registrations: ?id=...&id=...")
		}
		if err != nil {
			return answer{}, err
		}
		return answer{info: cursorInfo{Count: len(ids), PerPage: maxDevices, Total: new(len(ids))}}, s.revise(ctx, c.account, r, ids)
	}
}
