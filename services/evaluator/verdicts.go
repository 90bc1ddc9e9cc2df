package evaluator

import (
	"context"
	"encoding/json"
	"errors"
	"strconv"

	"plumbline.dev/bus/topology"
	"plumbline.dev/proto"
	"plumbline.dev/services/evaluator/judge"
	"plumbline.dev/services/internal/catalog"
	"plumbline.dev/services/internal/holdview"
	"plumbline.dev/services/internal/overview"
)

// verdicts judges the holds of every integration until ctx ends. Every evaluator judges; the record's revision lets
// only one of them write.
func (s *Service) verdicts(ctx context.Context) error {
	for {
		select {
		case <-ctx.Done():
			return nil
		case <-s.clock.After(s.cfg.Sweep):
		}
		if err := s.judgeOnce(ctx); err != nil && ctx.Err() == nil {
			s.log.Warn("cannot store a verdict about a hold, trying again", "err", err)
		}
	}
}

// judgeOnce judges every hold. One that fails holds up no other.
func (s *Service) judgeOnce(ctx context.Context) (failed error) {
	refs := map[topology.HoldRef]bool{}
	for _, ref := range s.holds.open() {
		refs[ref] = true
	}
	for _, ref := range s.overview.Held() {
		refs[ref] = true
	}
	for ref := range refs {
		// The record is read before the pages: replacing an outdated record fails, judging outdated pages would not.
		last := s.holds.of(ref)
		c := judge.Case{Integration: ref.Integration, Check: ref.Check, Last: last.hold, LastAt: last.at,
			Now: proto.At(s.clock.Now()), Pages: judgedPages(s.overview.Pages(ref.Account, ref.Integration))}
		check, _ := s.catalog.Check(ref.Account, ref.Check)
		c.Breaker = proto.BreakerOf(check.Value, s.catalog.Organization(ref.Account).Value)
		next := c.Next()
		if next == nil {
			continue
		}
		failed = errors.Join(failed, s.storeHold(ctx, ref, last, next))
		if ctx.Err() != nil {
			break
		}
	}
	return failed
}

// judgedPages returns the pages with a poll and with devices.
func judgedPages(all []overview.Page) (out []judge.Page) {
	for _, p := range all {
		s := &p.Summary
		if s.Closed || s.PolledAt == 0 || s.Devices == 0 {
			continue
		}
		flips, err := proto.ParseFlips(p.Flips)
		if err != nil {
			flips = nil // an entry of a version without a breaker
		}
		out = append(out, judge.Page{Number: uint32(p.Page), Tick: s.Tick, PolledAt: s.PolledAt, Checks: flips})
	}
	return out
}

// holdEvent returns the audit event of a hold's new state. The event shows the hold with the members that the API uses.
func holdEvent(c *catalog.Catalog, ref topology.HoldRef, last, next *proto.Hold) (*proto.AuditEvent, error) {
	if last != nil && last.ID != next.ID {
		last = nil
	}
	id, action := "hold "+next.ID.String()+" "+string(next.State), "create"
	var before json.RawMessage
	if last != nil {
		action = "update"
		if last.State == proto.HoldRejected {
			id += " " + strconv.FormatInt(int64(last.DecidedAt), 10) // it may stand again several times
		}
		var err error
		if before, err = json.Marshal(holdview.Of(c, ref.Account, last)); err != nil {
			return nil, err
		}
	}
	shown := holdview.Of(c, ref.Account, next)
	after, err := json.Marshal(shown)
	if err != nil {
		return nil, err
	}
	return &proto.AuditEvent{ID: proto.DeriveID(ref.Account, id), At: next.UpdatedAt,
		Actor: proto.Actor{Type: "system", Name: "breaker"}, Action: action, Kind: "hold", Resource: next.ID.String(),
		Name: shown.Name, Before: before, After: after}, nil
}
