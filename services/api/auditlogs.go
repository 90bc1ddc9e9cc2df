package api

import (
	"context"
	"net/http"
	"slices"
	"time"

	"plumbline.dev/bus"
	"plumbline.dev/bus/topology"
	"plumbline.dev/proto"
)

func (s *Service) auditRoutes() []route {
	return []route{
		{method: http.MethodGet, path: accountPath + "/audit_logs", of: areaAudit, handle: s.auditLogs},
		{method: http.MethodGet, path: accountPath + "/logs/audit", of: areaAudit, handle: s.newAuditLogs},
	}
}

// Bounds of reading the audit log. It is read from the stream at each request, and nothing of it is kept.
const (
	auditPerPage = 100
	maxAudits    = 4       // requests that read it at once
	maxAuditScan = 100_000 // events that a request reads to find its page
	auditWindow  = 512     // sequences of the first step back
	maxWindow    = 1 << 14 // and of the largest
)

// auditLogs gives the changes of an account, the newest first unless direction is asc.
func (s *Service) auditLogs(ctx context.Context, c *call) (answer, error) {
	q, err := readAuditQuery(c.URL.Query())
	if err != nil {
		return answer{}, err
	}
	done, err := s.readingAudit(ctx)
	if err != nil {
		return answer{}, err
	}
	defer done()
	r := auditReader{s: s, account: c.account, query: q, wants: q.wants, seen: map[proto.ID]bool{}}
	if err := r.bounds(ctx); err != nil {
		return answer{}, err
	}
	if err := r.find(ctx); err != nil {
		return answer{}, err
	}
	views := make([]auditView, len(r.found))
	for n, seq := range r.found {
		e, err := s.auditEvent(ctx, seq)
		if err != nil {
			return answer{}, err
		}
		views[n] = viewAudit(c.account, e, q.id != "")
	}
	info := auditInfo{Page: q.page, PerPage: q.perPage, Count: len(views)}
	if !q.filters() {
		subjects, err := s.conn.Subjects(ctx, topology.AuditLog, topology.Audit(c.account))
		if err != nil {
			return answer{}, err
		}
		total := int(subjects[topology.Audit(c.account)])
		pages := (total + q.perPage - 1) / q.perPage
		info.TotalCount, info.TotalPages = &total, &pages
	}
	return answer{result: views, info: info}, nil
}

// readingAudit waits until another request may read the log; done ends it.
func (s *Service) readingAudit(ctx context.Context) (done func(), err error) {
	select {
	case s.audits <- struct{}{}:
		return func() { <-s.audits }, nil
	case <-ctx.Done():
		return nil, ctx.Err()
	}
}

func (s *Service) auditEvent(ctx context.Context, seq uint64) (*proto.AuditEvent, error) {
	m, err := s.conn.At(ctx, topology.AuditLog, seq)
	if err != nil {
		return nil, err
	}
	e := new(proto.AuditEvent)
	return e, m.Decode(e)
}

// auditInfo goes with a page. How many there are is told only where that is known without reading them all.
type auditInfo struct {
	Page       int  `json:"page"`
	PerPage    int  `json:"per_page"`
	Count      int  `json:"count"`
	TotalCount *int `json:"total_count,omitempty"`
	TotalPages *int `json:"total_pages,omitempty"`
}

// auditReader finds one page of the log.
type auditReader struct {
	s           *Service
	account     proto.Account
	query       auditQuery
	wants       func(*proto.AuditEvent) bool // which changes are asked for
	first, last uint64                       // the sequences to look at
	skip        int                          // that are on the pages before
	scanned     int                          // events read
	found       []uint64                     // sequences of the page
	seen        map[proto.ID]bool            // events that were read: the log may have one twice (trail.go)
}

// How long before or after its own time an event may have been stored: clocks differ, and while the log
// cannot be written, events wait.
const (
	storedEarlier = 5 * time.Minute
	storedLater   = 24 * time.Hour
)

// bounds narrows the sequences to those that can match.
func (r *auditReader) bounds(ctx context.Context) error {
	r.skip = (r.query.page - 1) * r.query.perPage
	at, err := r.s.conn.Position(ctx, topology.AuditLog)
	if err != nil {
		return errNoAudit(err)
	}
	r.first, r.last = 1, at.Last
	subject := topology.Audit(r.account)
	if !r.query.since.IsZero() {
		if r.first, err = r.s.conn.FirstSince(ctx, topology.AuditLog, subject, r.query.since.Add(-storedEarlier)); err != nil {
			return err
		}
		if r.first == 0 {
			r.last = 0
		}
	}
	if !r.query.before.IsZero() {
		after, err := r.s.conn.FirstSince(ctx, topology.AuditLog, subject, r.query.before.Add(storedLater))
		if err != nil {
			return err
		}
		if after != 0 {
			r.last = min(r.last, after-1)
		}
	}
	return nil
}

// find looks for the page: forward in one go, backward in steps that become larger.
func (r *auditReader) find(ctx context.Context) error {
	if r.query.oldest {
		return r.read(ctx, r.first, r.last, r.take)
	}
	window := uint64(auditWindow)
	for r.last >= r.first && r.last > 0 && len(r.found) < r.query.perPage {
		first := r.first
		if r.last-first >= window {
			first = r.last - window + 1
		}
		var step []uint64
		if err := r.read(ctx, first, r.last, func(seq uint64) bool { step = append(step, seq); return true }); err != nil {
			return err
		}
		for _, seq := range slices.Backward(step) {
			if !r.take(seq) {
				break
			}
		}
		r.last, window = first-1, min(2*window, maxWindow)
	}
	return nil
}

// take puts an event on the page, if it is not on one before, and tells whether there is room for another.
func (r *auditReader) take(seq uint64) bool {
	if r.skip > 0 {
		r.skip--
		return true
	}
	if len(r.found) < r.query.perPage {
		r.found = append(r.found, seq)
	}
	return len(r.found) < r.query.perPage
}

// read gives the events that match, of some sequences, until there is enough. What the leader has and the
// replica that answers has not, is waited for: a client sees the changes that it made.
func (r *auditReader) read(ctx context.Context, first, last uint64, give func(uint64) bool) error {
	subject := topology.Audit(r.account)
	for range behindTries {
		enough := false
		err := r.s.conn.Range(ctx, topology.AuditLog, subject, first, last, func(m *bus.Msg) error {
			first = m.Seq + 1
			if r.scanned++; r.scanned > maxAuditScan {
				return invalid("more than %d changes would have to be read: narrow it down with since and before", maxAuditScan)
			}
			var e proto.AuditEvent
			if err := m.Decode(&e); err != nil {
				r.s.conn.Unreadable(m.Stream, m.Subject, m.Seq, err)
				return nil
			}
			if r.seen[e.ID] {
				return nil
			}
			r.seen[e.ID] = true
			if enough = r.wants(&e) && !give(m.Seq); enough {
				return bus.ErrStop
			}
			return nil
		})
		if err != nil || enough || first > last {
			return err
		}
		next, err := r.s.conn.NextAfter(ctx, topology.AuditLog, subject, first-1)
		if err != nil || next == 0 || next > last {
			return err
		}
		select {
		case <-time.After(behindWait):
		case <-ctx.Done():
			return ctx.Err()
		}
	}
	return errNoAudit(nil)
}

func errNoAudit(cause error) error {
	return unavailable(cause, "the audit log cannot be read at the moment: try again")
}
