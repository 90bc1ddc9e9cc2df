package client

import (
	"encoding/json"
	"strconv"
	"strings"
	"time"
)

// Integration is a posture integration. Members with x_ are Plumbline's own.
type Integration struct {
	ID          string            `json:"id,omitempty"`
	Name        string            `json:"name,omitempty"`
	Type        string            `json:"type,omitempty"`
	Interval    string            `json:"interval,omitempty"`
	Config      IntegrationConfig `json:"config,omitzero"`
	Paused      *bool             `json:"x_paused,omitempty"`
	Concurrency int               `json:"x_concurrency,omitempty"`
}

// IntegrationConfig configures a custom_s2s integration. Answers have no secret.
type IntegrationConfig struct {
	APIURL       string `json:"api_url,omitempty"`
	ClientID     string `json:"access_client_id,omitempty"`
	ClientSecret string `json:"access_client_secret,omitempty"`
}

// IsPaused reports whether the integration is paused.
func (i Integration) IsPaused() bool { return i.Paused != nil && *i.Paused }

func (i Integration) ResourceID() string   { return i.ID }
func (i Integration) ResourceName() string { return i.Name }

// Check is a posture rule.
type Check struct {
	ID          string     `json:"id,omitempty"`
	Name        string     `json:"name,omitempty"`
	Type        string     `json:"type,omitempty"`
	Description string     `json:"description,omitempty"`
	Expiration  string     `json:"expiration,omitempty"`
	Input       CheckInput `json:"input,omitzero"`
	// The members for enforcement are empty if they have their defaults.
	Mode         string      `json:"x_mode,omitempty"`
	RecoverScore json.Number `json:"x_recover_score,omitempty"`
	Grace        string      `json:"x_grace,omitempty"`
	Breaker      *Breaker    `json:"x_breaker,omitempty"`
	Remediation  string      `json:"x_remediation,omitempty"`
}

// Breaker holds the settings of a breaker. A setting that is nil or empty follows the account's in a check, and has its
// default in an account.
type Breaker struct {
	Enabled *bool       `json:"enabled,omitempty"`
	Share   json.Number `json:"share,omitempty"`
	Floor   json.Number `json:"floor,omitempty"`
	Window  string      `json:"window,omitempty"`
	MaxHold string      `json:"max_hold,omitempty"`
}

// OfAccount returns the settings of an account that are not defaults, such as "on, share 0.1", or "off". b may be nil.
func (b *Breaker) OfAccount() string {
	if b == nil {
		return "on"
	}
	given, _ := b.given()
	if b.Enabled == nil {
		given = append([]string{"on"}, given...)
	}
	return strings.Join(given, ", ")
}

// OfCheck returns the settings that a check has itself, such as "share 0.1; else the account's", or "off". b may be
// nil.
func (b *Breaker) OfCheck() string {
	if b == nil {
		return "the account's settings"
	}
	switch given, all := b.given(); {
	case len(given) == 0:
		return "the account's settings"
	case all:
		return strings.Join(given, ", ")
	default:
		return strings.Join(given, ", ") + "; else the account's"
	}
}

// given returns the settings, and whether they leave no other one to matter.
func (b *Breaker) given() (given []string, all bool) {
	if b.Enabled != nil && !*b.Enabled {
		return []string{"off"}, true
	}
	all = b.Enabled != nil
	if all {
		given = append(given, "on")
	}
	for _, s := range [][2]string{{"share", b.Share.String()}, {"floor", b.Floor.String()}, {"window", b.Window},
		{"max hold", b.MaxHold}} {
		if all = all && s[1] != ""; s[1] != "" {
			given = append(given, s[0]+" "+s[1])
		}
	}
	return given, all
}

// CheckInput is the condition of a custom_s2s rule: score Operator Score.
type CheckInput struct {
	Integration string      `json:"connection_id,omitempty"`
	Operator    string      `json:"operator,omitempty"`
	Score       json.Number `json:"score,omitempty"`
}

func (c Check) ResourceID() string   { return c.ID }
func (c Check) ResourceName() string { return c.Name }

// ServiceToken is a service token. Its secret is set in the answer that creates or rotates it only.
type ServiceToken struct {
	ID           string    `json:"id,omitempty"`
	Name         string    `json:"name,omitempty"`
	ClientID     string    `json:"client_id,omitempty"`
	ClientSecret string    `json:"client_secret,omitempty"`
	Duration     string    `json:"duration,omitempty"`
	ExpiresAt    time.Time `json:"expires_at,omitzero"`
	// LastSeenAt is the time of the last use; zero if it was never used.
	LastSeenAt time.Time `json:"last_seen_at,omitzero"`
	Enabled    *bool     `json:"enabled,omitempty"`
	// PreviousUntil is the end of the previous secret's validity; zero if it has ended.
	PreviousUntil time.Time `json:"previous_client_secret_expires_at,omitzero"`
}

// IsDisabled reports whether the token is disabled.
func (t ServiceToken) IsDisabled() bool { return t.Enabled != nil && !*t.Enabled }

func (t ServiceToken) ResourceID() string   { return t.ID }
func (t ServiceToken) ResourceName() string { return t.Name }

// Application is an Access application. x_origin_url is Plumbline's own member.
type Application struct {
	ID              string        `json:"id,omitempty"`
	Name            string        `json:"name,omitempty"`
	Type            string        `json:"type,omitempty"`
	AUD             string        `json:"aud,omitempty"`
	Domain          string        `json:"domain,omitempty"`
	Destinations    []Destination `json:"destinations,omitempty"`
	SessionDuration string        `json:"session_duration,omitempty"`
	Policies        []Policy      `json:"policies,omitempty"`
	// OriginURL is the origin of forwarded requests, or empty.
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
	// Unsupported lists the type, settings or selectors not served.
	Unsupported []string `json:"x_unsupported,omitempty"`
}

// Destination is a protected place, such as a domain.
type Destination struct {
	Type string `json:"type"`
	URI  string `json:"uri"`
}

// Policy is an Access policy. In an application, a policy with an id only is a reference to a reusable policy.
type Policy struct {
	ID              string `json:"id,omitempty"`
	Name            string `json:"name,omitempty"`
	Decision        string `json:"decision,omitempty"`
	Precedence      int    `json:"precedence,omitempty"`
	Reusable        bool   `json:"reusable,omitempty"`
	Include         []Rule `json:"include,omitempty"`
	Exclude         []Rule `json:"exclude,omitempty"`
	Require         []Rule `json:"require,omitempty"`
	SessionDuration string `json:"session_duration,omitempty"`
	// Unsupported lists the selectors not evaluated by the control plane.
	Unsupported []string `json:"x_unsupported,omitempty"`
}

func (a Application) ResourceID() string   { return a.ID }
func (a Application) ResourceName() string { return a.Name }
func (p Policy) ResourceID() string        { return p.ID }
func (p Policy) ResourceName() string      { return p.Name }

// Rule is a rule object of a policy or a group. Its only key is the selector.
type Rule = map[string]any

// ServiceTokenRule returns a rule for one service token.
func ServiceTokenRule(id string) Rule {
	return Rule{"service_token": map[string]any{"token_id": id}}
}

// AnyServiceToken returns a rule for every service token of the account.
func AnyServiceToken() Rule {
	return Rule{"any_valid_service_token": map[string]any{}}
}

// Number returns a score as a JSON number.
func Number(f float64) json.Number { return json.Number(strconv.FormatFloat(f, 'f', -1, 64)) }
