package fleet

import (
	"context"
	"errors"
	"slices"
	"sync/atomic"
	"time"

	"golang.org/x/sync/errgroup"
	"plumbline.dev/bus"
	"plumbline.dev/bus/topology"
	"plumbline.dev/proto"
	"plumbline.dev/services/api/device"
	"plumbline.dev/services/api/fleet/column"
)

// Bounds of a scan. The number of pages evaluated at once grows, because most requests need only the first ones.
const (
	scanWorkers = 4 // they wait for the bus while pages are read
	largestStep = 128
)

// maxWait is how long a request that accepts outdated results waits for new ones. Tests change it.
var maxWait = 100 * time.Millisecond

// scan is a read of the pages of an account.
type scan struct {
	s            *API
	account      proto.Account
	query        *column.Query
	integrations []proto.ID
	columns      *columns
	patient      bool      // wait for the newest results, as long as it takes
	deadline     time.Time // otherwise, wait until then
	outdated     atomic.Int64
	// acquire waits for permission to evaluate some pages; nil if the caller has permission for the whole scan.
	acquire func(context.Context) (done func(), err error)
}

// selected are the rows of a page that a query selects.
type selected struct {
	number topology.PageNumber
	page   *column.Page
	rows   column.Rows
}

// newScan begins a scan. It waits until the views include every write that was acknowledged before.
func (s *API) newScan(ctx context.Context, a proto.Account, q *column.Query, patient bool) (*scan, error) {
	if err := s.Device.Fresh(ctx); err != nil {
		return nil, err
	}
	c := &scan{s: s, account: a, query: q, columns: s.of(a), patient: patient, deadline: time.Now().Add(maxWait)}
	c.integrations = s.integrations(a)
	return c, nil
}

// run calls visit with the selected rows of each page, in order, beginning at a page. It ends early if visit returns
// [bus.ErrStop].
func (c *scan) run(ctx context.Context, from topology.PageNumber, visit func(*selected) error) error {
	var scanners [scanWorkers]*column.Scanner
	for n := range scanners {
		scanners[n] = c.query.Scanner()
	}
	pages := c.s.Device.Inventory.PagesFrom(c.account, from)
	for step := 1; len(pages) > 0; step = min(4*step, largestStep) {
		part := pages[:min(step, len(pages))]
		pages = pages[len(part):]
		found, err := c.evaluate(ctx, part, scanners[:])
		if err != nil {
			return err
		}
		for n := range found {
			if err := visit(&found[n]); err != nil {
				if errors.Is(err, bus.ErrStop) {
					return nil
				}
				return err
			}
		}
	}
	return nil
}

// evaluate returns the selected rows of pages.
func (c *scan) evaluate(ctx context.Context, pages []topology.PageNumber,
	scanners []*column.Scanner) ([]selected, error) {
	if c.acquire != nil {
		done, err := c.acquire(ctx)
		if err != nil {
			return nil, err
		}
		defer done()
	}
	found := make([]selected, len(pages))
	var next atomic.Int64
	g, ctx := errgroup.WithContext(ctx)
	for _, scanner := range scanners[:min(len(pages), len(scanners))] {
		g.Go(func() error {
			for n := int(next.Add(1)) - 1; n < len(pages); n = int(next.Add(1)) - 1 {
				p, err := c.load(ctx, pages[n])
				if err != nil {
					return err
				}
				found[n] = selected{pages[n], p, scanner.Select(p)}
			}
			return nil
		})
	}
	return found, g.Wait()
}

// load returns a page with the newest results, or with outdated ones if the scan does not wait any longer. Requests
// that need the same page at the same time share one read.
func (c *scan) load(ctx context.Context, n topology.PageNumber) (*column.Page, error) {
	for {
		if err := ctx.Err(); err != nil {
			return nil, context.Cause(ctx)
		}
		src, old := c.s.sourceOf(c.account, n, c.integrations), c.columns.page(n)
		if old != nil && src.has(old) {
			return old, nil
		}
		if old != nil && !c.patient && time.Now().After(c.deadline) {
			c.outdated.Add(1)
			c.s.readLater(c.account, n)
			return old, nil
		}
		p, done, err := c.columns.update(ctx, n, func(old *column.Page) (*column.Page, error) {
			return c.s.read(ctx, c.account, n, &src, old)
		})
		if err != nil {
			return nil, err
		}
		if done {
			if !src.has(p) { // the replicas lag
				c.outdated.Add(1)
			}
			return p, nil
		}
	}
}

// integrations returns the ids of the polled integrations, sorted.
func (s *API) integrations(a proto.Account) (all []proto.ID) {
	for _, i := range s.Posture.Polled(a) {
		all = append(all, i.Value.ID)
	}
	slices.SortFunc(all, device.CompareIDs)
	return all
}

// readLater has a page read in the background.
func (s *API) readLater(a proto.Account, n topology.PageNumber) {
	s.mu.Lock()
	s.behind[place{a, n}] = true
	s.mu.Unlock()
	select {
	case s.wake <- struct{}{}:
	default:
	}
}

// readBehind reads the pages that requests found outdated. A failure is left to the next request.
func (s *API) readBehind(ctx context.Context) {
	for ctx.Err() == nil {
		at, c, found := s.nextBehind()
		if !found {
			return
		}
		if c != nil {
			again := &scan{s: s, account: at.account, columns: c, patient: true, integrations: s.integrations(at.account)}
			_, _ = again.load(ctx, at.page)
		}
	}
}

// nextBehind removes a page that is to be read, and returns it with the columns of its account, nil if they were
// dropped.
func (s *API) nextBehind() (place, *columns, bool) {
	s.mu.Lock()
	defer s.mu.Unlock()
	for at := range s.behind {
		delete(s.behind, at)
		return at, s.accounts[at.account], true
	}
	return place{}, nil, false
}
