package client

import (
	"context"
	"net/http"
	"net/url"
	"time"
)

// DeviceResults is what is known of a device.
type DeviceResults struct {
	Device       string              `json:"device_id"`
	Page         int                 `json:"page"`
	Integrations []IntegrationResult `json:"integrations"`
}

// IntegrationResult is what is known of a device by one integration.
type IntegrationResult struct {
	Integration string     `json:"integration_id"`
	Name        string     `json:"name"`
	Tick        uint64     `json:"tick"`
	Score       *int       `json:"score"` // nil before the first
	ObservedAt  *time.Time `json:"observed_at"`
	Problem     string     `json:"problem"` // why the newest poll gave no score
	Checks      []Verdict  `json:"checks"`
}

// Verdict is what a check says.
type Verdict struct {
	Check   string `json:"check_id"`
	Name    string `json:"name"`
	Outcome string `json:"outcome"`
	Reason  string `json:"reason"`
}

// DeviceResults gives what is known of a device: its score and the outcome of every check.
func (c *Client) DeviceResults(ctx context.Context, id string) (Item[DeviceResults], error) {
	return decode[Item[DeviceResults]](c.call(ctx, http.MethodGet, "/plumbline/results/devices/"+url.PathEscape(id), nil))
}

// The kinds of events of the live stream; there may be others.
const (
	EventReady  = "ready"  // from here on, changes
	EventReset  = "reset"  // changes are missing: the results have to be read again
	EventChange = "change" // a [Change]
)

// Change is devices of a page whose outcome for a check became another.
type Change struct {
	Check   string    `json:"check_id"`
	Outcome string    `json:"outcome"`
	At      time.Time `json:"at"`
	Tick    uint64    `json:"tick"`
	Devices []struct {
		Device string `json:"device_id"`
		From   string `json:"from"`
		Reason string `json:"reason"`
		Score  *int   `json:"score"`
	} `json:"devices"`
}
