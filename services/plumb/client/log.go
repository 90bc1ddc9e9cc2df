package client

import (
	"bufio"
	"context"
	"encoding/json"
	"fmt"
	"iter"
	"net/http"
	"net/url"
	"strconv"
	"time"
)

// PostureLine is an evaluated result of a device, with the field names of Cloudflare's dataset device_posture_results.
type PostureLine struct {
	Device    string    `json:"DeviceID"`
	Host      string    `json:"DeviceName"`
	Email     string    `json:"Email"`
	CheckName string    `json:"PostureCheckName"`
	At        time.Time `json:"Timestamp"`
	Received  struct {
		Score *int `json:"score"`
	} `json:"PostureReceivedJSON"`
	Outcome string `json:"x_outcome"`
	Reason  string `json:"x_reason"`
	// Observed is the outcome of the newest score alone, and Why says why Outcome is not by the score alone.
	Observed string `json:"x_observed"`
	Why      string `json:"x_why"`
	Tick     uint64 `json:"x_tick"`
	Cursor   string `json:"x_cursor"`
	// Unreadable reports an entry of the log that cannot be read, at Sequence. Its results are not known.
	Unreadable bool   `json:"x_unreadable"`
	Sequence   uint64 `json:"x_sequence"`
}

// PostureQuery selects lines of the posture log. A zero member selects any.
type PostureQuery struct {
	Since, Until                  time.Time
	Checks, Devices, Integrations []string // ids
	Outcomes                      []string
	After                         string // cursor of the last line read
}

func (q *PostureQuery) values() url.Values {
	v := url.Values{"check": q.Checks, "device": q.Devices, "integration": q.Integrations, "outcome": q.Outcomes}
	setPeriod(v, q.Since, q.Until)
	if q.After != "" {
		v.Set("cursor", q.After)
	}
	return v
}

func setPeriod(v url.Values, since, until time.Time) {
	for name, at := range map[string]time.Time{"since": since, "until": until} {
		if !at.IsZero() {
			v.Set(name, at.Format(time.RFC3339Nano))
		}
	}
}

// PostureLog yields lines of the posture log, oldest first, up to the end of the log at the time of the call. It
// updates q.After, so that the next call continues there.
func (c *Client) PostureLog(ctx context.Context, q *PostureQuery) iter.Seq2[Item[PostureLine], error] {
	return func(yield func(Item[PostureLine], error) bool) {
		fail := func(err error) { yield(Item[PostureLine]{}, fmt.Errorf("posture log: %w", err)) }
		resp, err := c.request(ctx, http.MethodGet, "/plumbline/posture-log?"+q.values().Encode(), "", nil)
		if err != nil {
			fail(err)
			return
		}
		defer resp.Body.Close()
		if resp.StatusCode != http.StatusOK {
			if _, err = result(resp); err != nil {
				yield(Item[PostureLine]{}, err)
			}
			return
		}
		lines := bufio.NewScanner(resp.Body)
		lines.Buffer(make([]byte, 0, 64<<10), maxLine)
		for lines.Scan() {
			var line Item[PostureLine]
			if err := json.Unmarshal(lines.Bytes(), &line); err != nil {
				fail(err)
				return
			}
			q.After = line.Value.Cursor
			if !yield(line, nil) {
				return
			}
		}
		if err := lines.Err(); err != nil {
			fail(err)
			return
		}
		// Lines that the query does not select count as read.
		if end := resp.Trailer.Get("X-Cursor"); end != "" {
			q.After = end
		}
	}
}

// Request is an allowed or denied request in the access log. Equal requests within a second are one entry.
type Request struct {
	Action   string    `json:"x_action"`
	Allowed  bool      `json:"allowed"`
	Domain   string    `json:"app_domain"`
	App      string    `json:"app_uid"`
	At       time.Time `json:"created_at"`
	IP       string    `json:"ip_address"`
	Ray      string    `json:"ray_id"`
	Email    string    `json:"user_email"`
	Reason   string    `json:"x_reason"`
	ClientID string    `json:"x_client_id"`
	Device   string    `json:"x_device_id"`
	Posture  string    `json:"x_posture"` // reason of the outcome of the posture check that decided, or empty
	Count    int       `json:"x_count"`
}

// AccessQuery selects requests. A zero member selects any.
type AccessQuery struct {
	Since, Until time.Time
	Allowed      *bool
	App          string // id
	Email        string // text that the address contains
	Ray          string
}

const (
	// accessLate is how long a request may be written after it happened: the replicas of the gateway write one after
	// the other.
	accessLate = 15 * time.Second
	// accessPages is the number of pages read from one start time before the start is moved: the control plane reads
	// all previous pages again for each page.
	accessPages = 8
)

// AccessLog reads the access log, oldest first. It can be read again for new entries.
type AccessLog struct {
	c    *Client
	q    AccessQuery
	seen map[string]time.Time // entries yielded, for as long as they may be read again
	last time.Time            // time of the newest one
}

// AccessLog returns a reader of the entries that q selects.
func (c *Client) AccessLog(q AccessQuery) *AccessLog {
	return &AccessLog{c: c, q: q, seen: map[string]time.Time{}}
}

// Read yields new entries up to the end of the log.
func (l *AccessLog) Read(ctx context.Context) iter.Seq2[Item[Request], error] {
	return func(yield func(Item[Request], error) bool) {
		from := l.from()
		for page := 1; ; page++ {
			some, err := l.page(ctx, from, page)
			if err != nil {
				yield(Item[Request]{}, err)
				return
			}
			fresh := false
			for _, one := range some {
				key := string(one.Raw)
				if _, given := l.seen[key]; given {
					continue
				}
				fresh = true
				l.seen[key] = one.Value.At
				if one.Value.At.After(l.last) {
					l.last = one.Value.At
				}
				if !yield(one, nil) {
					return
				}
			}
			if len(some) < perPage || !fresh && page > len(l.seen)/perPage+1 { // or the server ignores the page
				return
			}
			if later := l.from(); page >= accessPages && later.After(from) {
				from, page = later, 0
				l.forget(from)
			}
		}
	}
}

// from returns the time from which there may be new entries.
func (l *AccessLog) from() time.Time {
	if from := l.last.Add(-accessLate); from.After(l.q.Since) {
		return from
	}
	return l.q.Since
}

func (l *AccessLog) forget(before time.Time) {
	for key, at := range l.seen {
		if at.Before(before) {
			delete(l.seen, key)
		}
	}
}

func (l *AccessLog) page(ctx context.Context, from time.Time, page int) ([]Item[Request], error) {
	v := url.Values{"direction": {"asc"}, "page": {strconv.Itoa(page)}, "per_page": {strconv.Itoa(perPage)}}
	setPeriod(v, from, l.q.Until)
	for name, text := range map[string]string{"app_uid": l.q.App, "email": l.q.Email, "ray_id": l.q.Ray} {
		if text != "" {
			v.Set(name, text)
		}
	}
	if l.q.Allowed != nil {
		v.Set("allowed", strconv.FormatBool(*l.q.Allowed))
	}
	return decode[[]Item[Request]](l.c.call(ctx, http.MethodGet, "/access/logs/access_requests?"+v.Encode(), nil))
}

// PastResult is a past result of a check for a device.
type PastResult struct {
	At         time.Time  `json:"at"`
	Check      string     `json:"check_id"`
	Name       string     `json:"name"`
	Tick       uint64     `json:"tick"`
	Cause      string     `json:"cause"`
	Error      string     `json:"error"` // error of the poll
	Score      *int       `json:"score"`
	ObservedAt *time.Time `json:"observed_at"`
	Problem    string     `json:"problem"`
	Outcome    string     `json:"outcome"`
	Reason     string     `json:"reason"`
	Evidence
}

// HistoryQuery selects results of a device. A zero member selects any.
type HistoryQuery struct {
	Device, Check string // ids
	Since, Until  time.Time
}

// History yields the past results of a device, newest first, as far back as the log goes.
func (c *Client) History(ctx context.Context, q HistoryQuery) iter.Seq2[Item[PastResult], error] {
	v := url.Values{"history": {"1"}, "limit": {strconv.Itoa(perPage)}}
	setPeriod(v, q.Since, q.Until)
	if q.Check != "" {
		v.Set("check", q.Check)
	}
	return func(yield func(Item[PastResult], error) bool) {
		for {
			var next string
			some, err := decode[[]Item[PastResult]](
				c.paged(ctx, "/plumbline/results/devices/"+url.PathEscape(q.Device)+"?"+v.Encode(), &next))
			if err != nil {
				yield(Item[PastResult]{}, err)
				return
			}
			for _, one := range some {
				if !yield(one, nil) {
					return
				}
			}
			if next == "" {
				return
			}
			v.Set("cursor", next)
		}
	}
}
