package client

import (
	"encoding/json"
	"strconv"
	"time"
)

// Integration is a posture integration (api/README.md 5.2) with our own additions, x_....
type Integration struct {
	ID          string            `json:"id,omitempty"`
	Name        string            `json:"name,omitempty"`
	Type        string            `json:"type,omitempty"`
	Interval    string            `json:"interval,omitempty"`
	Config      IntegrationConfig `json:"config,omitzero"`
	Paused      *bool             `json:"x_paused,omitempty"`
	Concurrency int               `json:"x_concurrency,omitempty"`
}

// IntegrationConfig is what a custom_s2s integration is configured with. The secret only goes in.
type IntegrationConfig struct {
	APIURL       string `json:"api_url,omitempty"`
	ClientID     string `json:"access_client_id,omitempty"`
	ClientSecret string `json:"access_client_secret,omitempty"`
}

// IsPaused tells whether it is.
func (i Integration) IsPaused() bool { return i.Paused != nil && *i.Paused }

func (i Integration) ResourceID() string   { return i.ID }
func (i Integration) ResourceName() string { return i.Name }

// Check is a posture rule (api/README.md 6.2).
type Check struct {
	ID          string     `json:"id,omitempty"`
	Name        string     `json:"name,omitempty"`
	Type        string     `json:"type,omitempty"`
	Description string     `json:"description,omitempty"`
	Expiration  string     `json:"expiration,omitempty"`
	Input       CheckInput `json:"input,omitzero"`
}

// CheckInput is what a custom_s2s rule asks: score operator Score.
type CheckInput struct {
	Integration string      `json:"connection_id,omitempty"`
	Operator    string      `json:"operator,omitempty"`
	Score       json.Number `json:"score,omitempty"`
}

func (c Check) ResourceID() string   { return c.ID }
func (c Check) ResourceName() string { return c.Name }

// ServiceToken is a service token (api/README.md 2.3). The secret is in the answer that makes it, and in no
// other.
type ServiceToken struct {
	ID           string    `json:"id,omitempty"`
	Name         string    `json:"name,omitempty"`
	ClientID     string    `json:"client_id,omitempty"`
	ClientSecret string    `json:"client_secret,omitempty"`
	Duration     string    `json:"duration,omitempty"`
	ExpiresAt    time.Time `json:"expires_at,omitzero"`
	// LastSeenAt is when it was last found right; zero: never.
	LastSeenAt time.Time `json:"last_seen_at,omitzero"`
	Enabled    *bool     `json:"enabled,omitempty"`
	// PreviousUntil is until when the secret before the last rotation is accepted; zero: no longer.
	PreviousUntil time.Time `json:"previous_client_secret_expires_at,omitzero"`
}

// IsDisabled tells whether it is turned off.
func (t ServiceToken) IsDisabled() bool { return t.Enabled != nil && !*t.Enabled }

func (t ServiceToken) ResourceID() string   { return t.ID }
func (t ServiceToken) ResourceName() string { return t.Name }

// Application is an Access application (api/README.md 3.3) with our own addition, x_origin_url.
type Application struct {
	ID              string        `json:"id,omitempty"`
	Name            string        `json:"name,omitempty"`
	Type            string        `json:"type,omitempty"`
	AUD             string        `json:"aud,omitempty"`
	Domain          string        `json:"domain,omitempty"`
	Destinations    []Destination `json:"destinations,omitempty"`
	SessionDuration string        `json:"session_duration,omitempty"`
	Policies        []Policy      `json:"policies,omitempty"`
	// OriginURL is where the gateway sends its requests; empty: it is served elsewhere.
	OriginURL          string   `json:"x_origin_url,omitempty"`
	TokenHeader        string   `json:"read_service_tokens_from_header,omitempty"`
	Refuse401          bool     `json:"service_auth_401_redirect,omitempty"`
	IDPs               []string `json:"allowed_idps,omitempty"`
	AutoRedirect       bool     `json:"auto_redirect_to_identity,omitempty"`
	SameSite           string   `json:"same_site_cookie_attribute,omitempty"`
	PreflightBypass    bool     `json:"options_preflight_bypass,omitempty"`
	DenyMessage        string   `json:"custom_deny_message,omitempty"`
	DenyURL            string   `json:"custom_deny_url,omitempty"`
	NonIdentityDenyURL string   `json:"custom_non_identity_deny_url,omitempty"`
	// Unsupported is what this build does not serve of it: its type, settings, selectors.
	Unsupported []string `json:"x_unsupported,omitempty"`
}

// Destination is one of the places that an application protects (api/README.md 3.4).
type Destination struct {
	Type string `json:"type"`
	URI  string `json:"uri"`
}

// Policy is an Access policy (api/README.md 4.2). Within an application, one with an id alone is a link to a
// reusable one.
type Policy struct {
	ID              string `json:"id,omitempty"`
	Name            string `json:"name,omitempty"`
	Decision        string `json:"decision,omitempty"`
	Precedence      int    `json:"precedence,omitempty"`
	Include         []Rule `json:"include,omitempty"`
	Exclude         []Rule `json:"exclude,omitempty"`
	Require         []Rule `json:"require,omitempty"`
	SessionDuration string `json:"session_duration,omitempty"`
	// Unsupported are the selectors that this build cannot evaluate.
	Unsupported []string `json:"x_unsupported,omitempty"`
}

func (a Application) ResourceID() string   { return a.ID }
func (a Application) ResourceName() string { return a.Name }
func (p Policy) ResourceID() string        { return p.ID }
func (p Policy) ResourceName() string      { return p.Name }

// Rule is one rule object of a policy or group (api/README.md 4.3): its one key is the selector.
type Rule = map[string]any

// ServiceTokenRule is the policy rule that one service token meets (api/README.md 4.3).
func ServiceTokenRule(id string) Rule {
	return Rule{"service_token": map[string]any{"token_id": id}}
}

// AnyServiceToken is the rule that every service token of the account meets.
func AnyServiceToken() Rule {
	return Rule{"any_valid_service_token": map[string]any{}}
}

// Number is a number as the score of a check.
func Number(f float64) json.Number { return json.Number(strconv.FormatFloat(f, 'f', -1, 64)) }
