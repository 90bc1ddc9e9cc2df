// Package lifecycle runs the parts of a process together: started in order, stopped in reverse, in bounded time.
package lifecycle

import (
	"context"
	"errors"
	"fmt"
	"log/slog"
	"time"
)

// StopTimeout is how long a part may take to stop, unless the group says otherwise.
const StopTimeout = 4 * time.Second

// Group is the parts of a process. The zero value is usable; it is run once.
type Group struct {
	Log *slog.Logger // nil: no log
	// Timeout bounds how long each part may take to stop; 0 means [StopTimeout].
	Timeout time.Duration
	parts   []*part
}

type part struct {
	name   string
	run    func(context.Context) error
	cancel context.CancelFunc
	done   chan struct{}
	err    error
}

// Add puts a part at the end of the group. run works until its context ends and returns nil, or fails.
func (g *Group) Add(name string, run func(context.Context) error) {
	g.parts = append(g.parts, &part{name: name, run: run, done: make(chan struct{})})
}

// Run starts every part and waits until ctx ends or a part returns. Then it stops the others in reverse
// order, each before the one it was started after, and returns the first failure: of a part that failed,
// ended unasked, or did not stop in time.
func (g *Group) Run(ctx context.Context) error {
	log := g.Log
	if log == nil {
		log = slog.New(slog.DiscardHandler)
	}
	timeout := g.Timeout
	if timeout == 0 {
		timeout = StopTimeout
	}
	ended := make(chan *part, len(g.parts))
	for _, p := range g.parts {
		// Not under ctx: its end is passed on to the parts one by one, below.
		own, cancel := context.WithCancel(context.WithoutCancel(ctx))
		p.cancel = cancel
		log.Debug("starting", "part", p.name)
		go func() {
			p.err = p.run(own)
			close(p.done)
			ended <- p
		}()
	}
	var first error
	select {
	case <-ctx.Done():
	case p := <-ended:
		if first = p.err; first == nil {
			first = errors.New("ended unasked")
		}
		first = fmt.Errorf("%s: %w", p.name, first)
	}
	for i := len(g.parts) - 1; i >= 0; i-- {
		p := g.parts[i]
		p.cancel()
		select {
		case <-p.done:
			log.Debug("stopped", "part", p.name)
			if p.err != nil && !errors.Is(p.err, context.Canceled) && first == nil {
				first = fmt.Errorf("%s: %w", p.name, p.err)
			}
		case <-time.After(timeout):
			err := fmt.Errorf("%s did not stop within %v", p.name, timeout)
			log.Error("a part did not stop in time", "part", p.name, "timeout", timeout)
			if first == nil {
				first = err
			}
		}
	}
	return first
}
