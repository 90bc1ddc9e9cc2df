package client

import (
	"bufio"
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"iter"
	"net/http"
	"strings"
)

// Event is an event of the result stream: its kind, the position after it, and its data as JSON.
type Event struct {
	Kind string
	ID   string
	Data json.RawMessage
}

// maxLine is the largest line of the stream, in bytes. An event has one line of data.
const maxLine = 4 << 20

// ErrStreamEnded is returned if the server ended a stream. It can be continued after the last id.
var ErrStreamEnded = errors.New("the control plane ended the stream")

// Follow yields the events of the result stream after the one with the id, or from now on if it is empty. It ends with
// an error, or when ctx ends.
func (c *Client) Follow(ctx context.Context, after string) iter.Seq2[Event, error] {
	return func(yield func(Event, error) bool) {
		resp, err := c.openStream(ctx, after)
		if err != nil {
			yield(Event{}, err)
			return
		}
		defer resp.Body.Close()
		for event, err := range readEvents(resp.Body) {
			if ctx.Err() != nil {
				yield(Event{}, context.Cause(ctx))
				return
			}
			if !yield(event, err) {
				return
			}
		}
	}
}

func (c *Client) openStream(ctx context.Context, after string) (*http.Response, error) {
	req, err := http.NewRequestWithContext(ctx, http.MethodGet, c.base+"/plumbline/results/stream", nil)
	if err != nil {
		return nil, err
	}
	req.Header.Set("Accept", "text/event-stream")
	if after != "" {
		req.Header.Set("Last-Event-ID", after)
	}
	resp, err := c.send(req)
	if err != nil {
		return nil, err
	}
	if resp.StatusCode != http.StatusOK {
		defer resp.Body.Close()
		_, err := result(resp)
		if err == nil {
			err = &Error{Status: resp.StatusCode, Message: "not a stream of results"}
		}
		return nil, err
	}
	return resp, nil
}

// readEvents yields server-sent events. Comments, which keep the connection alive, are skipped.
func readEvents(body io.Reader) iter.Seq2[Event, error] {
	return func(yield func(Event, error) bool) {
		lines := bufio.NewScanner(body)
		lines.Buffer(make([]byte, 0, 64<<10), maxLine)
		var e Event
		var data []string
		for lines.Scan() {
			field, value, _ := strings.Cut(lines.Text(), ":")
			value = strings.TrimPrefix(value, " ")
			switch {
			case lines.Text() == "":
				if len(data) > 0 {
					e.Data = json.RawMessage(strings.Join(data, "\n"))
					if !yield(e, nil) {
						return
					}
				}
				e, data = Event{ID: e.ID}, nil
			case field == "event":
				e.Kind = value
			case field == "id":
				e.ID = value
			case field == "data":
				data = append(data, value)
			}
		}
		err := lines.Err()
		if err == nil {
			err = ErrStreamEnded
		}
		yield(Event{}, fmt.Errorf("live results: %w", err))
	}
}
