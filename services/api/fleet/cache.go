package fleet

import (
	"context"
	"sync"
	"time"

	"plumbline.dev/bus/topology"
	"plumbline.dev/proto"
	"plumbline.dev/services/api/fleet/column"
)

// columns are the pages of an account that requests have read.
type columns struct {
	mu    sync.RWMutex
	pages map[topology.PageNumber]*column.Page
	reads map[topology.PageNumber]chan struct{} // in progress, closed at their ends
	used  time.Time
}

func newColumns() *columns {
	return &columns{pages: map[topology.PageNumber]*column.Page{}, reads: map[topology.PageNumber]chan struct{}{}}
}

// of returns the columns of an account.
func (s *API) of(a proto.Account) *columns {
	s.mu.Lock()
	defer s.mu.Unlock()
	c := s.accounts[a]
	if c == nil {
		c = newColumns()
		s.accounts[a] = c
	}
	c.used = s.Store.Clock.Now()
	return c
}

// dropIdle drops the columns of accounts without a recent request.
func (s *API) dropIdle(now time.Time) {
	s.mu.Lock()
	defer s.mu.Unlock()
	for a, c := range s.accounts {
		if now.Sub(c.used) >= idle {
			delete(s.accounts, a)
		}
	}
}

// Bytes returns the memory of the columns of all accounts, without the ids, which the inventory holds anyway.
func (s *API) Bytes() (n int) {
	s.mu.Lock()
	defer s.mu.Unlock()
	for _, c := range s.accounts {
		c.mu.RLock()
		for _, p := range c.pages {
			n += p.Text.Bytes()
			for _, r := range p.Results {
				n += r.Bytes()
			}
		}
		c.mu.RUnlock()
	}
	return n
}

func (c *columns) page(n topology.PageNumber) *column.Page {
	c.mu.RLock()
	defer c.mu.RUnlock()
	return c.pages[n]
}

// update replaces a page by what read makes of it, or, if another request reads the page at this moment, waits for the
// end of that read and reports false: the caller decides whether the page is now new enough.
func (c *columns) update(ctx context.Context, n topology.PageNumber,
	read func(old *column.Page) (*column.Page, error)) (p *column.Page, done bool, err error) {
	c.mu.Lock()
	old, reading := c.pages[n], c.reads[n]
	if reading != nil {
		c.mu.Unlock()
		select {
		case <-reading:
			return nil, false, nil
		case <-ctx.Done():
			return nil, false, context.Cause(ctx)
		}
	}
	reading = make(chan struct{})
	c.reads[n] = reading
	c.mu.Unlock()
	defer func() {
		c.mu.Lock()
		defer c.mu.Unlock()
		if p != nil {
			c.pages[n] = p
		}
		delete(c.reads, n)
		close(reading)
	}()
	p, err = read(old)
	return p, true, err
}

// source says which versions a page must have at least.
type source struct {
	revision     uint64
	integrations []topology.PageRef
	seqs         []uint64 // of their newest entries
}

// sourceOf returns the newest versions that this process knows of a page.
func (s *API) sourceOf(a proto.Account, n topology.PageNumber, integrations []proto.ID) source {
	src := source{revision: s.Device.Inventory.RevisionOf(a, n)}
	for _, i := range integrations {
		ref := topology.PageRef{Account: a, Integration: i, Page: n}
		if p, found := s.Posture.Overview.Page(ref); found && !p.Summary.Closed {
			src.integrations, src.seqs = append(src.integrations, ref), append(src.seqs, p.Seq)
		}
	}
	return src
}

// has reports whether a page has the versions.
func (src *source) has(p *column.Page) bool {
	if p.Text.Revision < src.revision || len(p.Results) != len(src.seqs) {
		return false
	}
	for n, r := range p.Results {
		if r.Integration != src.integrations[n].Integration || r.Seq < src.seqs[n] {
			return false
		}
	}
	return true
}

// read reads the parts of a page that the old columns, which may be nil, do not have. Results are older than src if the
// replicas that answered lag: the next request reads them again.
func (s *API) read(ctx context.Context, a proto.Account, n topology.PageNumber, src *source,
	old *column.Page) (*column.Page, error) {
	p, entries := &column.Page{}, entries{last: s.Store.Conn.Last, unreadable: s.Store.Conn.Unreadable}
	if old != nil && old.Text.Revision >= src.revision {
		p.Text = old.Text
	} else {
		record, revision, err := s.Device.PageAt(ctx, a, n)
		if err != nil {
			return nil, err
		}
		p.Text = column.NewText(record, revision)
		p.Text.Share(s.Device.Inventory.IDsOf(a, n, revision))
	}
	for i, ref := range src.integrations {
		if old != nil && p.Text == old.Text && i < len(old.Results) && old.Results[i].Seq >= src.seqs[i] &&
			old.Results[i].Integration == ref.Integration {
			p.Results = append(p.Results, old.Results[i])
			continue
		}
		e, seq, err := entries.newest(ctx, ref, src.seqs[i])
		if err != nil {
			return nil, err
		}
		p.Results = append(p.Results, column.NewResults(e, ref.Integration, seq, p.Text))
	}
	return p, nil
}
