package hold

import (
	"context"
	"errors"
	"sync"
)

// Restartable makes of a part of a process one that can be started again while it runs: restart ends what
// runs and begins it anew. run must be able to run more than once, one after the other.
func Restartable(run func(context.Context) error) (again func(context.Context) error, restart func()) {
	r := &restartable{run: run}
	return r.Run, r.restart
}

type restartable struct {
	run  func(context.Context) error
	mu   sync.Mutex
	stop context.CancelCauseFunc // of the run under way
}

// errRestart is the end of a run that is begun anew.
var errRestart = errors.New("started again")

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
