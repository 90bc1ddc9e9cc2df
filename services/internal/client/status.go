package client

import (
	"context"
	"net/http"
	"net/url"
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

// PollNow has an integration polled at once; the answer is the number of the tick.
func (c *Client) PollNow(ctx context.Context, id string) (uint64, error) {
	answer, err := decode[struct {
		Tick uint64 `json:"tick"`
	}](c.call(ctx, http.MethodPost, "/plumbline/integrations/"+url.PathEscape(id)+"/poll", nil))
	return answer.Tick, err
}
