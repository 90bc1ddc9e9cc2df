package api

import (
	"context"
	"errors"
	"net/http"
	"slices"

	"plumbline.dev/bus/topology"
	"plumbline.dev/proto"
)

func (s *Service) deviceRoutes() []route {
	const all, one = accountPath + "/plumbline/devices", accountPath + "/plumbline/devices/{id}"
	return []route{
		{method: http.MethodPost, path: all, of: areaDevices, stream: s.importDevices},
		{method: http.MethodGet, path: one, of: areaDevices, handle: s.getDevice},
		{method: http.MethodDelete, path: one, of: areaDevices, handle: s.deleteDevice},
	}
}

// deviceView is an enrolled device in an answer.
type deviceView struct {
	*proto.Device
	Page       topology.PageNumber `json:"page"`
	EnrolledAt stamp               `json:"enrolled_at"`
	UpdatedAt  stamp               `json:"updated_at"`
}

func (s *Service) getDevice(ctx context.Context, c *call) (answer, error) {
	id, err := c.id("id", errNoDevice)
	if err != nil {
		return answer{}, err
	}
	page, d, err := s.device(ctx, c.account, id)
	if err != nil {
		return answer{}, err
	}
	return ok(viewDevice(page, d)), nil
}

func viewDevice(page topology.PageNumber, d *proto.Device) deviceView {
	return deviceView{Device: d, Page: page, EnrolledAt: stamp(d.EnrolledAt), UpdatedAt: stamp(d.UpdatedAt)}
}

// kindDevice is what the audit log calls a device.
const kindDevice = "device"

func (s *Service) freshInventory(ctx context.Context) error {
	return upToDate(ctx, s.devices, s.inventory)
}

// device finds a device and the page it is in.
func (s *Service) device(ctx context.Context, a proto.Account, id proto.ID) (topology.PageNumber, *proto.Device, error) {
	for range attempts {
		if err := s.freshInventory(ctx); err != nil {
			return 0, nil, err
		}
		page, found := s.inventory.find(a, id)
		if !found {
			return 0, nil, errNoDevice
		}
		var p proto.Page
		if _, err := s.conn.Get(ctx, topology.Devices, topology.PageKey(a, page), &p); err != nil {
			return 0, nil, err
		}
		if n := slices.IndexFunc(p.Devices, func(d proto.Device) bool { return d.ID == id }); n >= 0 {
			return page, &p.Devices[n], nil
		}
		// It left the page meanwhile, or a replica of the bucket is behind.
	}
	return 0, nil, errNoDevice
}

// deleteDevice removes a device. Its results end with changes to unknown.
func (s *Service) deleteDevice(ctx context.Context, c *call) (answer, error) {
	id, err := c.id("id", errNoDevice)
	if err != nil {
		return answer{}, err
	}
	var before any
	if page, d, err := s.device(ctx, c.account, id); err == nil {
		before = viewDevice(page, d)
	}
	commands, err := s.newCommands(c.account)
	if err != nil {
		return answer{}, err
	}
	defer commands.close()
	if err := commands.send(ctx, &proto.Command{Remove: []proto.ID{id}}, nil); err != nil {
		return answer{}, err
	}
	if err := commands.finish(ctx); err != nil {
		return answer{}, err
	}
	if commands.total.Removed == 0 {
		return answer{}, errNoDevice
	}
	s.changed(ctx, c.account, change{action: actionDelete, kind: kindDevice, id: id.String(), before: before})
	return ok(idOnly{id}), nil
}

// errUnanswered says that commands are stored and that the registry has not said what became of them.
func errUnanswered(cause error) error {
	return unavailable(cause, "the registry did not answer in time: what was sent is stored and will be done; "+
		"it does no harm to send it again")
}

var errNoAnswer = errors.New("no answer from the registry")
