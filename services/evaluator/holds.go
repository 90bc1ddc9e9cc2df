package evaluator

import (
	"context"
	"errors"
	"strconv"
	"sync"

	"plumbline.dev/bus"
	"plumbline.dev/bus/stage"
	"plumbline.dev/bus/topology"
	"plumbline.dev/bus/view"
	"plumbline.dev/proto"
)

// holdView holds the newest record of every hold. It is safe for concurrent use.
type holdView struct {
	*view.View

	mu      sync.Mutex
	records map[topology.HoldRef]holdRecord
}

type holdRecord struct {
	revision uint64
	at       proto.Millis // when the server stored it
	hold     *proto.Hold  // nil if the record is deleted or unreadable: a new one replaces it
}

func newHoldView(conn *bus.Conn) *holdView {
	v := &holdView{records: map[topology.HoldRef]holdRecord{}}
	v.View = view.New(conn, topology.Holds, []string{topology.AllHoldKeys}, v.apply)
	return v
}

func (v *holdView) apply(u bus.Update) error {
	ref, err := topology.ParseHoldKey(u.Key)
	if err != nil {
		return err
	}
	record := holdRecord{revision: u.Revision, at: proto.At(u.Time)}
	if !u.Deleted {
		hold := new(proto.Hold)
		if err = u.Decode(hold); err == nil {
			record.hold = hold
		}
	}
	v.mu.Lock()
	defer v.mu.Unlock()
	v.records[ref] = record
	return err
}

func (v *holdView) of(ref topology.HoldRef) holdRecord {
	v.mu.Lock()
	defer v.mu.Unlock()
	return v.records[ref]
}

// open returns the holds that are not over.
func (v *holdView) open() (all []topology.HoldRef) {
	v.mu.Lock()
	defer v.mu.Unlock()
	for ref, r := range v.records {
		if r.hold != nil && !r.hold.State.Over() {
			all = append(all, ref)
		}
	}
	return all
}

// count returns the number of holds by state.
func (v *holdView) count() map[proto.HoldState]int {
	v.mu.Lock()
	defer v.mu.Unlock()
	n := map[proto.HoldState]int{}
	for _, r := range v.records {
		if r.hold != nil {
			n[r.hold.State]++
		}
	}
	return n
}

// storeHold stores next in place of last, with an audit event if the state changed. If another evaluator or a person
// wrote the record first, the next round judges anew.
func (s *Service) storeHold(ctx context.Context, ref topology.HoldRef, last holdRecord, next *proto.Hold) error {
	var batch []bus.Outgoing
	if last.hold == nil || last.hold.ID != next.ID || last.hold.State != next.State {
		event, err := holdEvent(s.catalog, ref, last.hold, next)
		if err != nil {
			return err
		}
		batch = append(batch, bus.Outgoing{Subject: topology.Outbox(topology.Holds, ref.Account, event.ID),
			Body: &proto.AuditOutbox{Events: []*proto.AuditEvent{event}}, TTL: topology.OutboxTTL})
	}
	key := topology.HoldKey(ref.Account, ref.Integration, ref.Check)
	_, err := s.bus.Commit(ctx, append(batch, bus.PutMsg(topology.Holds, key, next, last.revision)))
	if errors.Is(err, bus.ErrConflict) {
		return nil
	}
	return err
}

// holdChanges is the stage that notifies other systems of changed holds and requests the evaluation of released pages.
func (s *Service) holdChanges(ctx context.Context) error {
	changes := s.stage("hold_changes", topology.BucketStream(topology.Holds), topology.ConsumerHolds, 2)
	return stage.Consume(ctx, s.bus, changes, s.holdChanged)
}

func (s *Service) holdChanged(ctx context.Context, m *bus.Msg) error {
	key, err := topology.KeyOf(topology.Holds, m.Subject)
	if err != nil {
		return bus.Permanent(err)
	}
	ref, err := topology.ParseHoldKey(key)
	if err != nil {
		return bus.Permanent(err)
	}
	if m.Deleted() {
		return nil
	}
	var hold proto.Hold
	if err := m.Decode(&hold); err != nil {
		return err
	}
	revision := strconv.FormatUint(m.Seq, 10)
	if hold.State == proto.HoldReleased {
		if err := s.release(ctx, ref, &hold, proto.At(m.Time), revision); err != nil {
			return err
		}
	}
	if hold.Unfreed > 0 {
		if err := s.release(ctx, ref, unfreed(&hold), hold.Freed, revision+".freed"); err != nil {
			return err
		}
	}
	_, err = s.bus.Publish(ctx, bus.Outgoing{Subject: topology.Hold(ref), Body: hold.Notice(ref.Account),
		MsgID: "hold:" + revision})
	return err
}

// unfreed returns a person's release of an earlier hold that the record requests again.
func unfreed(h *proto.Hold) *proto.Hold {
	return &proto.Hold{State: proto.HoldReleased, DecidedAt: h.Freed}
}

// release requests the evaluation of the pages of a released hold. A person's release covers every page, because a page
// that holds outcomes may not be in the overview yet.
func (s *Service) release(ctx context.Context, ref topology.HoldRef, hold *proto.Hold, storedAt proto.Millis,
	revision string) error {
	var pages map[topology.PageNumber]bool
	if len(hold.Release) == 0 {
		var err error
		if pages, err = s.evaluatedPages(ctx, ref.Account, ref.Integration); err != nil {
			return err
		}
	}
	return s.ask(ctx, releaseInputs(ref, hold, storedAt, revision, pages))
}

// releaseInputs returns the inputs that release a hold: one for each page that it lists, or for every page if it lists
// none. The time of the decision is when the server stored it, because the clock of the person's machine may be ahead,
// and an input that is delivered late must not release a hold that began after the decision. The time is not before the
// last judged poll, which another server may have stored by another clock.
func releaseInputs(ref topology.HoldRef, hold *proto.Hold, storedAt proto.Millis, revision string,
	pages map[topology.PageNumber]bool) (all []asked) {
	add := func(n topology.PageNumber, tick uint64) {
		all = append(all, asked{page: topology.PageRef{Account: ref.Account, Integration: ref.Integration, Page: n},
			id: revision, input: proto.Input{Cause: proto.CauseRelease, Tick: tick, Check: ref.Check,
				DecidedAt: max(storedAt, hold.PolledAt)}})
	}
	if len(hold.Release) > 0 {
		for _, p := range hold.Release {
			add(topology.PageNumber(p.Page), p.Tick)
		}
		return all
	}
	for n := range pages {
		add(n, 0)
	}
	return all
}
