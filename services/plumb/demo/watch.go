package demo

import (
	"context"
	"time"

	"plumbline.dev/services/plumb/client"
)

// Watch follows the polls of one integration through the control plane's status.
type Watch struct {
	Client      *client.Client
	Integration string // id
	// Every is the time between two requests for the status. Default: 50 ms, because a poll of a few pages takes less
	// than a second, and the next one may follow at once.
	Every time.Duration
	// Settle is the time without progress, and without queued or running calls, after which a poll counts as complete.
	// Pages that an earlier poll is still calling are not part of a later poll. Default: 5 s.
	Settle time.Duration
	// Seen is called with each poll: whenever it has made progress, and once with over set when it is complete or a
	// later one has started.
	Seen func(p client.Poll, last bool)
	// Failed is called if the status cannot be read. Watch tries again.
	Failed func(error)
}

// Run follows polls until ctx ends, or until the function until returns true for a completed poll; until may be nil.
func (w *Watch) Run(ctx context.Context, until func(client.Poll) bool) error {
	every := w.Every
	if every == 0 {
		every = 50 * time.Millisecond
	}
	tick := time.NewTicker(every)
	defer tick.Stop()
	polls := tracker{settle: w.Settle}
	if polls.settle == 0 {
		polls.settle = 5 * time.Second
	}
	for {
		status, err := w.status(ctx)
		switch {
		case ctx.Err() != nil:
			return nil
		case err != nil && w.Failed != nil:
			w.Failed(err)
		case err != nil:
			return err
		default:
			for _, s := range polls.next(status, time.Now()) {
				w.Seen(s.poll, s.last)
				if s.last && until != nil && until(s.poll) {
					return nil
				}
			}
		}
		select {
		case <-ctx.Done():
			return nil
		case <-tick.C:
		}
	}
}

func (w *Watch) status(ctx context.Context) (*client.Poll, error) {
	all, err := w.Client.Status(ctx)
	if err != nil {
		return nil, err
	}
	for _, s := range all {
		if s.ID == w.Integration {
			return s.Poll, nil
		}
	}
	return nil, &client.Error{Status: 404, Message: "the integration is gone"}
}

// sight is a poll to show.
type sight struct {
	poll client.Poll
	last bool
}

// tracker finds what is new in a sequence of statuses.
type tracker struct {
	settle time.Duration
	poll   client.Poll
	over   bool      // poll was shown as complete
	since  time.Time // last progress of poll, or last time with a queued or running call
}

func (t *tracker) next(now *client.Poll, at time.Time) []sight {
	if now == nil || now.Tick < t.poll.Tick {
		return nil
	}
	var seen []sight
	if now.Tick > t.poll.Tick {
		if t.poll.Tick > 0 && !t.over && (t.poll.DonePages > 0 || t.poll.Pages == 0) {
			// Another poll started before this one was seen as complete. A poll without any progress is not shown.
			seen = append(seen, sight{t.poll, true})
		}
		t.over, t.poll = false, client.Poll{Tick: now.Tick, DonePages: -1}
	}
	if t.over {
		return seen
	}
	further := now.DonePages != t.poll.DonePages
	if further || now.Pending > 0 {
		t.since = at
	}
	t.over = now.Done() || at.Sub(t.since) >= t.settle
	if !further && !t.over {
		return seen
	}
	t.poll = *now
	return append(seen, sight{t.poll, t.over})
}
