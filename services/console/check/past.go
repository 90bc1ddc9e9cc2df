package check

import (
	"time"

	"plumbline.dev/services/console/frame"
	"plumbline.dev/services/plumb/client"
)

// past is the data of a trial over the posture log, so far.
type past struct {
	Step, Steps int
	Lines       []client.TrialLine // the newest first
	Summary     *client.TrialLine  // nil until the trial is over
	Problem     string
}

// Bounds of a trial over the log.
const (
	pastSince = "30d"
	pastStep  = "6h"
	// showEvery is the least time between two pictures of the progress.
	showEvery = 250 * time.Millisecond
)

func pastOfStored(r *frame.Request) error { return tryPast(r, r.PathValue("id")) }
func pastOfNew(r *frame.Request) error    { return tryPast(r, "") }

// tryPast streams a trial of the form over the log. The trial ends when the browser leaves.
func tryPast(r *frame.Request, id string) error {
	f, p := queried(r), past{}
	q := trialRequest(id, f)
	q.Since, q.Step = pastSince, pastStep
	if !f.OK() {
		p.Problem = problemOf(f)
		return r.Fragment(set, "past", p, 0)
	}
	s, shown := r.Stream(), time.Time{}
	for line, err := range r.API.TryLog(r.Context(), q) {
		switch {
		case refused(f, err):
			p.Problem = problemOf(f)
		case err != nil:
			p.Problem = "The trial ended early: " + err.Error() + "."
		case line.Value.Kind == "summary":
			p.Summary = &line.Value
		default:
			p.Step, p.Steps = line.Value.Step, line.Value.Steps
			p.Lines = append([]client.TrialLine{line.Value}, p.Lines...)
		}
		if p.Problem == "" && p.Summary == nil && time.Since(shown) < showEvery {
			continue
		}
		shown = time.Now()
		if s.Template(set, "past", p) != nil || p.Problem != "" {
			return nil // the browser has left, or nothing follows
		}
	}
	return nil
}
