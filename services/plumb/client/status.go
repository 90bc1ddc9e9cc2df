package client

import (
	"context"
	"fmt"
	"net/http"
	"net/url"
	"strconv"
	"strings"
	"time"
)

// Status is the state of an integration.
type Status struct {
	ID       string `json:"id"`
	Name     string `json:"name"`
	Interval string `json:"interval"`
	Paused   bool   `json:"paused"`
	Overdue  bool   `json:"overdue"`
	Standing string `json:"standing"` // such as on_time; unsupported: stored, but never polled
	Checks   int    `json:"checks"`
	Holds    int    `json:"holds"` // checks with outcomes held by a breaker
	Poll     *Poll  `json:"poll"`  // the newest poll; nil before the first
}

// Poll is a poll of an integration. Pass, Fail and Unknown count results: a device has one for each check.
type Poll struct {
	Tick      uint64     `json:"tick"`
	At        *time.Time `json:"at"`
	Pages     int        `json:"pages"`
	DonePages int        `json:"done_pages"`
	Pending   int        `json:"pending_pages"` // pages with a queued or running call, for this poll or an earlier one
	Devices   int        `json:"devices"`
	Pass      int        `json:"pass"`
	Fail      int        `json:"fail"`
	Unknown   int        `json:"unknown"`
	Changed   int        `json:"changed"`
	TookMS    int64      `json:"took_ms"`
	Failed    int        `json:"failed_pages"`
	Error     string     `json:"error"` // why calls failed, or empty
	// HTTPStatus and Detail are those of one of the failed calls. HTTPStatus is 0 without a response.
	HTTPStatus int    `json:"http_status"`
	Detail     string `json:"detail"`
	// Enforced counts the results with an outcome not derived from the score.
	Enforced Enforced `json:"enforced"`
}

// Enforced counts results by the reason that their outcome is not by the score.
type Enforced struct {
	ObserveOnly int `json:"observe_only"`
	Exempt      int `json:"exempt"`
	Grace       int `json:"grace"`
	Held        int `json:"held"`
}

// String returns the counts, such as "12 held, 3 in grace". It is empty if all are 0.
func (e Enforced) String() string {
	var all []string
	for _, c := range []struct {
		n    int
		what string
	}{{e.Held, "held"}, {e.Grace, "in grace"}, {e.Exempt, "exempt"}, {e.ObserveOnly, "observe only"}} {
		if c.n > 0 {
			all = append(all, fmt.Sprintf("%d %s", c.n, c.what))
		}
	}
	return strings.Join(all, ", ")
}

// Failure describes in one line how calls of the poll failed. It is empty if none did.
func (p *Poll) Failure() string {
	if p.Error == "" {
		return ""
	}
	text := p.Error
	if p.HTTPStatus != 0 {
		text += fmt.Sprintf(", HTTP %d", p.HTTPStatus)
	}
	if p.Detail != "" {
		text += ": " + strings.TrimSuffix(p.Detail, ".")
	}
	return text
}

// Done reports whether every page has its entry. A poll without pages may get some later.
func (p *Poll) Done() bool { return p != nil && p.Pages > 0 && p.DonePages >= p.Pages }

// Overview returns the status of every integration with the JSON of the response.
func (c *Client) Overview(ctx context.Context) ([]Item[Status], error) {
	return decode[[]Item[Status]](c.call(ctx, http.MethodGet, "/plumbline/status", nil))
}

// Status returns the status of every integration.
func (c *Client) Status(ctx context.Context) ([]Status, error) {
	return decode[[]Status](c.call(ctx, http.MethodGet, "/plumbline/status", nil))
}

// Ordered is a poll that was requested.
type Ordered struct {
	Tick uint64    `json:"tick"`
	At   time.Time `json:"at"`
}

// PollNow requests a poll of an integration.
func (c *Client) PollNow(ctx context.Context, id string) (Ordered, error) {
	return decode[Ordered](c.call(ctx, http.MethodPost, "/plumbline/integrations/"+url.PathEscape(id)+"/poll", nil))
}

// PollResult returns the outcome of a poll so far.
func (c *Client) PollResult(ctx context.Context, id string, o Ordered) (Poll, error) {
	path := "/plumbline/integrations/" + url.PathEscape(id) + "/polls/" + strconv.FormatUint(o.Tick, 10)
	query := url.Values{"since": {o.At.Format(time.RFC3339Nano)}}
	return decode[Poll](c.call(ctx, http.MethodGet, path+"?"+query.Encode(), nil))
}
