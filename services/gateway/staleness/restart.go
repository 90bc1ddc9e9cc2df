package staleness

import (
	"context"
	"errors"
	"sync"
)

// Restartable wraps run so that it can be restarted while it runs: restart cancels the current run and starts a new
// one. Runs never overlap.
func Restartable(run func(context.Context) error) (again func(context.Context) error, restart func()) {
	r := &restartable{run: run}
	return r.Run, r.restart
}

type restartable struct {
	run  func(context.Context) error
	mu   sync.Mutex
	stop context.CancelCauseFunc // of the current run
}

// errRestart is the cause for cancelling a run that is restarted.
var errRestart = errors.New("restarted")

func (r *restartable) Run(ctx context.Context) error {
	for {
		own, stop := context.WithCancelCause(ctx)
		r.mu.Lock()
		r.stop = stop
		r.mu.Unlock()
		err := r.run(own)
		again := ctx.Err() == nil && errors.Is(context.Cause(own), errRestart)
		stop(nil)
		if !again {
			return err
		}
	}
}

func (r *restartable) restart() {
	r.mu.Lock()
	defer r.mu.Unlock()
	if r.stop != nil {
		r.stop(errRestart)
	}
}
