package client

import (
	"context"
	"net/http"
	"net/url"
	"time"
)

// DeviceResults holds the results of a device.
type DeviceResults struct {
	Device       string              `json:"device_id"`
	Page         int                 `json:"page"`
	Integrations []IntegrationResult `json:"integrations"`
}

// IntegrationResult holds the results of a device from one integration.
type IntegrationResult struct {
	Integration string     `json:"integration_id"`
	Name        string     `json:"name"`
	Tick        uint64     `json:"tick"`
	Score       *int       `json:"score"` // nil before the first score
	ObservedAt  *time.Time `json:"observed_at"`
	Problem     string     `json:"problem"` // why the newest poll returned no score
	Checks      []Verdict  `json:"checks"`
}

// Verdict is the result of a check.
type Verdict struct {
	Check   string `json:"check_id"`
	Name    string `json:"name"`
	Outcome string `json:"outcome"`
	Reason  string `json:"reason"`
	Evidence
}

// Evidence is what is known about an outcome besides its reason.
type Evidence struct {
	Observed string `json:"observed"` // outcome of the newest score alone
	Why      string `json:"why"`      // why the outcome is not by the score alone, or empty
}

// Note returns text for people about an outcome that differs from the evidence, or has an explanation; otherwise it
// returns an empty string.
func (e Evidence) Note(outcome string) string {
	note := ""
	if e.Observed != "" && e.Observed != outcome {
		note = "observed " + e.Observed
	}
	if note != "" && e.Why != "" {
		note += "; "
	}
	return note + e.Why
}

// DeviceResults returns a device's score and the outcome of every check.
func (c *Client) DeviceResults(ctx context.Context, id string) (Item[DeviceResults], error) {
	return decode[Item[DeviceResults]](c.call(ctx, http.MethodGet, "/plumbline/results/devices/"+url.PathEscape(id), nil))
}

// The kinds of events of the result stream. There may be others.
const (
	EventReady  = "ready"  // changes follow
	EventReset  = "reset"  // changes are missing: read the results again
	EventChange = "change" // a [Change]
)

// Change lists the devices of a page with a new outcome for a check.
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
		Evidence
	} `json:"devices"`
}
