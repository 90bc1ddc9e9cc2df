package client

import (
	"encoding/json"
	"strconv"
	"time"
)

// Integration is a posture integration (contract.md 5.2) with our own additions, x_....
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

// Check is a posture rule (contract.md 6.2).
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

// ServiceToken is a service token (contract.md 2.3). The secret is in the answer that makes it, and in no
// other.
type ServiceToken struct {
	ID           string    `json:"id,omitempty"`
	Name         string    `json:"name,omitempty"`
	ClientID     string    `json:"client_id,omitempty"`
	ClientSecret string    `json:"client_secret,omitempty"`
	Duration     string    `json:"duration,omitempty"`
	ExpiresAt    time.Time `json:"expires_at,omitzero"`
}

func (t ServiceToken) ResourceID() string   { return t.ID }
func (t ServiceToken) ResourceName() string { return t.Name }

// Application is an Access application (contract.md 3.3).
type Application struct {
	ID              string   `json:"id,omitempty"`
	Name            string   `json:"name,omitempty"`
	Type            string   `json:"type,omitempty"`
	AUD             string   `json:"aud,omitempty"`
	Domain          string   `json:"domain,omitempty"`
	SessionDuration string   `json:"session_duration,omitempty"`
	Policies        []Policy `json:"policies,omitempty"`
}

// Policy is an Access policy within an application (contract.md 4.2).
type Policy struct {
	ID         string           `json:"id,omitempty"`
	Name       string           `json:"name"`
	Decision   string           `json:"decision"`
	Precedence int              `json:"precedence,omitempty"`
	Include    []map[string]any `json:"include"`
}

func (a Application) ResourceID() string   { return a.ID }
func (a Application) ResourceName() string { return a.Name }

// ServiceTokenRule is the policy rule that one service token meets (contract.md 4.3).
func ServiceTokenRule(id string) map[string]any {
	return map[string]any{"service_token": map[string]any{"token_id": id}}
}

// AnyServiceToken is the rule that every service token of the account meets.
func AnyServiceToken() map[string]any {
	return map[string]any{"any_valid_service_token": map[string]any{}}
}

// Number is a number as the score of a check.
func Number(f float64) json.Number { return json.Number(strconv.FormatFloat(f, 'f', -1, 64)) }
