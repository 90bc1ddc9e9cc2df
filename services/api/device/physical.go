package device

import (
	"context"
	"net/http"
	"strings"

	"plumbline.dev/proto"
	"plumbline.dev/services/api/permission"
	"plumbline.dev/services/api/v4"
)

// physicalRoutes returns the routes of devices. A device of the v4 API is an enrolled device, with one registration of
// the same id. Unknown values are null.

func (s *API) physicalRoutes() []v4.Route {
	const all, one = v4.AccountPath + "/devices/physical-devices", v4.AccountPath + "/devices/physical-devices/{id}"
	return []v4.Route{
		{Method: http.MethodGet, Path: all, Scope: permission.Devices, Handle: s.listPhysical},
		{Method: http.MethodGet, Path: one, Scope: permission.Devices, Handle: s.getPhysical},
		{Method: http.MethodDelete, Path: one, Scope: permission.Devices, Handle: s.deletePhysical},
		{Method: http.MethodPost, Path: one + "/revoke", Scope: permission.Devices, Handle: s.revokePhysical},
	}
}

// physicalView is a device in a response (api/README.md 7.1). The x_ members are ours.
type physicalView struct {
	ID             proto.ID     `json:"id"`
	Registrations  int          `json:"active_registrations"`
	ClientVersion  *string      `json:"client_version"`
	CreatedAt      v4.Timestamp `json:"created_at"`
	DeletedAt      v4.Timestamp `json:"deleted_at"`
	DeviceType     *string      `json:"device_type"`
	HardwareID     *string      `json:"hardware_id"`
	LastSeenAt     v4.Timestamp `json:"last_seen_at"`
	Registration   *noPolicy    `json:"last_seen_registration"`
	User           *deviceUser  `json:"last_seen_user"`
	MAC            *string      `json:"mac_address"`
	Manufacturer   *string      `json:"manufacturer"`
	Model          *string      `json:"model"`
	Name           string       `json:"name"`
	OSVersion      *string      `json:"os_version"`
	OSVersionExtra *string      `json:"os_version_extra"`
	PublicIP       *string      `json:"public_ip"`
	Serial         *string      `json:"serial_number"`
	Tags           struct{}     `json:"tags"` // required by the SDKs; devices have no tags
	UpdatedAt      v4.Timestamp `json:"updated_at"`
	IPv4           *string      `json:"x_virtual_ipv4"`
	RevokedAt      v4.Timestamp `json:"x_revoked_at"`

	Exemptions []ExemptionView `json:"x_exemptions,omitempty" says:"Active exemptions; absent if there are none."`
}

// noPolicy is a registration without a settings profile; there are no profiles.
type noPolicy struct {
	Policy *struct{} `json:"policy"`
}

// deviceUser is the person that a device is enrolled for. The id is the same as in their logins.
type deviceUser struct {
	ID    proto.ID `json:"id"`
	Email string   `json:"email"`
	Name  string   `json:"name,omitempty"` // never null; unknown
}

func userOf(a proto.Account, d *proto.Device) *deviceUser {
	if d.Email == "" {
		return nil
	}
	return &deviceUser{ID: PersonID(a, d.Email), Email: d.Email}
}

// PersonID returns the id of the person with an address, as in logins.
func PersonID(a proto.Account, email string) proto.ID {
	return proto.DeriveID(a, strings.ToLower(email))
}

func (s *API) viewPhysical(a proto.Account, d *proto.Device, include string) physicalView {
	v := physicalView{ID: d.ID, Registrations: registrations(d), CreatedAt: v4.Timestamp(d.EnrolledAt), User: userOf(a, d),
		MAC:  v4.TextOrNull(d.MAC),
		Name: d.Hostname, Serial: v4.TextOrNull(d.Serial), UpdatedAt: v4.Timestamp(d.UpdatedAt), IPv4: v4.TextOrNull(d.IPv4),
		RevokedAt: v4.Timestamp(d.RevokedAt), Exemptions: s.Exemptions(a, d)}
	if include != "" {
		v.Registration = &noPolicy{}
	}
	return v
}

var physicalSorts = map[string]func(*proto.Device) string{
	"name": func(d *proto.Device) string { return strings.ToLower(d.Hostname) }, "id": byID, "client_version": byNothing,
	"last_seen_user.email": byEmail, "last_seen_at": byNothing, "active_registrations": byRegistrations,
	"created_at": byCreation,
}

func (s *API) listPhysical(ctx context.Context, c *v4.Call) (v4.Response, error) {
	v := c.URL.Query()
	q, err := readDeviceQuery(v, physicalSorts)
	if err != nil {
		return v4.Response{}, err
	}
	switch v.Get("active_registrations") {
	case "", "only":
	case "include":
		q.revoked = true
	case "exclude":
		q.Active, q.revoked = false, true
	default:
		return v4.Response{}, v4.Invalid("active_registrations must be include, only or exclude")
	}
	q.Email = strings.ToLower(v.Get("last_seen_user.email"))
	found, info, err := s.listDevices(ctx, c.Account, q)
	if err == nil {
		err = s.store.Fresh(ctx)
	}
	views := make([]physicalView, len(found))
	for n := range found {
		views[n] = s.viewPhysical(c.Account, found[n].Device, v.Get("include"))
	}
	return v4.Response{Result: views, Info: info}, err
}

func (s *API) getPhysical(ctx context.Context, c *v4.Call) (v4.Response, error) {
	d, err := s.namedDevice(ctx, c)
	if err == nil {
		err = s.store.Fresh(ctx)
	}
	if err != nil {
		return v4.Response{}, err
	}
	return v4.OK(s.viewPhysical(c.Account, d, c.URL.Query().Get("include"))), nil
}

// namedDevice returns the device that the path names.
func (s *API) namedDevice(ctx context.Context, c *v4.Call) (*proto.Device, error) {
	id, err := c.ID("id", ErrNotFound)
	if err != nil {
		return nil, err
	}
	_, d, err := s.Find(ctx, c.Account, id)
	return d, err
}

// deletePhysical removes the device from the inventory.
func (s *API) deletePhysical(ctx context.Context, c *v4.Call) (v4.Response, error) {
	a, err := s.deleteDevice(ctx, c)
	a.Result = nil
	return a, err
}

// revokePhysical revokes a device's only registration.
func (s *API) revokePhysical(ctx context.Context, c *v4.Call) (v4.Response, error) {
	id, err := c.ID("id", ErrNotFound)
	if err != nil {
		return v4.Response{}, err
	}
	return v4.OK(nil), s.changeState(ctx, c.Account, revocation, []proto.ID{id})
}
