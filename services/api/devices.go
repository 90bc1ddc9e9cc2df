package api

import (
	"context"
	"errors"
	"net/http"
	"slices"
	"time"

	"plumbline.dev/bus"
	"plumbline.dev/bus/topology"
	"plumbline.dev/proto"
)

func (s *Service) deviceRoutes() []route {
	const all, one = accountPath + "/plumbline/devices", accountPath + "/plumbline/devices/{id}"
	return slices.Concat(s.physicalRoutes(), s.registrationRoutes(), s.legacyDeviceRoutes(), []route{
		{method: http.MethodPost, path: all, of: areaDevices, stream: s.importDevices},
		{method: http.MethodGet, path: one, of: areaDevices, handle: s.getDevice},
		{method: http.MethodDelete, path: one, of: areaDevices, handle: s.deleteDevice},
	})
}

// deviceView is an enrolled device in an answer.
type deviceView struct {
	*proto.Device
	Page       topology.PageNumber `json:"page"`
	EnrolledAt stamp               `json:"enrolled_at"`
	UpdatedAt  stamp               `json:"updated_at"`
	RevokedAt  *stamp              `json:"revoked_at,omitempty"`
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
	v := deviceView{Device: d, Page: page, EnrolledAt: stamp(d.EnrolledAt), UpdatedAt: stamp(d.UpdatedAt)}
	if d.RevokedAt != 0 {
		v.RevokedAt = (*stamp)(&d.RevokedAt)
	}
	return v
}

// kindDevice is what the audit log calls a device.
const kindDevice = "device"

func (s *Service) freshInventory(ctx context.Context) error {
	return upToDate(ctx, s.devices, s.inventory)
}

// device finds a device, a revoked one too, and the page it is in.
func (s *Service) device(ctx context.Context, a proto.Account, id proto.ID) (topology.PageNumber, *proto.Device, error) {
	for range attempts {
		if err := s.freshInventory(ctx); err != nil {
			return 0, nil, err
		}
		page, found := s.inventory.find(a, id)
		if !found {
			return 0, nil, errNoDevice
		}
		p, err := s.inventoryPage(ctx, a, page)
		if err != nil {
			return 0, nil, err
		}
		for _, list := range [][]proto.Device{p.Devices, p.Revoked} {
			if n := slices.IndexFunc(list, func(d proto.Device) bool { return d.ID == id }); n >= 0 {
				return page, &list[n], nil
			}
		}
		// It left the page meanwhile.
	}
	return 0, nil, errNoDevice
}

// inventoryPage reads a page at least as new as the view has seen it; a page that is gone is empty.
func (s *Service) inventoryPage(ctx context.Context, a proto.Account, page topology.PageNumber) (*proto.Page, error) {
	for range attempts {
		seen := s.inventory.revisionOf(a, page)
		p := new(proto.Page)
		revision, err := s.conn.Get(ctx, topology.Devices, topology.PageKey(a, page), p)
		if errors.Is(err, bus.ErrNotFound) && revision >= seen {
			return &proto.Page{}, nil
		}
		if err != nil && !errors.Is(err, bus.ErrNotFound) {
			return nil, err
		}
		if revision >= seen {
			return p, nil
		}
		// A replica of the bucket is behind; another may answer.
		select {
		case <-time.After(replicaPause):
		case <-ctx.Done():
			return nil, ctx.Err()
		}
	}
	return nil, unavailable(nil, "the inventory cannot be read at the moment: try again")
}

// replicaPause is how long a replica that is behind is left to catch up.
const replicaPause = 5 * time.Millisecond

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
	told := change{action: actionDelete, kind: kindDevice, id: id.String(), before: before}
	action, err := s.begin(ctx, c.account, told)
	if err != nil {
		return answer{}, err
	}
	done, err := s.command(ctx, c.account, &proto.Command{Remove: []proto.ID{id}})
	if err == nil && done.Removed == 0 {
		err = errNoDevice
	}
	if err != nil {
		action.settle(ctx, err)
		return answer{}, err
	}
	action.end(ctx, told)
	return ok(idOnly{id}), nil
}

// command has the registry do something, and tells what it did.
func (s *Service) command(ctx context.Context, a proto.Account, what *proto.Command) (proto.CommandAnswer, error) {
	commands, err := s.newCommands(a)
	if err != nil {
		return proto.CommandAnswer{}, err
	}
	defer commands.close()
	if err = commands.send(ctx, what, nil); err == nil {
		err = commands.finish(ctx)
	}
	return commands.total, err
}

// errUnanswered says that commands are stored and that the registry has not said what became of them.
func errUnanswered(cause error) error {
	return unavailable(cause, "the registry did not answer in time: what was sent is stored and will be done; "+
		"it does no harm to send it again")
}

var errNoAnswer = errors.New("no answer from the registry")
