package auditlog

import (
	"context"
	"fmt"
	"net/http"
	"slices"
	"time"

	"plumbline.dev/bus"
	"plumbline.dev/bus/topology"
	"plumbline.dev/proto"
	"plumbline.dev/services/api/permission"
	"plumbline.dev/services/api/store"
	"plumbline.dev/services/api/v4"
)

// Routes returns the routes of the audit log.
func (s *API) Routes() []v4.Route {
	return []v4.Route{
		{Method: http.MethodGet, Path: v4.AccountPath + "/audit_logs", Scope: permission.Audit, Handle: s.listEntries},
		{Method: http.MethodGet, Path: v4.AccountPath + "/logs/audit", Scope: permission.Audit, Handle: s.listRecords},
	}
}

// Bounds of reading the audit log. It is read from the stream at each request and not cached.
const (
	defaultPerPage = 100
	maxReaders     = 4       // concurrent requests
	maxAuditScan   = 100_000 // events read to find a page
	auditWindow    = 512     // sequences of the first step backwards
	maxWindow      = 1 << 14 // sequences of the largest step
)

// listEntries lists the changes of an account, newest first unless direction is asc.
func (s *API) listEntries(ctx context.Context, c *v4.Call) (v4.Response, error) {
	q, err := readQuery(c.URL.Query())
	if err != nil {
		return v4.Response{}, err
	}
	done, err := s.acquire(ctx)
	if err != nil {
		return v4.Response{}, err
	}
	defer done()
	r := reader{s: s, account: c.Account, query: q, wants: q.wants, seen: map[proto.ID]bool{}}
	if err := r.bounds(ctx); err != nil {
		return v4.Response{}, err
	}
	if err := r.find(ctx); err != nil {
		return v4.Response{}, err
	}
	views := make([]entry, len(r.found))
	for n, seq := range r.found {
		e, err := s.event(ctx, seq)
		if err != nil {
			return v4.Response{}, err
		}
		views[n] = newEntry(c.Account, e, q.id != "")
	}
	info := auditInfo{Page: q.page, PerPage: q.perPage, Count: len(views)}
	if !q.filters() {
		subjects, err := s.store.Conn.Subjects(ctx, topology.AuditLog, topology.Audit(c.Account))
		if err != nil {
			return v4.Response{}, err
		}
		total := int(subjects[topology.Audit(c.Account)])
		pages := (total + q.perPage - 1) / q.perPage
		info.TotalCount, info.TotalPages = &total, &pages
	}
	return v4.Response{Result: views, Info: info, Messages: r.notices}, nil
}

// acquire waits until the request may read the log; done releases its place.
func (s *API) acquire(ctx context.Context) (done func(), err error) {
	select {
	case s.readers <- struct{}{}:
		return func() { <-s.readers }, nil
	case <-ctx.Done():
		return nil, ctx.Err()
	}
}

func (s *API) event(ctx context.Context, seq uint64) (*proto.AuditEvent, error) {
	m, err := s.store.Conn.At(ctx, topology.AuditLog, seq)
	if err != nil {
		return nil, err
	}
	e := new(proto.AuditEvent)
	return e, m.Decode(e)
}

// auditInfo is the result_info of a page. The totals are set only if they are known without reading all changes.
type auditInfo struct {
	Page       int  `json:"page"`
	PerPage    int  `json:"per_page"`
	Count      int  `json:"count"`
	TotalCount *int `json:"total_count,omitempty"`
	TotalPages *int `json:"total_pages,omitempty"`
}

// reader finds one page of the log.
type reader struct {
	s           *API
	account     proto.Account
	query       query
	wants       func(*proto.AuditEvent) bool // reports whether a change matches
	first, last uint64                       // sequences to read
	skip        int                          // matches on previous pages
	scanned     int                          // events read
	found       []uint64                     // sequences on the page
	seen        map[proto.ID]bool            // events read: the log may have an event twice (store/relay.go)
	notices     []v4.Notice
}

// maxNotices bounds the unreadable events that one answer names.
const maxNotices = 20

// noteUnreadable tells the client of an event that cannot be read: it may be one that the client asked for.
func (r *reader) noteUnreadable(seq uint64) {
	if len(r.notices) < maxNotices {
		r.notices = append(r.notices, v4.Notice{Code: v4.CodeUnreadable,
			Message: fmt.Sprintf("the event at sequence %d of the audit log cannot be read and is left out", seq)})
	}
}

// storedLater is how long after its own time an event may have been stored, since events wait while the log cannot be
// written.
const storedLater = 24 * time.Hour

// bounds narrows the sequences to those that can match. It first waits for the client's own changes.
func (r *reader) bounds(ctx context.Context) error {
	r.skip = (r.query.page - 1) * r.query.perPage
	if !r.s.store.AwaitRelayed(ctx, r.account) {
		r.notices = append(r.notices, v4.Notice{Code: v4.CodeNotYetRelayed,
			Message: "the newest changes are not in the audit log yet: they follow when it can be written"})
	}
	at, err := r.s.store.Conn.Position(ctx, topology.AuditLog)
	if err != nil {
		return errNoAudit(err)
	}
	r.first, r.last = 1, at.Last
	subject := topology.Audit(r.account)
	if !r.query.since.IsZero() {
		if r.first, err = r.s.store.Conn.FirstSince(ctx, topology.AuditLog, subject,
			r.query.since.Add(-store.ClockSkew)); err != nil {
			return err
		}
		if r.first == 0 {
			r.last = 0
		}
	}
	if !r.query.before.IsZero() {
		after, err := r.s.store.Conn.FirstSince(ctx, topology.AuditLog, subject, r.query.before.Add(storedLater))
		if err != nil {
			return err
		}
		if after != 0 {
			r.last = min(r.last, after-1)
		}
	}
	return nil
}

// find finds the page: in one pass forwards, or in growing steps backwards.
func (r *reader) find(ctx context.Context) error {
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

// take adds an event to the page unless it belongs to a previous one, and reports whether the page has room for more.
func (r *reader) take(seq uint64) bool {
	if r.skip > 0 {
		r.skip--
		return true
	}
	if len(r.found) < r.query.perPage {
		r.found = append(r.found, seq)
	}
	return len(r.found) < r.query.perPage
}

// read calls give with the matching events of a range of sequences until give returns false. It waits for a replica
// that lags behind the leader, so that clients see their own changes.
func (r *reader) read(ctx context.Context, first, last uint64, give func(uint64) bool) error {
	subject := topology.Audit(r.account)
	for range store.ReplicaTries {
		enough := false
		err := r.s.store.Conn.Range(ctx, topology.AuditLog, subject, first, last, func(m *bus.Msg) error {
			first = m.Seq + 1
			if r.scanned++; r.scanned > maxAuditScan {
				return v4.Invalid("more than %d changes would have to be read: narrow the query with since and before",
					maxAuditScan)
			}
			var e proto.AuditEvent
			if err := m.Decode(&e); err != nil {
				r.s.store.Conn.Unreadable(m.Stream, m.Subject, m.Seq, err)
				r.noteUnreadable(m.Seq)
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
		next, err := r.s.store.Conn.NextAfter(ctx, topology.AuditLog, subject, first-1)
		if err != nil || next == 0 || next > last {
			return err
		}
		select {
		case <-time.After(store.ReplicaWait):
		case <-ctx.Done():
			return ctx.Err()
		}
	}
	return errNoAudit(nil)
}

func errNoAudit(cause error) error {
	return v4.Unavailable(cause, "the audit log cannot be read at the moment: try again")
}
