package hold

import (
	"context"
	"errors"
	"fmt"
	"time"

	"plumbline.dev/bus"
	"plumbline.dev/services/internal/clock"
)

// Stream tells how far a stream is; [bus.Conn] does.
type Stream interface {
	Position(ctx context.Context, stream string) (bus.Position, error)
	NextAfter(ctx context.Context, stream, filter string, after uint64) (uint64, error)
}

// View is what is known of a view of a stream.
type View struct {
	Name   string
	Stream string
	Filter string // the subjects of the stream that concern the view
	// Seen is the sequence up to which the view has seen everything that matches. It never decreases.
	Seen func() uint64
	// Restart, where it is set, has the view read the stream anew. It is called where the view does not get
	// what the stream has for it.
	Restart func()
}

const (
	// stuckAfter is for how long a view may make no progress, while its stream has something for it, before
	// it is started again. The client library takes ten seconds to find that the server forgot a consumer.
	stuckAfter = 2 * time.Second
	// lostAfter is for how long a view may lack something, or a stream be another one, while the stream's
	// leader answers, before the process has to begin anew.
	lostAfter = time.Minute
	// again is how soon a view that is behind is looked at again: what it lacks may be on its way.
	again = 25 * time.Millisecond
)

// OfStream makes a part of a view.
func OfStream(s Stream, c clock.Clock, v View) Part { return &viewPart{View: v, stream: s, clock: c} }

// viewPart confirms a view. It is used by one goroutine.
type viewPart struct {
	View
	stream Stream
	clock  clock.Clock

	created time.Time // of the stream that the view began with
	clear   uint64    // up to here nothing concerns the view that it has not seen
	// behind is since when the view lacks something and makes no progress; seen is how far it was then, and
	// restart when it is started again.
	behind  time.Time
	seen    uint64
	restart time.Time
	// replaced is since when the stream is not the one that was seen.
	replaced time.Time
}

func (p *viewPart) Name() string { return p.View.Name }

// errBehind is a view that lacks something.
var errBehind = errors.New("it has not seen what its stream holds")

// errReplaced is a stream that is not the one that the view has seen, or was set back.
var errReplaced = errors.New("its stream is another one, or was set back to an older state")

// Confirm implements Part.
func (p *viewPart) Confirm(ctx context.Context) (time.Time, error) {
	asked := p.clock.Now()
	position, err := p.stream.Position(ctx, p.Stream)
	if err != nil {
		p.behind, p.replaced = time.Time{}, time.Time{} // while nobody answers, nothing is held against the view
		return time.Time{}, err
	}
	if err := p.same(position); err != nil {
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
		case <-time.After(again):
		}
	}
}

// same makes sure that the stream is the one that the view has seen: positions in another mean nothing, and
// its watch would wait for numbers that do not come.
func (p *viewPart) same(position bus.Position) error {
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
		return Broken{fmt.Errorf("stream %s: %w; the process has to begin anew", p.Stream, errReplaced)}
	}
	return errReplaced
}

// stuck starts a view again that does not get what its stream has for it, at longer and longer intervals: a
// large view needs time to be read.
func (p *viewPart) stuck(seen, next uint64) error {
	now := p.clock.Now()
	if p.behind.IsZero() || seen != p.seen {
		p.behind, p.seen, p.restart = now, seen, now.Add(stuckAfter)
		return nil
	}
	behind := now.Sub(p.behind)
	switch {
	case behind >= lostAfter:
		return Broken{fmt.Errorf("stream %s: %w: message %d, for %s; the process has to begin anew",
			p.Stream, errBehind, next, behind.Round(time.Second))}
	case p.Restart != nil && !now.Before(p.restart):
		p.restart = now.Add(2 * behind)
		p.Restart()
	}
	return nil
}
