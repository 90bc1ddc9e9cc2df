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

// The forms that devices are imported in.
const (
	CSV    = "text/csv"
	NDJSON = "application/x-ndjson"
	JSON   = "application/json" // an array
)

// Import enrols or updates every device of a list in the form, which is sent as it is read. It ends with
// ctx, also while the list is waited for; the read that waits is left behind then.
//
// handled, unless it is nil, is told now and then how many rows the control plane has handled; never concurrently.
func (c *Client) Import(ctx context.Context, form string, list io.Reader, handled func(rows int)) (Imported, error) {
	// net/http comes back from a request only when the read of its body does.
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
		return Imported{}, context.Cause(ctx) // and not how the body ended by it
	}
	if err != nil {
		return Imported{}, err
	}
	defer resp.Body.Close()
	return decode[Imported](result(resp))
}

// headerProgress asks for progress, and carries it in informational responses.
const headerProgress = "X-Plumbline-Progress"

func informing(ctx context.Context, handled func(rows int)) context.Context {
	if handled == nil {
		return ctx
	}
	return httptrace.WithClientTrace(ctx, &httptrace.ClientTrace{Got1xxResponse: func(_ int, h textproto.MIMEHeader) error {
		if rows, err := strconv.Atoi(h.Get(headerProgress)); err == nil {
			handled(rows)
		}
		return nil
	}})
}

// Imported is what became of a list.
type Imported struct {
	Rows      int       `json:"rows"`
	Enrolled  int       `json:"enrolled"`
	Updated   int       `json:"updated"`
	Unchanged int       `json:"unchanged"`
	Refused   int       `json:"refused"`
	Refusals  []Refusal `json:"errors"` // the first of them, by line
}

// Refusal is a row that was not taken.
type Refusal struct {
	Line    int    `json:"line"`
	Device  string `json:"device_id,omitempty"`
	Code    string `json:"code"`
	Message string `json:"message"`
}

// Device gives an enrolled device.
func (c *Client) Device(ctx context.Context, id string) (json.RawMessage, error) {
	return c.call(ctx, http.MethodGet, "/plumbline/devices/"+url.PathEscape(id), nil)
}

// DeleteDevice removes a device.
func (c *Client) DeleteDevice(ctx context.Context, id string) error {
	_, err := c.call(ctx, http.MethodDelete, "/plumbline/devices/"+url.PathEscape(id), nil)
	return err
}
