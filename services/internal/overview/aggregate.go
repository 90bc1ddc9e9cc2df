package overview

import (
	"time"

	"plumbline.dev/bus/topology"
	"plumbline.dev/proto"
)

// Aggregate combines an integration's pages, except closed ones.
type Aggregate struct {
	Pages, Devices int
	// Results by outcome, over all checks.
	Pass, Fail, Unknown int
	// Enforced counts the results with an outcome that is not by the score.
	Enforced proto.Enforced

	Tick    uint64 // the newest tick of any polled page; 0: none
	Done    int    // pages last polled for this tick
	Changed int    // results with a changed outcome in the entries of that tick
	// FirstPoll and LastPoll are the times at which the first and the last scores of that tick were stored, LastEntry
	// the time of the last entry of its polls (later edits of a check excluded), Took the longest call.
	FirstPoll, LastPoll, LastEntry proto.Millis
	Took                           time.Duration

	Failed int          // pages with a failed newest poll
	Error  proto.Reason // the reason for one of them; ReasonNone without failures
	// FailedPage is the page of Error.
	FailedPage topology.PageNumber

	OldestPoll proto.Millis // the oldest of the pages' newest polls, including failed ones; 0: none
	Unpolled   int          // pages without any poll
	Waiting    proto.Millis // since when the first of those has waited; 0: none
}

// Integration returns the aggregate of an integration's pages; the zero value without any.
func (o *Overview) Integration(a proto.Account, id proto.ID) Aggregate {
	o.mu.RLock()
	defer o.mu.RUnlock()
	var sum Aggregate
	pages := o.pages[integration{a, id}]
	for _, p := range pages {
		if !p.Summary.Closed {
			sum.Tick = max(sum.Tick, p.Summary.Tick)
		}
	}
	failed := ^uint32(0)
	for n, p := range pages {
		if p.Summary.Closed {
			continue
		}
		sum.add(p)
		if p.Summary.Error != proto.ReasonNone && uint32(n) < failed {
			failed, sum.Error, sum.FailedPage = uint32(n), p.Summary.Error, n
		}
	}
	return sum
}

func (sum *Aggregate) add(p *Page) {
	s := &p.Summary
	sum.Pages++
	sum.Devices += s.Devices
	sum.Pass += s.Pass
	sum.Fail += s.Fail
	sum.Unknown += s.Unknown
	sum.Enforced.Add(s.Enforced)
	if s.Error != proto.ReasonNone {
		sum.Failed++
	}
	if s.PolledAt == 0 {
		sum.Unpolled++
		sum.Waiting = earlier(sum.Waiting, p.Since)
		return
	}
	sum.OldestPoll = earlier(sum.OldestPoll, s.PolledAt)
	if s.Tick != sum.Tick {
		return
	}
	sum.Done++
	sum.Changed += p.TickChanged
	sum.FirstPoll = earlier(sum.FirstPoll, s.PolledAt)
	sum.LastPoll = max(sum.LastPoll, s.PolledAt)
	sum.LastEntry = max(sum.LastEntry, p.TickEntry)
	sum.Took = max(sum.Took, time.Duration(s.TookMillis)*time.Millisecond)
}

// earlier returns the earlier of two times, where 0 means none.
func earlier(a, b proto.Millis) proto.Millis {
	if a == 0 || (b != 0 && b < a) {
		return b
	}
	return a
}
