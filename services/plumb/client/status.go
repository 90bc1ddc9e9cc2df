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

// Status is how an integration stands.
type Status struct {
	ID       string `json:"id"`
	Name     string `json:"name"`
	Interval string `json:"interval"`
	Paused   bool   `json:"paused"`
	Overdue  bool   `json:"overdue"`
	Standing string `json:"standing"` // in a word, such as on_time; unsupported: it is kept and never polled
	Checks   int    `json:"checks"`
	Poll     *Poll  `json:"poll"` // the newest; nil before the first
}

// Poll is one poll of one integration. Pass, Fail and Unknown count results: a device has one for each
// check.
type Poll struct {
	Tick      uint64     `json:"tick"`
	At        *time.Time `json:"at"`
	Pages     int        `json:"pages"`
	DonePages int        `json:"done_pages"`
	Pending   int        `json:"pending_pages"` // their call is queued or under way, for this poll or an earlier one
	Devices   int        `json:"devices"`
	Pass      int        `json:"pass"`
	Fail      int        `json:"fail"`
	Unknown   int        `json:"unknown"`
	Changed   int        `json:"changed"`
	TookMS    int64      `json:"took_ms"`
	Failed    int        `json:"failed_pages"`
	Error     string     `json:"error"` // why calls failed; empty where none did
	// HTTPStatus and Detail are of one of the calls that failed; 0 without an answer.
	HTTPStatus int    `json:"http_status"`
	Detail     string `json:"detail"`
}

// Failure returns in one line how the poll's calls failed; "" if none did.
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

// Done tells whether every page has its entry. A poll that has no pages yet may get some.
func (p *Poll) Done() bool { return p != nil && p.Pages > 0 && p.DonePages >= p.Pages }

// Overview tells of every integration, with all that was said.
func (c *Client) Overview(ctx context.Context) ([]Item[Status], error) {
	return decode[[]Item[Status]](c.call(ctx, http.MethodGet, "/plumbline/status", nil))
}

// Status tells of every integration.
func (c *Client) Status(ctx context.Context) ([]Status, error) {
	return decode[[]Status](c.call(ctx, http.MethodGet, "/plumbline/status", nil))
}

// Ordered is a poll that was asked for.
type Ordered struct {
	Tick uint64    `json:"tick"`
	At   time.Time `json:"at"`
}

// PollNow orders a poll of an integration.
func (c *Client) PollNow(ctx context.Context, id string) (Ordered, error) {
	return decode[Ordered](c.call(ctx, http.MethodPost, "/plumbline/integrations/"+url.PathEscape(id)+"/poll", nil))
}

// PollResult returns what came of a poll so far.
func (c *Client) PollResult(ctx context.Context, id string, o Ordered) (Poll, error) {
	path := "/plumbline/integrations/" + url.PathEscape(id) + "/polls/" + strconv.FormatUint(o.Tick, 10)
	query := url.Values{"since": {o.At.Format(time.RFC3339Nano)}}
	return decode[Poll](c.call(ctx, http.MethodGet, path+"?"+query.Encode(), nil))
}
