package client

import (
	"context"
	"net/http"
	"time"
)

// Dashboard is the overview of an account. Exemptions, ServiceTokens and APITokens are nil without the permission to
// read them.
type Dashboard struct {
	At            time.Time              `json:"at"`
	Devices       int                    `json:"devices"`
	Checks        []CheckState           `json:"checks"`
	Integrations  []DashboardIntegration `json:"integrations"`
	Exemptions    *EndingExemptions      `json:"exemptions"`
	ServiceTokens *ExpiringTokens        `json:"service_tokens"`
	APITokens     *ExpiringTokens        `json:"api_tokens"`
	Applications  int                    `json:"applications"`
	Policies      int                    `json:"policies"`
}

// CheckState is the state of a check over all devices.
type CheckState struct {
	ID          string  `json:"id"`
	Name        string  `json:"name"`
	Integration *string `json:"integration_id"`
	Evaluated   bool    `json:"evaluated"`
	Mode        string  `json:"mode"` // enforce or observe
	Pass        int     `json:"pass"`
	Fail        int     `json:"fail"`
	Unknown     int     `json:"unknown"`
	// ObserveOnly, Exempt and Grace count devices that pass only for this reason. Held counts held outcomes.
	ObserveOnly  int          `json:"observe_only"`
	Exempt       int          `json:"exempt"`
	Grace        int          `json:"grace"`
	Held         int          `json:"held"`
	Changed      int          `json:"changed"` // by the newest poll
	Applications int          `json:"applications"`
	Past         []PastCounts `json:"past"` // the oldest first
}

// PastCounts are the outcomes of a check after an earlier poll.
type PastCounts struct {
	At      time.Time `json:"at"`
	Pass    int       `json:"pass"`
	Fail    int       `json:"fail"`
	Unknown int       `json:"unknown"`
}

// DashboardIntegration is the status of an integration.
type DashboardIntegration struct {
	Status
	Type string `json:"type"`
	// Freshness has a character for each page of devices.
	Freshness string `json:"freshness"`
	AgeMS     int64  `json:"age_ms"` // of the oldest page
}

// EndingExemptions counts the active exemptions and lists those that end soon.
type EndingExemptions struct {
	Active int         `json:"active"`
	Ending []Exemption `json:"ending"`
}

// ExpiringTokens counts tokens and lists those that expire soon.
type ExpiringTokens struct {
	Count    int             `json:"count"`
	Expiring []ExpiringToken `json:"expiring"`
}

// ExpiringToken is a token that expires soon or has expired.
type ExpiringToken struct {
	ID        string     `json:"id"`
	Name      string     `json:"name"`
	ExpiresAt time.Time  `json:"expires_at"`
	LastUsed  *time.Time `json:"last_used_at"`
	Rules     int        `json:"rules"` // that name a service token
}

// Dashboard returns the overview of the account.
func (c *Client) Dashboard(ctx context.Context) (Dashboard, error) {
	return decode[Dashboard](c.call(ctx, http.MethodGet, "/plumbline/overview", nil))
}
