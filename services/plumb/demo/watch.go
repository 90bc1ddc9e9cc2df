package demo

import (
	"context"
	"time"

	"plumbline.dev/services/plumb/client"
)

// Watch follows the polls of one integration, over the control plane's status.
type Watch struct {
	Client      *client.Client
	Integration string // id
	// Every is how often the status is asked for; 0: twenty times a second. A poll of a few pages is over in
	// less than a glance, and one that is due at once may be followed by its slot's within another.
	Every time.Duration
	// Settle is after how long a poll that comes no further, and of which no call is queued or under way, is
	// over: pages that were still being asked about from an earlier poll are not asked for it. 0: 5 s.
	Settle time.Duration
	// Seen is called with each poll: while it runs whenever it has come further, and last when it is
	// over, or a later one has begun.
	Seen func(p client.Poll, last bool)
	// Failed is called when the status cannot be had; it is asked for again.
	Failed func(error)
}

// Run follows until ctx ends, or until until says so of a poll that is over; until may be nil.
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

// sight is a poll as it is to be shown.
type sight struct {
	poll client.Poll
	last bool
}

// tracker tells what is new in one status after the other.
type tracker struct {
	settle time.Duration
	poll   client.Poll
	over   bool      // poll was shown for the last time
	since  time.Time // when poll last came further, or had a call queued or under way
}

func (t *tracker) next(now *client.Poll, at time.Time) []sight {
	if now == nil || now.Tick < t.poll.Tick {
		return nil
	}
	var seen []sight
	if now.Tick > t.poll.Tick {
		if t.poll.Tick > 0 && !t.over && (t.poll.DonePages > 0 || t.poll.Pages == 0) {
			// Another poll began before this one was seen to end. Of one that was not seen to get anywhere
			// there is nothing to show.
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
