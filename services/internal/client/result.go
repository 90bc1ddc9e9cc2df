package client

import (
	"context"
	"encoding/json"
	"net/http"
	"net/url"
)

// DeviceResults gives what is known of a device: its score and the outcome of every check.
func (c *Client) DeviceResults(ctx context.Context, id string) (json.RawMessage, error) {
	return c.call(ctx, http.MethodGet, "/plumbline/results/devices/"+url.PathEscape(id), nil)
}
