package evaluator

import (
	"context"
	"fmt"
	"time"

	"plumbline.dev/bus/topology"
	"plumbline.dev/proto"
)

// orphansEvery is the interval between two searches for entries without a page.
const orphansEvery = time.Hour

// orphans requests the evaluation of entries that may have no page, which closes them. The deletion of a page does so
// at once; the search finds entries left by earlier versions, and unreadable ones written by others.
func (s *Service) orphans(ctx context.Context) error {
	for {
		if err := s.orphansOnce(ctx); err != nil && ctx.Err() == nil {
			s.log.Warn("failed to search for entries without a page, retrying", "err", err, "in", orphansEvery)
		}
		select {
		case <-ctx.Done():
			return nil
		case <-s.clock.After(orphansEvery):
		}
	}
}

func (s *Service) orphansOnce(ctx context.Context) error {
	subjects, err := s.bus.Subjects(ctx, topology.PostureState, topology.AllLogs)
	if err != nil {
		return err
	}
	inventory := map[proto.Account]map[topology.PageNumber]bool{}
	var all []asked
	for subject := range subjects {
		ref, err := topology.ParsePage(subject)
		if err != nil {
			continue // no evaluator writes there
		}
		if inventory[ref.Account] == nil {
			if inventory[ref.Account], err = s.pageSet(ctx, ref.Account); err != nil {
				return err
			}
		}
		known, readable := s.overview.Page(ref)
		if readable && (known.Summary.Closed || known.Summary.Devices > 0 && inventory[ref.Account][ref.Page]) {
			continue
		}
		all = append(all, asked{page: ref, input: proto.Input{Cause: proto.CausePage},
			id: fmt.Sprintf("orphan.%d", known.Seq)})
	}
	return s.ask(ctx, all)
}

// pageSet returns the pages of an account, including deleted ones.
func (s *Service) pageSet(ctx context.Context, a proto.Account) (map[topology.PageNumber]bool, error) {
	pages, err := s.pagesOf(ctx, a)
	set := make(map[topology.PageNumber]bool, len(pages))
	for _, n := range pages {
		set[n] = true
	}
	return set, err
}
