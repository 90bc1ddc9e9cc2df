package api

import (
	"context"

	"plumbline.dev/bus/topology"
	"plumbline.dev/proto"
)

// A revoked device stays in the inventory, in its page, and is no device to anybody else: the scoring APIs are
// not asked about it, its results end with changes to unknown, and no gateway knows it. An import that names it
// updates what is known of it and does not bring it back; to end the revocation does.

// revision is what becomes of devices together.
type revision struct {
	action  string // in the audit log
	command func([]proto.ID) *proto.Command
	gone    bool // the devices are not there afterwards
}

var (
	revocation   = revision{action: "revoke", command: func(ids []proto.ID) *proto.Command { return &proto.Command{Revoke: ids} }}
	unrevocation = revision{action: "unrevoke", command: func(ids []proto.ID) *proto.Command { return &proto.Command{Unrevoke: ids} }}
	removal      = revision{action: actionDelete, gone: true, command: func(ids []proto.ID) *proto.Command { return &proto.Command{Remove: ids} }}
)

// revise does something with devices, all of which must be there.
func (s *Service) revise(ctx context.Context, a proto.Account, r revision, ids []proto.ID) error {
	before, err := s.gather(ctx, a, ids)
	if err != nil {
		return err
	}
	announced := change{action: r.action, kind: kindDevice, before: before}
	if len(ids) == 1 {
		announced = change{action: r.action, kind: kindDevice, id: ids[0].String(), name: before[ids[0]].Hostname, before: before[ids[0]]}
	}
	action, err := s.begin(ctx, a, announced)
	if err != nil {
		return err
	}
	if _, err := s.command(ctx, a, r.command(ids)); err != nil {
		action.settle(ctx, err)
		return err
	}
	var after map[proto.ID]deviceView
	if !r.gone {
		if after, err = s.gather(ctx, a, ids); err != nil {
			after = nil // they were removed meanwhile
		}
	}
	var changes []change
	for _, id := range ids {
		was, is := before[id], after[id]
		if !r.gone && is.Device != nil && was.RevokedAt != nil && is.RevokedAt != nil && *was.RevokedAt == *is.RevokedAt {
			continue // it was so before
		}
		c := change{action: r.action, kind: kindDevice, id: id.String(), name: was.Hostname, before: was}
		if is.Device != nil {
			c.after = is
		}
		changes = append(changes, c)
	}
	action.end(ctx, changes...)
	return nil
}

// gather reads devices, as few pages as they are in; one that is not there is an error.
func (s *Service) gather(ctx context.Context, a proto.Account, ids []proto.ID) (map[proto.ID]deviceView, error) {
	if err := s.freshInventory(ctx); err != nil {
		return nil, err
	}
	wanted := map[topology.PageNumber]bool{}
	for _, id := range ids {
		page, found := s.inventory.find(a, id)
		if !found {
			return nil, errNoDevice
		}
		wanted[page] = true
	}
	all := map[proto.ID]deviceView{}
	for page := range wanted {
		p, err := s.inventoryPage(ctx, a, page)
		if err != nil {
			return nil, err
		}
		for _, list := range [][]proto.Device{p.Devices, p.Revoked} {
			for n := range list {
				all[list[n].ID] = viewDevice(page, &list[n])
			}
		}
	}
	some := map[proto.ID]deviceView{}
	for _, id := range ids {
		if some[id] = all[id]; all[id].Device == nil {
			return nil, errNoDevice
		}
	}
	return some, nil
}
