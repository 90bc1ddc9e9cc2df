package overview

import (
	"context"
	"fmt"
	"maps"
	"slices"
	"sync"

	"plumbline.dev/bus"
	"plumbline.dev/bus/topology"
	"plumbline.dev/proto"
)

// Page is the summary in a page's newest entry.
type Page struct {
	topology.PageRef
	Seq     uint64 // of the entry in POSTURE_LOG
	Summary proto.Summary
	Flips   string // the header [proto.HeaderFlips]
	Ended   string // the header [proto.HeaderExemptionsEnded]
	// Outcomes are the counts of each check in the page's entry; nil if an earlier version wrote it. Changed counts
	// like TickChanged.
	Outcomes []proto.CheckOutcomes
	// Since is the time from which a page without a poll has waited: its oldest entry seen by this process.
	Since proto.Millis
	// TickChanged is the number of results with a changed outcome in the entries of the page's newest tick, as seen
	// by this process.
	TickChanged int
	// TickEntry is the time of the entry of the page's newest poll. Later entries keep that poll.
	TickEntry proto.Millis
}

type integration struct {
	account proto.Account
	id      proto.ID
}

// Overview holds the newest summary of every page. It is safe for concurrent use.
type Overview struct {
	conn *bus.Conn

	mu          sync.RWMutex
	pages       map[integration]map[topology.PageNumber]*Page
	caughtUp    chan struct{}
	history     map[integration]*history
	subscribers map[int]func(Page)
	next        int
}

// New returns an empty overview. [Overview.Run] fills it.
func New(conn *bus.Conn) *Overview {
	return &Overview{
		conn: conn, pages: map[integration]map[topology.PageNumber]*Page{},
		history: map[integration]*history{}, caughtUp: make(chan struct{}), subscribers: map[int]func(Page){},
	}
}

// Run keeps the overview up to date until ctx ends, and then returns nil. It waits for the stream to be provisioned
// and survives lost connections. It reads the stream from its beginning, which has one message per page.
func (o *Overview) Run(ctx context.Context) error {
	if err := o.conn.AwaitTopology(ctx, topology.PostureState); err != nil {
		if ctx.Err() != nil {
			return nil
		}
		return err
	}
	t := &bus.Tail{Conn: o.conn, Stream: topology.PostureState, Origin: topology.PostureLog,
		Filters: []string{topology.AllLogs}, Current: o.reached, Reset: o.reset,
		Apply: func(m *bus.Msg) error {
			if err := o.read(m); err != nil {
				// The page stays unchanged.
				o.conn.Unreadable(m.Stream, m.Subject, m.Seq, err)
			}
			return nil
		}}
	return t.Run(ctx)
}

// reset drops the pages of a replaced stream.
func (o *Overview) reset() error {
	o.mu.Lock()
	defer o.mu.Unlock()
	clear(o.pages)
	clear(o.history)
	return nil
}

func (o *Overview) read(m *bus.Msg) error {
	ref, err := topology.ParsePage(m.Subject)
	if err != nil {
		return err
	}
	seq, err := bus.LogSequence(m)
	if err != nil {
		return err
	}
	s, err := proto.ParseSummary(m.Header.Get(proto.HeaderSummary))
	if err != nil {
		return err
	}
	p := Page{PageRef: ref, Seq: seq, Summary: s, Flips: m.Header.Get(proto.HeaderFlips),
		Ended: m.Header.Get(proto.HeaderExemptionsEnded)}
	if text := m.Header.Get(proto.HeaderOutcomes); text != "" {
		if p.Outcomes, err = proto.ParseOutcomes(text); err != nil {
			p.Outcomes = nil // of a later version
		}
	}
	o.apply(p)
	return nil
}

func (o *Overview) reached() {
	o.mu.Lock()
	defer o.mu.Unlock()
	select {
	case <-o.caughtUp:
	default:
		close(o.caughtUp)
	}
}

// apply stores a page's entry unless the overview has it or a newer one, and calls the subscribers.
func (o *Overview) apply(p Page) {
	o.mu.Lock()
	k := integration{p.Account, p.Integration}
	pages := o.pages[k]
	if pages == nil {
		pages = map[topology.PageNumber]*Page{}
		o.pages[k] = pages
	}
	p.TickChanged, p.TickEntry = p.Summary.Changed, p.Summary.EvaluatedAt
	if p.Summary.Cause != proto.CausePoll {
		p.TickEntry = p.Summary.PolledAt // milliseconds earlier; the entry itself may not have been seen
	}
	if p.Summary.PolledAt == 0 {
		p.Since = p.Summary.EvaluatedAt
	}
	if old := pages[p.Page]; old != nil {
		if old.Seq >= p.Seq {
			o.mu.Unlock()
			return
		}
		if old.Summary.Tick == p.Summary.Tick {
			p.TickChanged += old.TickChanged
			p.TickEntry = old.TickEntry
			addChanged(p.Outcomes, old.Outcomes)
		}
		if p.Since != 0 && old.Since != 0 {
			p.Since = min(p.Since, old.Since)
		}
	}
	o.sample(k, &p)
	pages[p.Page] = &p
	subscribers := make([]func(Page), 0, len(o.subscribers))
	for _, f := range o.subscribers {
		subscribers = append(subscribers, f)
	}
	o.mu.Unlock()
	for _, f := range subscribers {
		f(p)
	}
}

// Await waits until the overview contains everything that the stream contained when Run began.
func (o *Overview) Await(ctx context.Context) error {
	select {
	case <-o.caughtUp:
		return nil
	case <-ctx.Done():
		return fmt.Errorf("the overview of the pages is not complete yet: %w", context.Cause(ctx))
	}
}

// Subscribe calls f for every page with a new entry, including those read initially, one at a time, in the order of
// the log, until stop is called. A call may still be running when stop returns. f blocks all other updates, so it
// must be quick. It may use the overview.
func (o *Overview) Subscribe(f func(Page)) (stop func()) {
	o.mu.Lock()
	defer o.mu.Unlock()
	n := o.next
	o.next++
	o.subscribers[n] = f
	return func() {
		o.mu.Lock()
		defer o.mu.Unlock()
		delete(o.subscribers, n)
	}
}

// Pages returns the pages of an integration, by number, including closed ones.
func (o *Overview) Pages(a proto.Account, id proto.ID) []Page {
	o.mu.RLock()
	defer o.mu.RUnlock()
	var out []Page
	for _, p := range o.pages[integration{a, id}] {
		out = append(out, *p)
	}
	slices.SortFunc(out, func(a, b Page) int { return int(a.Page) - int(b.Page) })
	return out
}

// Page looks up a page.
func (o *Overview) Page(ref topology.PageRef) (Page, bool) {
	o.mu.RLock()
	defer o.mu.RUnlock()
	p := o.pages[integration{ref.Account, ref.Integration}][ref.Page]
	if p == nil {
		return Page{}, false
	}
	return *p, true
}

// Newest returns the sequence in POSTURE_LOG of the newest entry; 0 without any.
func (o *Overview) Newest() (seq uint64) {
	o.mu.RLock()
	defer o.mu.RUnlock()
	for _, pages := range o.pages {
		for _, p := range pages {
			seq = max(seq, p.Seq)
		}
	}
	return seq
}

// Due returns the pages with an expired result that their entry does not show yet, in no order.
func (o *Overview) Due(now proto.Millis) []Page {
	o.mu.RLock()
	defer o.mu.RUnlock()
	var out []Page
	for _, pages := range o.pages {
		for _, p := range pages {
			if p.Summary.NextExpiry != 0 && p.Summary.NextExpiry <= now {
				out = append(out, *p)
			}
		}
	}
	return out
}

// Held returns the checks that some page holds outcomes of, in no order.
func (o *Overview) Held() []topology.HoldRef {
	o.mu.RLock()
	defer o.mu.RUnlock()
	found := map[topology.HoldRef]bool{}
	for k, pages := range o.pages {
		for _, p := range pages {
			if p.Summary.Closed || proto.HoldsIn(p.Flips) == 0 {
				continue
			}
			flips, err := proto.ParseFlips(p.Flips)
			if err != nil {
				continue // of a later version
			}
			for _, f := range flips {
				if f.Held {
					found[topology.HoldRef{Account: k.account, Integration: k.id, Check: f.Check}] = true
				}
			}
		}
	}
	return slices.Collect(maps.Keys(found))
}
