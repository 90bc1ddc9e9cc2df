package enforcement

import (
	"bytes"
	"cmp"
	"context"
	"errors"
	"slices"
	"time"

	"plumbline.dev/bus"
	"plumbline.dev/bus/topology"
	"plumbline.dev/proto"
	"plumbline.dev/services/api/device"
	"plumbline.dev/services/api/store"
	"plumbline.dev/services/api/v4"
	"plumbline.dev/services/internal/catalog"
	"plumbline.dev/services/internal/overview"
)

// Why an exemption ended by itself.
const (
	endTime   = "time_over"
	endPasses = "device_passes"
	endDevice = "device_removed"
	endCheck  = "check_removed"
)

// Bounds of the ends.
const (
	endsLook  = 15 * time.Second // between looks while nothing changes
	endsRetry = time.Second      // after a failure
	endsBatch = 50               // exemptions of one write
	// endsBurst is the wait for more changes after one: a round reads every exemption.
	endsBurst = 100 * time.Millisecond
)

// ends deletes exemptions and observe switches that have ended, and audits each deletion. Evaluators ignore expired
// ones by themselves. Every replica does this; the revision of a record lets only one of them delete it. A replica
// decides by the configuration, the inventory and the newest entries, so it needs no state of its own after a restart.
type ends struct {
	*API
	wake chan struct{}
	// enrolled maps an exemption to the page's revision at which its device was last found enrolled.
	enrolled map[proto.ID]uint64
	last     struct { // the last page that the round read
		topology.PageRef
		*proto.Page
		err  error
		seen uint64 // revision of the view before the read, which is at least as new
	}
	inventory error   // why the inventory cannot be read in a round
	failed    []error // failures of a round, at most maxFailures
}

// RunEnds ends exemptions and observe switches until ctx ends.
func (s *API) RunEnds(ctx context.Context) error {
	e := &ends{API: s, wake: make(chan struct{}, 1), enrolled: map[proto.ID]uint64{}}
	defer s.posture.Overview.Subscribe(func(p overview.Page) {
		if p.Ended != "" {
			e.awaken()
		}
	})()
	if err := errors.Join(s.store.Catalog.Await(ctx), s.store.Holds.Await(ctx), s.posture.Overview.Await(ctx),
		s.device.Inventory.Await(ctx)); err != nil {
		if ctx.Err() != nil {
			return nil
		}
		return err
	}
	for {
		config, inventory := s.store.Catalog.Changed(), s.device.Inventory.Changed()
		next, err := e.round(ctx)
		pause := endsLook
		switch {
		case err != nil && ctx.Err() != nil:
			return nil
		case err != nil:
			s.store.Log.Warn("failed to end exemptions, retrying", "err", err)
			pause, config, inventory = endsRetry, nil, nil
		case next != 0:
			pause = min(pause, max(0, next.Time().Sub(s.store.Clock.Now())))
		}
		select {
		case <-ctx.Done():
			return nil
		case <-e.wake:
		case <-s.store.Clock.After(pause):
		case <-config:
			s.burst(ctx)
		case <-inventory:
			s.burst(ctx)
		}
	}
}

// burst waits endsBurst, or until ctx ends, so that one round handles a burst of changes.
func (s *API) burst(ctx context.Context) {
	select {
	case <-s.store.Clock.After(endsBurst):
	case <-ctx.Done():
	}
}

func (e *ends) awaken() {
	select {
	case e.wake <- struct{}{}:
	default:
	}
}

// ended is an exemption that has ended, and the reason.
type ended struct {
	catalog.Record[proto.Exemption]
	why string
}

// round deletes the exemptions and observe switches that have ended, and the holds whose check is gone. It returns the
// time of the next expiry, or 0 if none is pending. A failure leaves only its own records for the next round: an
// unreadable page does not keep the exemptions of other pages from ending.
func (e *ends) round(ctx context.Context) (next proto.Millis, err error) {
	// The configuration first: the device and the check of an exemption are older than its record.
	all := e.store.Catalog.AllExemptions()
	slices.SortStableFunc(all, func(a, b catalog.Record[proto.Exemption]) int {
		return cmp.Or(bytes.Compare(a.Account[:], b.Account[:]), cmp.Compare(a.Value.Page, b.Value.Page))
	})
	e.failed, e.inventory, e.last.Page, e.last.err = nil, nil, nil, nil
	if len(all) > 0 {
		e.inventory = e.device.Fresh(ctx)
		e.fail(e.inventory)
	}
	now, marks := proto.At(e.store.Clock.Now()), e.posture.Overview.EndedExemptions()
	var over []ended
	enrolled := make(map[proto.ID]uint64, len(all))
	for _, r := range all {
		if why, err := e.endReason(ctx, r, now, marks[r.Value.ID]); err == nil && why != "" {
			over = append(over, ended{r, why})
			continue
		}
		enrolled[r.Value.ID] = e.enrolled[r.Value.ID]
		next = sooner(next, r.Value.Until)
	}
	e.enrolled = enrolled
	next = sooner(next, e.endSwitches(ctx, now))
	e.removeHolds(ctx)
	e.endAll(ctx, now, over)
	return next, errors.Join(e.failed...)
}

// endAll ends exemptions. A write goes on when ctx ends; the rest is left for the next round.
func (e *ends) endAll(ctx context.Context, now proto.Millis, over []ended) {
	for some := range slices.Chunk(over, endsBatch) {
		for _, of := range byAccount(some) {
			if ctx.Err() != nil {
				return
			}
			err := e.end(ctx, now, of)
			if e.fail(err); isUnreachable(err) {
				return
			}
		}
	}
}

// maxFailures bounds the failures of a round that are logged.
const maxFailures = 10

// fail records a failure of the round; nil is none.
func (e *ends) fail(err error) {
	if err != nil && len(e.failed) < maxFailures {
		e.failed = append(e.failed, err)
	}
}

// isUnreachable reports whether an error concerns every record, and each further one would cost a timeout.
func isUnreachable(err error) bool {
	return errors.Is(err, bus.ErrTimeout) || errors.Is(err, bus.ErrNoResponders) || errors.Is(err, bus.ErrDisconnected) ||
		errors.Is(err, context.DeadlineExceeded) || errors.Is(err, context.Canceled)
}

// sooner returns the earlier of two times, where 0 means none.
func sooner(a, b proto.Millis) proto.Millis {
	if a == 0 || b != 0 && b < a {
		return b
	}
	return a
}

// byAccount splits exemptions that are sorted by account.
func byAccount(all []ended) (parts [][]ended) {
	for len(all) > 0 {
		n := slices.IndexFunc(all, func(x ended) bool { return x.Account != all[0].Account })
		if n < 0 {
			n = len(all)
		}
		parts, all = append(parts, all[:n]), all[n:]
	}
	return parts
}

// endReason returns the reason an exemption ended, or "" while it is active. marks are the pages that report its end.
func (e *ends) endReason(ctx context.Context, r catalog.Record[proto.Exemption], now proto.Millis,
	marks []overview.ExemptionEnd) (string, error) {
	x := r.Value
	if x.Until <= now {
		return endTime, nil
	}
	if !x.Check.IsZero() {
		if _, found := e.store.Catalog.Check(r.Account, x.Check); !found {
			return endCheck, nil
		}
	}
	if there, err := e.isEnrolled(ctx, r); err != nil || !there {
		return endDevice, err
	}
	return usedUp(x, e.integrationsOf(r.Account, x), marks), nil
}

// usedUp returns the reason an exemption ended according to its marks, or "" while it is active. An exemption from
// every check ends once the device passes the checks of every integration.
func usedUp(x *proto.Exemption, integrations []proto.ID, marks []overview.ExemptionEnd) string {
	why := endPasses
	for _, id := range integrations {
		n := slices.IndexFunc(marks, func(m overview.ExemptionEnd) bool { return m.Integration == id })
		if n < 0 {
			return ""
		}
		if marks[n].At >= x.Until {
			why = endTime // by the evaluator's clock
		}
	}
	if len(integrations) == 0 {
		return ""
	}
	return why
}

// isEnrolled reports whether the exemption's device still has the enrolment that it had when the exemption was made. A
// device stays on its page for as long as it is enrolled.
func (e *ends) isEnrolled(ctx context.Context, r catalog.Record[proto.Exemption]) (bool, error) {
	x, page := r.Value, topology.PageNumber(r.Value.Page)
	seen := e.device.Inventory.RevisionOf(r.Account, page)
	if seen != 0 && e.enrolled[x.ID] == seen {
		return true, nil
	}
	if err := e.read(ctx, topology.PageRef{Account: r.Account, Page: page}); err != nil {
		return false, err
	}
	p := e.last.Page
	is := func(d proto.Device) bool { return d.ID == x.Device && x.Concerns(d.EnrolledAt) }
	if !slices.ContainsFunc(p.Devices, is) && !slices.ContainsFunc(p.Revoked, is) {
		return false, nil
	}
	e.enrolled[x.ID] = e.last.seen
	return true, nil
}

// read loads the page into e.last unless it is there. Call it in page order, so that each page is read once.
func (e *ends) read(ctx context.Context, ref topology.PageRef) error {
	if e.last.PageRef == ref && (e.last.Page != nil || e.last.err != nil) {
		return e.last.err
	}
	if e.inventory != nil {
		return e.inventory
	}
	e.last.PageRef, e.last.seen = ref, e.device.Inventory.RevisionOf(ref.Account, ref.Page)
	e.last.Page, e.last.err = e.device.Page(ctx, ref.Account, ref.Page)
	e.fail(e.last.err)
	if isUnreachable(e.last.err) {
		e.inventory = e.last.err
	}
	return e.last.err
}

// endedView is an exemption that ended, in the audit log.
type endedView struct {
	device.ExemptionView
	EndedAt v4.Timestamp `json:"ended_at"`
	Because string       `json:"ended_because"`
}

// end deletes exemptions of one account and audits their ends. If another replica or a person wrote one of them first,
// end deletes none; the next round tries again with those that are left.
func (e *ends) end(ctx context.Context, now proto.Millis, all []ended) error {
	writes := make([]store.Write, len(all))
	for n, x := range all {
		view := e.device.ViewExemption(x.Account, x.Value)
		writes[n] = store.ConfigWrite(x.Account, topology.KindExemption, x.Value.ID, nil, store.PriorOf(x.Record))
		writes[n].Told = &store.Change{Action: store.ActionEnd, Kind: string(topology.KindExemption), ID: x.Value.ID.String(),
			Name: x.Value.DeviceName, Before: view, After: endedView{view, v4.Timestamp(now), x.why}}
	}
	_, err := e.store.Commit(ctx, all[0].Account, topology.Config, writes...)
	if errors.Is(err, bus.ErrConflict) {
		return nil
	}
	return err
}
