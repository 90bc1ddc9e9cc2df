package staleness

import (
	"context"
	"errors"
	"fmt"
	"time"

	"plumbline.dev/bus"
	"plumbline.dev/services/internal/clock"
)

// Stream returns positions of a stream. [bus.Conn] implements it.
type Stream interface {
	Position(ctx context.Context, stream string) (bus.Position, error)
	NextAfter(ctx context.Context, stream, filter string, after uint64) (uint64, error)
}

// View describes a view of a stream.
type View struct {
	Name   string
	Stream string
	Filter string // the subjects of the stream that concern the view
	// Seen returns the sequence up to which the view has seen everything matching Filter. It never decreases.
	Seen func() uint64
	// Restart, if set, makes the view read the stream anew. It is called when the view misses messages of the stream.
	Restart func()
}

const (
	// stuckAfter is how long a view may make no progress, with messages waiting, before it is restarted. The client
	// library needs ten seconds to notice that the server lost a consumer.
	stuckAfter = 2 * time.Second
	// lostAfter is how long a view may miss messages, or a stream be a different one, while the leader answers,
	// before the process must restart.
	lostAfter = time.Minute
	// recheck is the delay before a lagging view is checked again: its messages may be on their way.
	recheck = 25 * time.Millisecond
)

// OfStream returns the part for a view.
func OfStream(s Stream, c clock.Clock, v View) Part { return &viewPart{View: v, stream: s, clock: c} }

// viewPart confirms a view. It is used by one goroutine.
type viewPart struct {
	View
	stream Stream
	clock  clock.Clock

	created time.Time // creation time of the original stream
	clear   uint64    // nothing up to here concerns the view except what it has seen
	// behind is since when the view has lagged without progress; seen is its position then, and restart the time of
	// its next restart.
	behind  time.Time
	seen    uint64
	restart time.Time
	// replaced is since when the stream differs from the original one.
	replaced time.Time
}

func (p *viewPart) Name() string { return p.View.Name }

// errBehind is the error of a lagging view.
var errBehind = errors.New("it lags behind its stream")

// errReplaced is the error of a recreated or restored stream.
var errReplaced = errors.New("its stream was recreated or restored to an older state")

// Confirm implements Part.
func (p *viewPart) Confirm(ctx context.Context) (time.Time, error) {
	asked := p.clock.Now()
	position, err := p.stream.Position(ctx, p.Stream)
	if err != nil {
		p.behind, p.replaced = time.Time{}, time.Time{} // while the server does not answer, the view is not to blame
		return time.Time{}, err
	}
	if err := p.checkStream(position); err != nil {
		return time.Time{}, err
	}
	at := asked.Add(-position.Heard)
	for {
		seen := p.Seen()
		if max(seen, p.clear) >= position.Last {
			p.behind = time.Time{}
			return at, nil
		}
		next, err := p.stream.NextAfter(ctx, p.Stream, p.Filter, max(seen, p.clear))
		switch {
		case err != nil:
			p.behind = time.Time{}
			return time.Time{}, err
		case next == 0 || next > position.Last:
			p.clear, p.behind = position.Last, time.Time{}
			return at, nil
		}
		if err := p.stuck(seen, next); err != nil {
			return time.Time{}, err
		}
		select {
		case <-ctx.Done():
			return time.Time{}, errBehind
		case <-time.After(recheck):
		}
	}
}

// checkStream checks that the stream is the original one: positions in another stream are meaningless, and its watch
// would wait for sequences that never come.
func (p *viewPart) checkStream(position bus.Position) error {
	if p.created.IsZero() {
		p.created = position.Created
	}
	if position.Created.Equal(p.created) && position.Last >= max(p.Seen(), p.clear) {
		p.replaced = time.Time{}
		return nil
	}
	if p.replaced.IsZero() {
		p.replaced = p.clock.Now()
	}
	if p.clock.Now().Sub(p.replaced) >= lostAfter {
		return Broken{fmt.Errorf("stream %s: %w; restart the process", p.Stream, errReplaced)}
	}
	return errReplaced
}

// stuck restarts a view that misses messages, at growing intervals: a large view takes time to read.
func (p *viewPart) stuck(seen, next uint64) error {
	now := p.clock.Now()
	if p.behind.IsZero() || seen != p.seen {
		p.behind, p.seen, p.restart = now, seen, now.Add(stuckAfter)
		return nil
	}
	behind := now.Sub(p.behind)
	switch {
	case behind >= lostAfter:
		return Broken{fmt.Errorf("stream %s: %w: message %d, for %s; restart the process",
			p.Stream, errBehind, next, behind.Round(time.Second))}
	case p.Restart != nil && !now.Before(p.restart):
		p.restart = now.Add(2 * behind)
		p.Restart()
	}
	return nil
}
