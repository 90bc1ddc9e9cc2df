package device

import (
	"context"

	"plumbline.dev/bus/topology"
	"plumbline.dev/proto"
	"plumbline.dev/services/api/store"
	"plumbline.dev/services/api/v4"
)

// A revoked device stays in its inventory page but is hidden from other services: the scoring APIs are not called for
// it, its results end with changes to unknown, and no gateway knows it. An import updates it without enrolling it
// again; only ending the revocation does.

// stateChange is a change that is applied to several devices at once.
type stateChange struct {
	action  string // in the audit log
	command func([]proto.ID) *proto.Command
	gone    bool // the devices do not exist afterwards
}

var (
	revocation = stateChange{action: "revoke",
		command: func(ids []proto.ID) *proto.Command { return &proto.Command{Revoke: ids} }}
	unrevocation = stateChange{action: "unrevoke",
		command: func(ids []proto.ID) *proto.Command { return &proto.Command{Unrevoke: ids} }}
	removal = stateChange{action: store.ActionDelete, gone: true,
		command: func(ids []proto.ID) *proto.Command { return &proto.Command{Remove: ids} }}
)

// changeState changes the state of devices. It returns an error if one of them does not exist.
func (s *API) changeState(ctx context.Context, a proto.Account, r stateChange, ids []proto.ID) error {
	before, err := s.gather(ctx, a, ids)
	if err != nil {
		return err
	}
	announced := store.Change{Action: r.action, Kind: AuditKind, Before: before}
	if len(ids) == 1 {
		announced = store.Change{Action: r.action, Kind: AuditKind, ID: ids[0].String(), Name: before[ids[0]].Hostname,
			Before: before[ids[0]]}
	}
	action, err := s.store.BeginAction(ctx, a, announced)
	if err != nil {
		return err
	}
	if _, err := s.command(ctx, a, r.command(ids)); err != nil {
		action.Settle(ctx, v4.Rejected(err))
		return err
	}
	var after map[proto.ID]EnrolledDevice
	if !r.gone {
		if after, err = s.gather(ctx, a, ids); err != nil {
			after = nil // removed in the meantime
		}
	}
	var changes []store.Change
	for _, id := range ids {
		was, is := before[id], after[id]
		if !r.gone && is.Device != nil && was.RevokedAt != nil && is.RevokedAt != nil && *was.RevokedAt == *is.RevokedAt {
			continue // no change
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

// gather reads devices, each page once. It returns an error if a device does not exist.
func (s *API) gather(ctx context.Context, a proto.Account, ids []proto.ID) (map[proto.ID]EnrolledDevice, error) {
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
	all := map[proto.ID]EnrolledDevice{}
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
	some := map[proto.ID]EnrolledDevice{}
	for _, id := range ids {
		if some[id] = all[id]; all[id].Device == nil {
			return nil, ErrNotFound
		}
	}
	return some, nil
}
