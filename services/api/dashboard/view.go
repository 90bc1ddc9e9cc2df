package dashboard

import (
	"plumbline.dev/proto"
	"plumbline.dev/services/api/device"
	"plumbline.dev/services/api/posture"
	"plumbline.dev/services/api/v4"
)

// view is the overview of an account.
type view struct {
	At           v4.Timestamp      `json:"at"`
	Devices      int               `json:"devices"`
	Checks       []checkView       `json:"checks"`
	Integrations []integrationView `json:"integrations"`
	Exemptions   *exemptionsView   `json:"exemptions" says:"Null without the permission Posture Exemptions Read."`
	Tokens       *tokensView       `json:"service_tokens" says:"Null without the permission Access: Service Tokens Read."`
	APITokens    *tokensView       `json:"api_tokens" says:"Null without the permission Account API Tokens Read."`
	Applications int               `json:"applications" says:"Number of applications."`
	Policies     int               `json:"policies" says:"Number of policies, reusable or not."`
}

// checkView is the state of a check over all devices.
type checkView struct {
	ID          proto.ID `json:"id"`
	Name        string   `json:"name"`
	Integration *string  `json:"integration_id" says:"Null if the check's integration does not exist."`
	Evaluated   bool     `json:"evaluated" says:"The check is of a type that is evaluated, over an existing integration."`
	Mode        string   `json:"mode" says:"enforce or observe."`
	Pass        int      `json:"pass"`
	Fail        int      `json:"fail"`
	Unknown     int      `json:"unknown"`
	ObserveOnly int      `json:"observe_only" says:"Devices that pass only because of observe mode."`
	Exempt      int      `json:"exempt" says:"Devices that pass only because of an exemption."`
	Grace       int      `json:"grace" says:"Devices that pass only because of a grace."`
	Held        int      `json:"held" says:"Devices with an outcome that a breaker holds."`
	Changed     int      `json:"changed" says:"Devices with another outcome since the poll before the newest one."`
	// Applications is the number of applications with a policy about the check.
	Applications int          `json:"applications" says:"Applications with a policy about the check."`
	Past         []pastCounts `json:"past" says:"Outcomes after up to 24 earlier polls, the oldest first; fewer after a restart."`
}

// pastCounts are the outcomes of a check after an earlier poll.
type pastCounts struct {
	At      v4.Timestamp `json:"at"`
	Pass    int          `json:"pass"`
	Fail    int          `json:"fail"`
	Unknown int          `json:"unknown"`
}

// integrationView is the status of an integration with the freshness of its pages.
type integrationView struct {
	posture.Standing
	Type      string `json:"type"`
	Freshness string `json:"freshness" says:"One character for each page of 1,000 devices, from page 0: 0 has the newest poll, 1 is one poll behind, 2 two or more, 3 overdue, e its newest call failed, - never polled, . no page."` //nolint:lll // a struct tag cannot be split
}

// exemptionsView counts the active exemptions and lists those that end soon, the soonest first.
type exemptionsView struct {
	Active int                    `json:"active"`
	Ending []device.ExemptionView `json:"ending" says:"At most 5 that end within 3 days."`
}

// tokensView counts tokens and lists those that expire soon, the soonest first.
type tokensView struct {
	Count    int             `json:"count"`
	Expiring []expiringToken `json:"expiring" says:"At most 10 that expire within 30 days or expired within the last 7."`
}

// expiringToken is a token that expires soon or has expired.
type expiringToken struct {
	ID        proto.ID     `json:"id"`
	Name      string       `json:"name"`
	ExpiresAt v4.Timestamp `json:"expires_at"`
	LastUsed  v4.Timestamp `json:"last_used_at" says:"Null if the token was never used."`
	// Rules is how many rules name a service token; 0 for an API token.
	Rules int `json:"rules" says:"Rules of policies and groups that name the token."`
}
