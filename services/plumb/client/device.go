package client

import (
	"context"
	"encoding/json"
	"io"
	"net/http"
	"net/http/httptrace"
	"net/textproto"
	"net/url"
	"strconv"
)

// The media types of device lists.
const (
	CSV    = "text/csv"
	NDJSON = "application/x-ndjson"
	JSON   = "application/json" // an array
)

// Import enrols or updates every device of a list, which is sent while it is read. It returns when ctx ends, even if a
// read of the list is blocked.
//
// handled, if not nil, is called from time to time with the number of rows that the control plane has handled. Calls
// are not concurrent.
func (c *Client) Import(ctx context.Context, form string, list io.Reader, handled func(rows int)) (Imported, error) {
	// net/http returns from a request only when the read of its body returns.
	body, rows := io.Pipe()
	defer context.AfterFunc(ctx, func() { body.CloseWithError(context.Cause(ctx)) })()
	defer body.Close()
	go func() {
		_, err := io.Copy(rows, list)
		rows.CloseWithError(err)
	}()
	req, err := http.NewRequestWithContext(informing(ctx, handled), http.MethodPost, c.base+"/plumbline/devices", body)
	if err != nil {
		return Imported{}, err
	}
	req.Header.Set("Accept", "application/json")
	req.Header.Set("Content-Type", form)
	if handled != nil {
		req.Header.Set(headerProgress, "1")
	}
	resp, err := c.send(req)
	if err != nil && ctx.Err() != nil {
		return Imported{}, context.Cause(ctx) // instead of the error of the body
	}
	if err != nil {
		return Imported{}, err
	}
	defer resp.Body.Close()
	return decode[Imported](result(resp))
}

// headerProgress requests progress, which informational responses carry.
const headerProgress = "X-Plumbline-Progress"

func informing(ctx context.Context, handled func(rows int)) context.Context {
	if handled == nil {
		return ctx
	}
	return httptrace.WithClientTrace(ctx,
		&httptrace.ClientTrace{Got1xxResponse: func(_ int, h textproto.MIMEHeader) error {
			if rows, err := strconv.Atoi(h.Get(headerProgress)); err == nil {
				handled(rows)
			}
			return nil
		}})
}

// Imported is the outcome of an import.
type Imported struct {
	Rows      int       `json:"rows"`
	Enrolled  int       `json:"enrolled"`
	Updated   int       `json:"updated"`
	Unchanged int       `json:"unchanged"`
	Refused   int       `json:"refused"`
	Refusals  []Refusal `json:"errors"` // the first ones, by line
}

// Refusal is a row that was rejected.
type Refusal struct {
	Line    int    `json:"line"`
	Device  string `json:"device_id,omitempty"`
	Code    string `json:"code"`
	Message string `json:"message"`
}

// Device returns an enrolled device.
func (c *Client) Device(ctx context.Context, id string) (json.RawMessage, error) {
	return c.call(ctx, http.MethodGet, "/plumbline/devices/"+url.PathEscape(id), nil)
}

// DeleteDevice removes a device.
func (c *Client) DeleteDevice(ctx context.Context, id string) error {
	_, err := c.call(ctx, http.MethodDelete, "/plumbline/devices/"+url.PathEscape(id), nil)
	return err
}
