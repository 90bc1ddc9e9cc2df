package trial

import (
	"context"
	"net/http"
	"time"

	"plumbline.dev/bus/topology"
	"plumbline.dev/proto"
	"plumbline.dev/services/api/store"
	"plumbline.dev/services/api/v4"
	"plumbline.dev/services/evaluator/fold"
	"plumbline.dev/services/evaluator/trial"
)

const (
	PastAtOnce   = pastAtOnce
	ExtraEntries = extraEntries
)

// RunPast runs a trial of the log with the given times of its steps.
func RunPast(ctx context.Context, s *store.Store, pages []topology.PageRef, check *proto.Check, times []time.Time,
	w http.ResponseWriter, c *v4.Call) error {
	_, out, done, err := v4.NewStreams(1, nil).Begin(w, c)
	if err != nil {
		return err
	}
	defer done()
	t := &pastTrial{s: New(Deps{Store: s}), times: times, pages: pages, past: trial.NewPast(fold.Config{}, check),
		out: out,
		log: store.LogRange{Stream: topology.PostureLog,
			Subject: topology.LogOfIntegration(pages[0].Account, pages[0].Integration)}}
	if err := t.run(ctx); err != nil {
		return err
	}
	return out.Flush()
}
