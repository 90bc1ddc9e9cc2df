package evaluator

import (
	"context"
	"fmt"
	"math/bits"
	"time"

	"plumbline.dev/bus/topology"
	"plumbline.dev/proto"
	"plumbline.dev/services/internal/overview"
)

// sweep requests the evaluation of pages with an expired result. Every evaluator sweeps: the message id names the page,
// the entry and the attempt, so the server keeps one of them.
func (s *Service) sweep(ctx context.Context) error {
	sw := sweeper{swept: map[topology.PageRef]attempt{}}
	for {
		select {
		case <-ctx.Done():
			return nil
		case <-s.clock.After(s.cfg.Sweep):
		}
		if err := s.sweepOnce(ctx, &sw); err != nil && ctx.Err() == nil {
			s.log.Warn("cannot ask for expired results to be evaluated, trying again", "err", err)
		}
	}
}

func (s *Service) sweepOnce(ctx context.Context, sw *sweeper) error {
	now := proto.At(s.clock.Now())
	all, next := sw.plan(now, s.overview.Due(now))
	if err := s.ask(ctx, all); err != nil {
		return err
	}
	sw.swept = next
	return nil
}

// sweeper remembers its requests.
type sweeper struct {
	swept map[topology.PageRef]attempt
}

type attempt struct {
	seq uint64 // of the page's newest entry
	n   int
}

// sweepAgain is the time before a page still due is requested again: its evaluator's clock may be behind the sweeper's,
// so nothing had expired yet. The time doubles with each attempt.
const sweepAgain = 5 * time.Second

// plan returns the requests for due pages, and the ones to remember.
func (sw *sweeper) plan(now proto.Millis, due []overview.Page) (all []asked, next map[topology.PageRef]attempt) {
	next = make(map[topology.PageRef]attempt, len(due))
	for _, p := range due {
		late := time.Duration(now-p.Summary.NextExpiry) * time.Millisecond
		a := attempt{seq: p.Seq, n: bits.Len64(uint64(late / sweepAgain))}
		next[p.PageRef] = a
		if sw.swept[p.PageRef] != a {
			all = append(all,
				asked{page: p.PageRef, input: proto.Input{Cause: proto.CauseExpired}, id: fmt.Sprintf("%d.%d", a.seq, a.n)})
		}
	}
	return all, next
}
