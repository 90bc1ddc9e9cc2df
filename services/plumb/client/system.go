package client

import (
	"context"
	"net/http"
	"time"
)

// System is the health of the installation, as the control plane can tell.
type System struct {
	At           time.Time     `json:"at"`
	Version      string        `json:"version"` // of the control plane
	Schemas      []string      `json:"schemas"` // of the messages that other systems read
	NATS         NATS          `json:"nats"`
	Streams      []Stored      `json:"streams"`
	Queues       []Queue       `json:"queues"`
	Integrations []Polled      `json:"integrations"`
	Limits       []Limit       `json:"limits"`
	Problems     []SystemFault `json:"problems"` // the most severe first
}

// NATS is the server that the control plane is connected to.
type NATS struct {
	Server  string  `json:"server"`
	Version string  `json:"version"`
	TookMS  float64 `json:"round_trip_ms"` // 0: it did not answer
}

// Stored is what a stream holds.
type Stored struct {
	Name     string     `json:"name"`
	About    string     `json:"about"`
	Messages uint64     `json:"messages"`
	Bytes    int64      `json:"bytes"`       // compressed
	Limit    int64      `json:"limit_bytes"` // 0: none
	MaxAgeMS int64      `json:"max_age_ms"`  // 0: none
	Oldest   *time.Time `json:"oldest_at"`
	Newest   *time.Time `json:"newest_at"`
	Servers  int        `json:"servers"`
	Current  int        `json:"servers_current"` // servers that are up to date
	Lost     uint64     `json:"unreadable_to"`   // sequence of the newest unreadable message; 0: none
	Error    string     `json:"error"`           // why NATS did not tell
}

// Queue is the work that waits for a service.
type Queue struct {
	Stream  string `json:"stream"`
	Service string `json:"service"`
	About   string `json:"about"`
	Waiting uint64 `json:"waiting"`
	AgeMS   int64  `json:"age_ms"` // of the oldest
	Late    bool   `json:"late"`
}

// Polled is the newest poll of an integration.
type Polled struct {
	ID       string     `json:"id"`
	Name     string     `json:"name"`
	Interval string     `json:"interval"`
	Standing string     `json:"standing"` // such as on_time
	At       *time.Time `json:"poll_at"`  // nil before the first poll
	AgeMS    int64      `json:"age_ms"`   // of the oldest page
	Pages    int        `json:"pages"`
	Done     int        `json:"done_pages"`
	Pending  int        `json:"pending_pages"`
	Failed   int        `json:"failed_pages"`
}

// Limit is a limit of the installation.
type Limit struct {
	Name  string `json:"name"`
	About string `json:"about"`
	Limit int64  `json:"limit"`
	Used  *int64 `json:"used"` // nil where it is not counted
}

// SystemFault is something that a person should know or do something about.
type SystemFault struct {
	Code     string `json:"code"`
	Severity string `json:"severity"` // fail, warn or info
	Subject  string `json:"subject"`  // name of the stream, service or integration
	ID       string `json:"id"`       // of the integration, or empty
	Text     string `json:"text"`
}

// System returns the health of the installation.
func (c *Client) System(ctx context.Context) (System, error) {
	return decode[System](c.call(ctx, http.MethodGet, "/plumbline/system", nil))
}
