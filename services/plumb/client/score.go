package client

import (
	"context"
	"net/http"
	"net/url"
)

// Scores are the numbers of devices by their newest score from an integration.
type Scores struct {
	Devices  int   `json:"devices"`
	None     int   `json:"without_score"` // devices without a score
	Scores   []int `json:"scores"`        // by score, from 0 to 100
	Outdated int   `json:"outdated_pages"`
}

// Scores counts the devices by their score from an integration, soon: pages whose newest scores are not at hand are
// counted with older ones.
func (c *Client) Scores(ctx context.Context, integration string) (Scores, error) {
	q := url.Values{"integration_id": {integration}, "outdated": {"1"}}
	return decode[Scores](c.call(ctx, http.MethodGet, "/plumbline/devices/scores?"+q.Encode(), nil))
}
