package device

import (
	"context"
	"encoding/json"
	"net/http"

	"plumbline.dev/proto"
	"plumbline.dev/services/api/permission"
	"plumbline.dev/services/api/v4"
)

// legacyDeviceRoutes returns the deprecated endpoints of devices (api/README.md 7.2). The list is not paged.

func (s *API) legacyDeviceRoutes() []v4.Route {
	const all = v4.AccountPath + "/devices"
	return []v4.Route{
		{Method: http.MethodGet, Path: all, Scope: permission.Devices, Stream: s.allDevices},
		{Method: http.MethodGet, Path: all + "/{id}", Scope: permission.Devices, Handle: s.getLegacyDevice},
		{Method: http.MethodPost, Path: all + "/revoke", Scope: permission.Devices, Handle: s.named(revocation)},
		{Method: http.MethodPost, Path: all + "/unrevoke", Scope: permission.Devices, Handle: s.named(unrevocation)},
	}
}

// legacyDeviceView is a device in the deprecated endpoints (api/README.md 7.2). Unknown members are absent, since the
// SDKs do not accept null for them.
type legacyDeviceView struct {
	ID             proto.ID     `json:"id"`
	Created        v4.Timestamp `json:"created"`
	Deleted        bool         `json:"deleted"`
	DeviceType     *string      `json:"device_type,omitempty"`
	IP             *string      `json:"ip,omitempty"`
	Key            *string      `json:"key,omitempty"`
	LastSeen       v4.Timestamp `json:"last_seen,omitzero"`
	MAC            *string      `json:"mac_address,omitempty"`
	Manufacturer   *string      `json:"manufacturer,omitempty"`
	Model          *string      `json:"model,omitempty"`
	Name           string       `json:"name"`
	DistroName     *string      `json:"os_distro_name,omitempty"`
	DistroRevision *string      `json:"os_distro_revision,omitempty"`
	OSVersion      *string      `json:"os_version,omitempty"`
	OSVersionExtra *string      `json:"os_version_extra,omitempty"`
	RevokedAt      v4.Timestamp `json:"revoked_at,omitzero"`
	Serial         *string      `json:"serial_number,omitempty"`
	Updated        v4.Timestamp `json:"updated"`
	User           *deviceUser  `json:"user,omitempty"`
	Version        *string      `json:"version,omitempty"`
	IPv4           *string      `json:"x_virtual_ipv4"`
}

func viewLegacyDevice(a proto.Account, d *proto.Device) legacyDeviceView {
	return legacyDeviceView{ID: d.ID, Created: v4.Timestamp(d.EnrolledAt), MAC: v4.TextOrNull(d.MAC), Name: d.Hostname,
		RevokedAt: v4.Timestamp(d.RevokedAt),
		Serial:    v4.TextOrNull(d.Serial), Updated: v4.Timestamp(d.UpdatedAt), User: userOf(a, d),
		IPv4: v4.TextOrNull(d.IPv4)}
}

func (s *API) getLegacyDevice(ctx context.Context, c *v4.Call) (v4.Response, error) {
	d, err := s.namedDevice(ctx, c)
	if err != nil {
		return v4.Response{}, err
	}
	type account struct {
		ID proto.Account `json:"id"`
	}
	return v4.OK(struct {
		legacyDeviceView
		Account account `json:"account"`
	}{viewLegacyDevice(c.Account, d), account{c.Account}}), nil
}

// allDevices sends every device, including revoked ones, page by page of the inventory. If an error occurs, the
// response is cut off without an end, so that the client notices that it is incomplete.
func (s *API) allDevices(w http.ResponseWriter, c *v4.Call) error {
	ctx, out, done, err := s.streams.Begin(w, c)
	if err != nil {
		return err
	}
	defer done()
	if err := s.Fresh(ctx); err != nil {
		return err
	}
	pages := s.Inventory.selected(c.Account, 0, func(*indexedPage) bool { return true })
	w.Header().Set("Content-Type", "application/json")
	n := 0
	out.Text(`{"success":true,"errors":[],"messages":[],"result":[`)
	for _, page := range pages {
		p, err := s.Page(ctx, c.Account, page)
		if err != nil {
			return out.Cut(err)
		}
		for _, list := range [][]proto.Device{p.Devices, p.Revoked} {
			for i := range list {
				if n++; n > 1 {
					out.Text(",")
				}
				out.Line(viewLegacyDevice(c.Account, &list[i]))
			}
		}
		if err := out.Flush(); err != nil {
			return out.Cut(err)
		}
	}
	out.Text(`],"result_info":`)
	out.Line(v4.SinglePage(n))
	out.Text("}\n")
	return out.Cut(out.Flush())
}

// named returns a handler that changes the devices listed in the body.
func (s *API) named(r stateChange) func(context.Context, *v4.Call) (v4.Response, error) {
	return func(ctx context.Context, c *v4.Call) (v4.Response, error) {
		var ids []proto.ID
		if json.Unmarshal(c.Payload, &ids) != nil || len(ids) == 0 || len(ids) > maxDevices {
			return v4.Response{}, v4.Invalid("the body must be a list of 1 to %d ids of devices", maxDevices)
		}
		return v4.OK(nil), s.changeState(ctx, c.Account, r, ids)
	}
}
