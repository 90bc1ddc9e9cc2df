package device

import (
	"context"
	"errors"
	"net/http"
	"slices"
	"time"

	"plumbline.dev/bus"
	"plumbline.dev/bus/topology"
	"plumbline.dev/proto"
	"plumbline.dev/services/api/permission"
	"plumbline.dev/services/api/resource"
	"plumbline.dev/services/api/store"
	"plumbline.dev/services/api/v4"
)

// Routes returns the routes of devices, registrations and imports.
func (s *API) Routes() []v4.Route {
	const all, one = v4.AccountPath + "/plumbline/devices", v4.AccountPath + "/plumbline/devices/{id}"
	return slices.Concat(s.physicalRoutes(), s.registrationRoutes(), s.legacyDeviceRoutes(), []v4.Route{
		{Method: http.MethodPost, Path: all, Scope: permission.Devices, Stream: s.importDevices},
		{Method: http.MethodGet, Path: one, Scope: permission.Devices, Handle: s.getDevice},
		{Method: http.MethodDelete, Path: one, Scope: permission.Devices, Handle: s.deleteDevice},
	})
}

// EnrolledDevice is an enrolled device in a response.
type EnrolledDevice struct {
	*proto.Device
	Page       topology.PageNumber `json:"page"`
	EnrolledAt v4.Timestamp        `json:"enrolled_at"`
	UpdatedAt  v4.Timestamp        `json:"updated_at"`
	RevokedAt  *v4.Timestamp       `json:"revoked_at,omitempty"`
	Exemptions []ExemptionView     `json:"exemptions,omitempty" says:"Active exemptions; absent if there are none."`
}

func (s *API) getDevice(ctx context.Context, c *v4.Call) (v4.Response, error) {
	id, err := c.ID("id", ErrNotFound)
	if err != nil {
		return v4.Response{}, err
	}
	page, d, err := s.Find(ctx, c.Account, id)
	if err == nil {
		err = s.store.Fresh(ctx)
	}
	if err != nil {
		return v4.Response{}, err
	}
	v := View(page, d)
	v.Exemptions = s.Exemptions(c.Account, d)
	return v4.Response{Result: v, Messages: resource.ObserveNotice(s.store, c.Account)}, nil
}

// View returns a device as responses show it, without exemptions.
func View(page topology.PageNumber, d *proto.Device) EnrolledDevice {
	v := EnrolledDevice{Device: d, Page: page, EnrolledAt: v4.Timestamp(d.EnrolledAt),
		UpdatedAt: v4.Timestamp(d.UpdatedAt)}
	if d.RevokedAt != 0 {
		v.RevokedAt = (*v4.Timestamp)(&d.RevokedAt)
	}
	return v
}

// AuditKind is the kind of a device in the audit log.
const AuditKind = "device"

// Fresh waits until the inventory includes every write that was acknowledged before the call.
func (s *API) Fresh(ctx context.Context) error {
	return store.UpToDate(ctx, s.position, s.Inventory)
}

// Find returns a device, even a revoked one, and its page.
func (s *API) Find(ctx context.Context, a proto.Account, id proto.ID) (topology.PageNumber, *proto.Device, error) {
	for range store.MaxAttempts {
		if err := s.Fresh(ctx); err != nil {
			return 0, nil, err
		}
		page, found := s.Inventory.PageOf(a, id)
		if !found {
			return 0, nil, ErrNotFound
		}
		p, err := s.Page(ctx, a, page)
		if err != nil {
			return 0, nil, err
		}
		for _, list := range [][]proto.Device{p.Devices, p.Revoked} {
			if n := slices.IndexFunc(list, func(d proto.Device) bool { return d.ID == id }); n >= 0 {
				return page, &list[n], nil
			}
		}
		// The device left the page in the meantime.
	}
	return 0, nil, ErrNotFound
}

// Page reads a page that is at least as new as the view; a deleted page is empty.
func (s *API) Page(ctx context.Context, a proto.Account, page topology.PageNumber) (*proto.Page, error) {
	p, _, err := s.PageAt(ctx, a, page)
	return p, err
}

// PageAt is [API.Page] with the revision of the page.
func (s *API) PageAt(ctx context.Context, a proto.Account, page topology.PageNumber) (*proto.Page, uint64, error) {
	for range store.MaxAttempts {
		seen := s.Inventory.RevisionOf(a, page)
		p := new(proto.Page)
		revision, err := s.store.Conn.Get(ctx, topology.Devices, topology.PageKey(a, page), p)
		if errors.Is(err, bus.ErrNotFound) && revision >= seen {
			return &proto.Page{}, revision, nil
		}
		if err != nil && !errors.Is(err, bus.ErrNotFound) {
			return nil, 0, err
		}
		if revision >= seen {
			return p, revision, nil
		}
		// This replica of the bucket lags; another may answer.
		select {
		case <-time.After(replicaPause):
		case <-ctx.Done():
			return nil, 0, ctx.Err()
		}
	}
	return nil, 0, v4.Unavailable(nil, "the inventory is temporarily unavailable: try again")
}

// replicaPause is the wait before a lagging replica is asked again.
const replicaPause = 5 * time.Millisecond

// deleteDevice removes a device. Its results end with changes to unknown.
func (s *API) deleteDevice(ctx context.Context, c *v4.Call) (v4.Response, error) {
	id, err := c.ID("id", ErrNotFound)
	if err != nil {
		return v4.Response{}, err
	}
	var before any
	if page, d, err := s.Find(ctx, c.Account, id); err == nil {
		before = View(page, d)
	}
	told := store.Change{Action: store.ActionDelete, Kind: AuditKind, ID: id.String(), Before: before}
	action, err := s.store.BeginAction(ctx, c.Account, told)
	if err != nil {
		return v4.Response{}, err
	}
	done, err := s.command(ctx, c.Account, &proto.Command{Remove: []proto.ID{id}})
	if err == nil && done.Removed == 0 {
		err = ErrNotFound
	}
	if err != nil {
		action.Settle(ctx, v4.Rejected(err))
		return v4.Response{}, err
	}
	action.End(ctx, told)
	return v4.OK(v4.IDOnly{ID: id}), nil
}

// command has the registry run a command, and returns its answer.
func (s *API) command(ctx context.Context, a proto.Account, what *proto.Command) (proto.CommandAnswer, error) {
	commands, err := s.newCommands(a)
	if err != nil {
		return proto.CommandAnswer{}, err
	}
	defer commands.Close()
	if err = commands.send(ctx, what, nil); err == nil {
		err = commands.finish(ctx)
	}
	return commands.total, err
}

// errUnanswered returns the error for commands that are stored but not answered yet.
func errUnanswered(cause error) error {
	return v4.Unavailable(cause, "the registry did not answer in time: the request is stored and will be processed; "+
		"it is safe to send it again")
}

var errNoAnswer = errors.New("no answer from the registry")

// ErrNotFound is the error for a device that is not enrolled.
var ErrNotFound = v4.Errorf(http.StatusNotFound, v4.CodeNotFound, "device not found")
