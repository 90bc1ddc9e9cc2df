package evaluator

import (
	"context"
	"fmt"
	"time"

	"plumbline.dev/bus"
	"plumbline.dev/bus/stage"
	"plumbline.dev/bus/topology"
	"plumbline.dev/proto"
)

// evaluate is the stage that handles inputs and commits entries.
func (s *Service) evaluate(ctx context.Context) error {
	return stage.Consume(ctx, s.bus, s.stage("evaluate", topology.PostureScores, topology.ConsumerEvaluate, s.cfg.Workers),
		s.input)
}

func (s *Service) input(ctx context.Context, m *bus.Msg) error {
	p, err := topology.ParsePage(m.Subject)
	if err != nil {
		return bus.Permanent(err)
	}
	var in proto.Input
	if err := m.Decode(&in); err != nil {
		return err
	}
	start := time.Now()
	reason, err := s.pages.evaluate(ctx, p, &in, proto.At(m.Time), m.Delivered > 1)
	s.metrics.evaluated(in.Cause, reason, err, time.Since(start))
	if err != nil {
		return fmt.Errorf("evaluate page %d of integration %s for tick %d (%s): %w", p.Page, p.Integration, in.Tick,
			in.Cause, err)
	}
	return nil
}
