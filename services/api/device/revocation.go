package device

import (
	"context"

	"plumbline.dev/bus/topology"
	"plumbline.dev/proto"
	"plumbline.dev/services/api/store"
	"plumbline.dev/services/api/v4"
)

// A revoked device stays in the inventory, in its page, and is no device to anybody else: the scoring APIs are
// not asked about it, its results end with changes to unknown, and no gateway knows it. An import that names it
// updates what is known of it and does not bring it back; to end the revocation does.

// stateChange is what becomes of devices together.
type stateChange struct {
	action  string // in the audit log
	command func([]proto.ID) *proto.Command
	gone    bool // the devices are not there afterwards
}

var (
	revocation   = stateChange{action: "revoke", command: func(ids []proto.ID) *proto.Command { return &proto.Command{Revoke: ids} }}
	unrevocation = stateChange{action: "unrevoke", command: func(ids []proto.ID) *proto.Command { return &proto.Command{Unrevoke: ids} }}
	removal      = stateChange{action: store.ActionDelete, gone: true, command: func(ids []proto.ID) *proto.Command { return &proto.Command{Remove: ids} }}
)

// changeState does something with devices, all of which must be there.
func (s *API) changeState(ctx context.Context, a proto.Account, r stateChange, ids []proto.ID) error {
	before, err := s.gather(ctx, a, ids)
	if err != nil {
		return err
	}
	announced := store.Change{Action: r.action, Kind: AuditKind, Before: before}
	if len(ids) == 1 {
		announced = store.Change{Action: r.action, Kind: AuditKind, ID: ids[0].String(), Name: before[ids[0]].Hostname, Before: before[ids[0]]}
	}
	action, err := s.store.BeginAction(ctx, a, announced)
	if err != nil {
		return err
	}
	if _, err := s.command(ctx, a, r.command(ids)); err != nil {
		action.Settle(ctx, v4.Rejected(err))
		return err
	}
	var after map[proto.ID]deviceView
	if !r.gone {
		if after, err = s.gather(ctx, a, ids); err != nil {
			after = nil // they were removed meanwhile
		}
	}
	var changes []store.Change
	for _, id := range ids {
		was, is := before[id], after[id]
		if !r.gone && is.Device != nil && was.RevokedAt != nil && is.RevokedAt != nil && *was.RevokedAt == *is.RevokedAt {
			continue // it was so before
		}
		c := store.Change{Action: r.action, Kind: AuditKind, ID: id.String(), Name: was.Hostname, Before: was}
		if is.Device != nil {
			c.After = is
		}
		changes = append(changes, c)
	}
	action.End(ctx, changes...)
	return nil
}

// gather reads devices, as few pages as they are in; one that is not there is an error.
func (s *API) gather(ctx context.Context, a proto.Account, ids []proto.ID) (map[proto.ID]deviceView, error) {
	if err := s.Fresh(ctx); err != nil {
		return nil, err
	}
	wanted := map[topology.PageNumber]bool{}
	for _, id := range ids {
		page, found := s.Inventory.PageOf(a, id)
		if !found {
			return nil, ErrNotFound
		}
		wanted[page] = true
	}
	all := map[proto.ID]deviceView{}
	for page := range wanted {
		p, err := s.Page(ctx, a, page)
		if err != nil {
			return nil, err
		}
		for _, list := range [][]proto.Device{p.Devices, p.Revoked} {
			for n := range list {
				all[list[n].ID] = View(page, &list[n])
			}
		}
	}
	some := map[proto.ID]deviceView{}
	for _, id := range ids {
		if some[id] = all[id]; all[id].Device == nil {
			return nil, ErrNotFound
		}
	}
	return some, nil
}
