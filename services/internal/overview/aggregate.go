package overview

import (
	"time"

	"plumbline.dev/bus/topology"
	"plumbline.dev/proto"
)

// Aggregate is an integration's pages together. Closed pages do not count.
type Aggregate struct {
	Pages, Devices int
	// Results by outcome, over all checks.
	Pass, Fail, Unknown int

	Tick    uint64 // the newest that any page was polled for; 0: none was
	Done    int    // pages whose newest poll is of that tick
	Changed int    // results that changed their outcome by the entries of that tick
	// FirstPoll and LastPoll are when the first and the last scores of that tick were stored, LastEntry when
	// the last entry of its polls was made (not of a check that was edited since), Took the longest call.
	FirstPoll, LastPoll, LastEntry proto.Millis
	Took                           time.Duration

	Failed int          // pages whose newest poll failed
	Error  proto.Reason // why, of one of them; ReasonNone where none failed
	// FailedPage is the one that Error is about.
	FailedPage topology.PageNumber

	OldestPoll proto.Millis // the oldest of the pages' newest polls, failed ones included; 0: no page was polled
	Unpolled   int          // pages that were never polled
	Waiting    proto.Millis // since when the first of those waits; 0: there is none
}

// Integration is the aggregate of an integration's pages; the zero value where it has none.
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

// earlier is the first of two moments, where 0 is none.
func earlier(a, b proto.Millis) proto.Millis {
	if a == 0 || (b != 0 && b < a) {
		return b
	}
	return a
}
