package fleet

import (
	"context"

	"golang.org/x/sync/errgroup"
	"plumbline.dev/bus/topology"
	"plumbline.dev/proto"
	"plumbline.dev/services/api/device"
	"plumbline.dev/services/api/v4"
)

// view returns the devices of rows as a list shows them. It reads each page once. Devices that left the inventory in
// the meantime are left out.
func (c *scan) view(ctx context.Context, found []foundRow) ([]listedDevice, error) {
	records := map[topology.PageNumber]map[proto.ID]*proto.Device{}
	for n := range found {
		records[found[n].number] = nil
	}
	type page struct {
		number  topology.PageNumber
		devices map[proto.ID]*proto.Device
	}
	read := make(chan page, len(records))
	g, ctx := errgroup.WithContext(ctx)
	g.SetLimit(scanWorkers)
	for number := range records {
		g.Go(func() error {
			devices, err := c.s.devices(ctx, c.account, number)
			read <- page{number, devices}
			return err
		})
	}
	if err := g.Wait(); err != nil {
		return nil, err
	}
	close(read)
	for p := range read {
		records[p.number] = p.devices
	}
	checks, views := c.s.checks(c.account), make([]listedDevice, 0, len(found))
	for n := range found {
		f := &found[n]
		if d := records[f.number][f.id()]; d != nil {
			v := c.row(f, d, checks)
			v.Exemptions = c.s.Device.Exemptions(c.account, d)
			views = append(views, v)
		}
	}
	return views, nil
}

// devices reads the devices of a page, with the revoked ones.
func (s *API) devices(ctx context.Context, a proto.Account, n topology.PageNumber) (map[proto.ID]*proto.Device, error) {
	record, err := s.Device.Page(ctx, a, n)
	if err != nil {
		return nil, err
	}
	all := make(map[proto.ID]*proto.Device, len(record.Devices)+len(record.Revoked))
	for _, list := range [][]proto.Device{record.Devices, record.Revoked} {
		for n := range list {
			all[list[n].ID] = &list[n]
		}
	}
	return all, nil
}

// row returns a device without its exemptions.
func (c *scan) row(f *foundRow, d *proto.Device, checks []*proto.Check) listedDevice {
	v := listedDevice{EnrolledDevice: device.View(f.number, d), Checks: make([]checkState, len(checks))}
	if score, at, found := f.page.Score(f.row); found {
		v.Score, v.ScoredAt = &score, v4.Timestamp(at)
	}
	for n, check := range checks {
		outcome, observed, enforced := f.page.State(check.ID, f.row)
		v.Checks[n] = checkState{Check: check.ID, Name: check.Name, Outcome: outcome, Observed: observed}
		if enforced != proto.ReasonNone {
			v.Checks[n].Enforced = enforced.String()
		}
	}
	return v
}
