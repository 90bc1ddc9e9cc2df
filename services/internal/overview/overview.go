package overview

import (
	"context"
	"fmt"
	"slices"
	"sync"

	"plumbline.dev/bus"
	"plumbline.dev/bus/topology"
	"plumbline.dev/proto"
)

// Page is what the newest entry of a page says of itself.
type Page struct {
	topology.PageRef
	Seq     uint64 // of the entry in POSTURE_LOG
	Summary proto.Summary
	// Since is when a page that was never polled began to wait: its oldest entry that this process saw.
	Since proto.Millis
	// TickChanged is how many results changed their outcome by the entries of the page's newest tick, as
	// far as this process saw them.
	TickChanged int
	// TickEntry is when the entry of the page's newest poll was made. Later entries keep that poll.
	TickEntry proto.Millis
}

type integration struct {
	account proto.Account
	id      proto.ID
}

// Overview is the newest entry's summary of every page. It is safe for concurrent use.
type Overview struct {
	conn *bus.Conn

	mu          sync.RWMutex
	pages       map[integration]map[topology.PageNumber]*Page
	caughtUp    chan struct{}
	subscribers map[int]func(Page)
	next        int
}

// New makes an overview; it is empty until [Overview.Run] has caught up.
func New(conn *bus.Conn) *Overview {
	return &Overview{
		conn: conn, pages: map[integration]map[topology.PageNumber]*Page{},
		caughtUp: make(chan struct{}), subscribers: map[int]func(Page){},
	}
}

// Run keeps the overview up to date until ctx ends, which is no error. It waits for the stream to be
// provisioned and outlives lost connections. It reads the stream from its beginning: it holds one message a page.
func (o *Overview) Run(ctx context.Context) error {
	if err := o.conn.AwaitTopology(ctx, topology.PostureState); err != nil {
		if ctx.Err() != nil {
			return nil
		}
		return err
	}
	t := &bus.Tail{Conn: o.conn, Stream: topology.PostureState, Filters: []string{topology.AllLogs}, Current: o.reached, Reset: o.reset,
		Apply: func(m *bus.Msg) error {
			if err := o.read(m); err != nil {
				// Its page is left as it was.
				o.conn.Unreadable(topology.PostureState, m.Subject, m.Seq, err)
			}
			return nil
		}}
	return t.Run(ctx)
}

// reset forgets the pages of a stream that was replaced.
func (o *Overview) reset() error {
	o.mu.Lock()
	defer o.mu.Unlock()
	clear(o.pages)
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
	o.apply(Page{PageRef: ref, Seq: seq, Summary: s})
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

// apply takes a page's entry, unless the overview has it, or a newer one, and tells the subscribers.
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
		p.TickEntry = p.Summary.PolledAt // milliseconds before; its own entry was not seen, perhaps
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
		}
		if p.Since != 0 && old.Since != 0 {
			p.Since = min(p.Since, old.Since)
		}
	}
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

// Await waits until the overview holds what the stream held when Run began.
func (o *Overview) Await(ctx context.Context) error {
	select {
	case <-o.caughtUp:
		return nil
	case <-ctx.Done():
		return fmt.Errorf("the overview of the pages is not complete yet: %w", context.Cause(ctx))
	}
}

// Subscribe has f called with every page that gets a new entry, those that Run reads at first included,
// one at a time, in the order of the log, until stop is called. A call may still be under way when stop
// returns. f holds up everything else: it must be quick, and may use the overview.
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

// Pages are those of an integration, by number, closed ones included.
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

// Page finds one page.
func (o *Overview) Page(ref topology.PageRef) (Page, bool) {
	o.mu.RLock()
	defer o.mu.RUnlock()
	p := o.pages[integration{ref.Account, ref.Integration}][ref.Page]
	if p == nil {
		return Page{}, false
	}
	return *p, true
}

// Newest is the sequence in POSTURE_LOG of the newest entry, 0 where there is none.
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

// Due are the pages of which a result has expired by now and whose entry does not show it yet, in no
// order.
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
