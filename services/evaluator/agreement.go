package evaluator

import (
	"context"
	"fmt"
	"time"

	"plumbline.dev/bus/topology"
)

// agreeEvery is how often the end of the log is compared with the entries of the state.
const agreeEvery = 10 * time.Second

// agreement checks that POSTURE_LOG is not behind POSTURE_STATE, its copy. A log rolled back or created anew under
// running services stays behind until the streams are provisioned. Until then the state accepts no entry.
func (s *Service) agreement(ctx context.Context) error {
	for {
		select {
		case <-ctx.Done():
			return nil
		case <-s.clock.After(agreeEvery):
		}
		newest := s.overview.Newest()
		log, err := s.bus.Position(ctx, topology.PostureLog)
		if err != nil {
			continue // Ready reports an unreachable bus
		}
		var disagree *error
		if newest > log.Last {
			err := fmt.Errorf(
				"POSTURE_LOG ends at %d, and POSTURE_STATE holds entry %d: the log was rolled back or created anew; "+
					"run plumb stack provision, then restart the services", log.Last, newest)
			disagree = &err
		}
		if was := s.disagree.Swap(disagree); disagree != nil && was == nil {
			s.log.Error("the log and the state do not agree", "err", *disagree)
		}
	}
}
