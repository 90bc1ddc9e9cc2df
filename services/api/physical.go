package api

import (
	"context"
	"net/http"
	"strings"

	"plumbline.dev/proto"
)

// A device of the v4 API is an enrolled device, and has one registration, of the same id. What no inventory
// says of a device is null.

func (s *Service) physicalRoutes() []route {
	const all, one = accountPath + "/devices/physical-devices", accountPath + "/devices/physical-devices/{id}"
	return []route{
		{method: http.MethodGet, path: all, of: areaDevices, handle: s.listPhysical},
		{method: http.MethodGet, path: one, of: areaDevices, handle: s.getPhysical},
		{method: http.MethodDelete, path: one, of: areaDevices, handle: s.deletePhysical},
		{method: http.MethodPost, path: one + "/revoke", of: areaDevices, handle: s.revokePhysical},
	}
}

// physicalView is a device in an answer (api/README.md 7.1). The x_ members are ours.
type physicalView struct {
	ID             proto.ID    `json:"id"`
	Registrations  int         `json:"active_registrations"`
	ClientVersion  *string     `json:"client_version"`
	CreatedAt      stamp       `json:"created_at"`
	DeletedAt      stamp       `json:"deleted_at"`
	DeviceType     *string     `json:"device_type"`
	HardwareID     *string     `json:"hardware_id"`
	LastSeenAt     stamp       `json:"last_seen_at"`
	Registration   *noPolicy   `json:"last_seen_registration"`
	User           *deviceUser `json:"last_seen_user"`
	MAC            *string     `json:"mac_address"`
	Manufacturer   *string     `json:"manufacturer"`
	Model          *string     `json:"model"`
	Name           string      `json:"name"`
	OSVersion      *string     `json:"os_version"`
	OSVersionExtra *string     `json:"os_version_extra"`
	PublicIP       *string     `json:"public_ip"`
	Serial         *string     `json:"serial_number"`
	Tags           struct{}    `json:"tags"` // the SDKs rely on it; a device has none here
	UpdatedAt      stamp       `json:"updated_at"`
	IPv4           *string     `json:"x_virtual_ipv4"`
	RevokedAt      stamp       `json:"x_revoked_at"`
}

// noPolicy says that a registration has no settings profile: there are none here.
type noPolicy struct {
	Policy *struct{} `json:"policy"`
}

// deviceUser is the person that a device is enrolled for. The id is the one that a login of hers has.
type deviceUser struct {
	ID    proto.ID `json:"id"`
	Email string   `json:"email"`
	Name  string   `json:"name,omitempty"` // never null: nobody tells us
}

func userOf(a proto.Account, d *proto.Device) *deviceUser {
	if d.Email == "" {
		return nil
	}
	return &deviceUser{ID: personID(a, d.Email), Email: d.Email}
}

// personID is how a login names the person with an address.
func personID(a proto.Account, email string) proto.ID {
	return proto.DeriveID(a, strings.ToLower(email))
}

// known is text, or null where there is none.
func known(s string) *string {
	if s == "" {
		return nil
	}
	return &s
}

func viewPhysical(a proto.Account, d *proto.Device, include string) physicalView {
	v := physicalView{ID: d.ID, Registrations: registrations(d), CreatedAt: stamp(d.EnrolledAt), User: userOf(a, d), MAC: known(d.MAC),
		Name: d.Hostname, Serial: known(d.Serial), UpdatedAt: stamp(d.UpdatedAt), IPv4: known(d.IPv4), RevokedAt: stamp(d.RevokedAt)}
	if include != "" {
		v.Registration = &noPolicy{}
	}
	return v
}

var physicalSorts = map[string]func(*proto.Device) string{
	"name": func(d *proto.Device) string { return strings.ToLower(d.Hostname) }, "id": byID, "client_version": byNothing,
	"last_seen_user.email": byEmail, "last_seen_at": byNothing, "active_registrations": byRegistrations, "created_at": byCreation,
}

func (s *Service) listPhysical(ctx context.Context, c *call) (answer, error) {
	v := c.URL.Query()
	q, err := readDeviceQuery(v, physicalSorts)
	if err != nil {
		return answer{}, err
	}
	switch v.Get("active_registrations") {
	case "", "only":
	case "include":
		q.revoked = true
	case "exclude":
		q.active, q.revoked = false, true
	default:
		return answer{}, invalid("active_registrations must be include, only or exclude")
	}
	q.email = strings.ToLower(v.Get("last_seen_user.email"))
	found, info, err := s.listDevices(ctx, c.account, q)
	views := make([]physicalView, len(found))
	for n := range found {
		views[n] = viewPhysical(c.account, found[n].device, v.Get("include"))
	}
	return answer{result: views, info: info}, err
}

func (s *Service) getPhysical(ctx context.Context, c *call) (answer, error) {
	d, err := s.namedDevice(ctx, c)
	if err != nil {
		return answer{}, err
	}
	return ok(viewPhysical(c.account, d, c.URL.Query().Get("include"))), nil
}

// namedDevice finds the device that the path names.
func (s *Service) namedDevice(ctx context.Context, c *call) (*proto.Device, error) {
	id, err := c.id("id", errNoDevice)
	if err != nil {
		return nil, err
	}
	_, d, err := s.device(ctx, c.account, id)
	return d, err
}

// deletePhysical removes the device from the inventory.
func (s *Service) deletePhysical(ctx context.Context, c *call) (answer, error) {
	a, err := s.deleteDevice(ctx, c)
	a.result = nil
	return a, err
}

// revokePhysical revokes a device's one registration.
func (s *Service) revokePhysical(ctx context.Context, c *call) (answer, error) {
	id, err := c.id("id", errNoDevice)
	if err != nil {
		return answer{}, err
	}
	return ok(nil), s.revise(ctx, c.account, revocation, []proto.ID{id})
}
