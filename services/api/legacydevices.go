package api

import (
	"context"
	"encoding/json"
	"net/http"

	"plumbline.dev/proto"
)

// The deprecated endpoints of devices (api/README.md 7.2): the list comes in one piece, whatever its length.

func (s *Service) legacyDeviceRoutes() []route {
	const all = accountPath + "/devices"
	return []route{
		{method: http.MethodGet, path: all, of: areaDevices, stream: s.allDevices},
		{method: http.MethodGet, path: all + "/{id}", of: areaDevices, handle: s.getLegacyDevice},
		{method: http.MethodPost, path: all + "/revoke", of: areaDevices, handle: s.named(revocation)},
		{method: http.MethodPost, path: all + "/unrevoke", of: areaDevices, handle: s.named(unrevocation)},
	}
}

// legacyDeviceView is a device as the deprecated endpoints show it (api/README.md 7.2). What is not known is not
// there: the SDKs declare nothing of it as null.
type legacyDeviceView struct {
	ID             proto.ID    `json:"id"`
	Created        stamp       `json:"created"`
	Deleted        bool        `json:"deleted"`
	DeviceType     *string     `json:"device_type,omitempty"`
	IP             *string     `json:"ip,omitempty"`
	Key            *string     `json:"key,omitempty"`
	LastSeen       stamp       `json:"last_seen,omitzero"`
	MAC            *string     `json:"mac_address,omitempty"`
	Manufacturer   *string     `json:"manufacturer,omitempty"`
	Model          *string     `json:"model,omitempty"`
	Name           string      `json:"name"`
	DistroName     *string     `json:"os_distro_name,omitempty"`
	DistroRevision *string     `json:"os_distro_revision,omitempty"`
	OSVersion      *string     `json:"os_version,omitempty"`
	OSVersionExtra *string     `json:"os_version_extra,omitempty"`
	RevokedAt      stamp       `json:"revoked_at,omitzero"`
	Serial         *string     `json:"serial_number,omitempty"`
	Updated        stamp       `json:"updated"`
	User           *deviceUser `json:"user,omitempty"`
	Version        *string     `json:"version,omitempty"`
	IPv4           *string     `json:"x_virtual_ipv4"`
}

func viewLegacyDevice(a proto.Account, d *proto.Device) legacyDeviceView {
	return legacyDeviceView{ID: d.ID, Created: stamp(d.EnrolledAt), MAC: known(d.MAC), Name: d.Hostname, RevokedAt: stamp(d.RevokedAt),
		Serial: known(d.Serial), Updated: stamp(d.UpdatedAt), User: userOf(a, d), IPv4: known(d.IPv4)}
}

func (s *Service) getLegacyDevice(ctx context.Context, c *call) (answer, error) {
	d, err := s.namedDevice(ctx, c)
	if err != nil {
		return answer{}, err
	}
	type account struct {
		ID proto.Account `json:"id"`
	}
	return ok(struct {
		legacyDeviceView
		Account account `json:"account"`
	}{viewLegacyDevice(c.account, d), account{c.account}}), nil
}

// allDevices sends every device, revoked ones too, page by page of the inventory, as fast as the client takes
// them. A list that breaks off is cut, never closed: the client sees that it is not whole.
func (s *Service) allDevices(w http.ResponseWriter, c *call) error {
	ctx, out, done, err := s.sending(w, c)
	if err != nil {
		return err
	}
	defer done()
	if err := s.freshInventory(ctx); err != nil {
		return err
	}
	pages := s.inventory.selected(c.account, 0, func(*indexedPage) bool { return true })
	w.Header().Set("Content-Type", "application/json")
	n := 0
	out.text(`{"success":true,"errors":[],"messages":[],"result":[`)
	for _, page := range pages {
		p, err := s.inventoryPage(ctx, c.account, page)
		if err != nil {
			return out.cut(err)
		}
		for _, list := range [][]proto.Device{p.Devices, p.Revoked} {
			for i := range list {
				if n++; n > 1 {
					out.text(",")
				}
				out.line(viewLegacyDevice(c.account, &list[i]))
			}
		}
		if err := out.flush(); err != nil {
			return out.cut(err)
		}
	}
	out.text(`],"result_info":`)
	out.line(whole(n))
	out.text("}\n")
	return out.cut(out.flush())
}

// named does something with the devices that the body lists.
func (s *Service) named(r revision) func(context.Context, *call) (answer, error) {
	return func(ctx context.Context, c *call) (answer, error) {
		var ids []proto.ID
		if json.Unmarshal(c.body, &ids) != nil || len(ids) == 0 || len(ids) > maxDevices {
			return answer{}, invalid("the body must be a list of 1 to %d ids of devices", maxDevices)
		}
		return ok(nil), s.revise(ctx, c.account, r, ids)
	}
}
