package client

import (
	"cmp"
	"context"
	"encoding/json"
	"net/http"
	"net/url"
	"time"
)

// Log is a log of the account that is read by pages.
type Log string

// The logs.
const (
	LogPosture Log = "/plumbline/posture-log/newest"
	LogAccess  Log = "/access/logs/access_requests"
	LogAudit   Log = "/logs/audit"
)

// LogPage is a page of a log.
type LogPage struct {
	Lines []LogLine
	// Cursor continues after the page; empty at the end. A page may be short or empty before the end.
	Cursor string
	// Newest is the position of the newest line, from which direction=asc follows; empty for the posture log.
	Newest string
	// Searched is the time of the oldest entry that was searched for a page of the posture log; nil if there is none.
	Searched *time.Time
}

// LogLine is a line of a log: an object with numbers of type json.Number.
type LogLine struct {
	Object
	Raw json.RawMessage
}

// UnmarshalJSON decodes an object and keeps the JSON.
func (l *LogLine) UnmarshalJSON(data []byte) error {
	l.Raw = append(json.RawMessage{}, data...)
	return json.Unmarshal(data, &l.Object)
}

// LogPage reads a page of a log, newest first unless the query has direction=asc. The query has the filters of the API.
func (c *Client) LogPage(ctx context.Context, log Log, q url.Values) (LogPage, error) {
	path := string(log) + "?" + q.Encode()
	if log == LogAccess && !q.Has("cursor") {
		path += "&cursor=" // by cursor from the first page on
	}
	resp, err := c.request(ctx, http.MethodGet, path, "", nil)
	if err != nil {
		return LogPage{}, err
	}
	defer resp.Body.Close()
	e, err := readEnvelope(resp)
	if err != nil {
		return LogPage{}, err
	}
	lines, err := decode[[]LogLine](e.Result, nil)
	return LogPage{Lines: lines, Cursor: cmp.Or(e.Info.Cursors.After, e.Info.Cursor), Newest: e.Info.Newest,
		Searched: e.Info.Searched}, err
}
