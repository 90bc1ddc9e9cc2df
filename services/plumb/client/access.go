package client

import (
	"context"
	"net/http"
	"net/url"
	"time"
)

// Group is an Access group: rules for use by policies.
type Group struct {
	ID      string `json:"id,omitempty"`
	Name    string `json:"name,omitempty"`
	Include []Rule `json:"include,omitempty"`
	Exclude []Rule `json:"exclude,omitempty"`
	Require []Rule `json:"require,omitempty"`
	// Unsupported lists the selectors not evaluated by the control plane.
	Unsupported []string `json:"x_unsupported,omitempty"`
}

func (g Group) ResourceID() string   { return g.ID }
func (g Group) ResourceName() string { return g.Name }

// IdentityProvider is a provider for logins.
type IdentityProvider struct {
	ID     string                 `json:"id,omitempty"`
	Name   string                 `json:"name,omitempty"`
	Type   string                 `json:"type,omitempty"`
	Config IdentityProviderConfig `json:"config,omitzero"`
	// Unsupported lists the type or settings not served.
	Unsupported []string `json:"x_unsupported,omitempty"`
}

// IdentityProviderConfig configures an OpenID Connect provider. The API does not return the secret.
type IdentityProviderConfig struct {
	ClientID     string   `json:"client_id,omitempty"`
	ClientSecret string   `json:"client_secret,omitempty"`
	Issuer       string   `json:"x_issuer,omitempty"`
	AuthURL      string   `json:"auth_url,omitempty"`
	TokenURL     string   `json:"token_url,omitempty"`
	CertsURL     string   `json:"certs_url,omitempty"`
	Scopes       []string `json:"scopes,omitempty"`
	Claims       []string `json:"claims,omitempty"`
	EmailClaim   string   `json:"email_claim_name,omitempty"`
	Prompt       string   `json:"prompt,omitempty"`
	PKCE         *bool    `json:"pkce_enabled,omitempty"`
}

func (p IdentityProvider) ResourceID() string   { return p.ID }
func (p IdentityProvider) ResourceName() string { return p.Name }

// Organization holds an account's access settings.
type Organization struct {
	Name            string      `json:"name,omitempty"`
	SessionDuration string      `json:"session_duration,omitempty"`
	Strict          *bool       `json:"strict_service_token_auth,omitempty"`
	Inactivity      *Inactivity `json:"service_token_inactivity,omitempty"`
	// Breaker is nil if the account has Plumbline's defaults.
	Breaker *Breaker `json:"x_breaker,omitempty"`
}

// Inactivity is the action for unused service tokens.
type Inactivity struct {
	Enabled bool   `json:"enabled"`
	Days    int    `json:"inactivity_threshold_days,omitempty"`
	Action  string `json:"action,omitempty"` // disable or delete
}

// Keys describes the rotation of signing keys.
type Keys struct {
	DaysLeft     float64   `json:"days_until_next_rotation"`
	IntervalDays int       `json:"key_rotation_interval_days"`
	RotatedAt    time.Time `json:"last_key_rotation_at,omitzero"`
}

// act sends a request for an action on one resource.
func (r Collection[T]) act(ctx context.Context, id, verb string, body any) (Item[T], error) {
	return decode[Item[T]](r.c.call(ctx, http.MethodPost, r.traits.Path+"/"+url.PathEscape(id)+"/"+verb, body))
}

// RefreshToken extends a service token's expiry by a year from now.
func (c *Client) RefreshToken(ctx context.Context, id string) (Item[ServiceToken], error) {
	return c.ServiceTokens.act(ctx, id, "refresh", nil)
}

// RotateToken replaces a service token's secret and returns the new one. The previous secret is accepted until the
// given time, or not at all if it is zero.
func (c *Client) RotateToken(ctx context.Context, id string, previousUntil time.Time) (Item[ServiceToken], error) {
	body := map[string]any{}
	if !previousUntil.IsZero() {
		body["previous_client_secret_expires_at"] = previousUntil.UTC().Format(time.RFC3339)
	}
	return c.ServiceTokens.act(ctx, id, "rotate", body)
}

// RevokeTokens revokes every application token of an application issued so far.
func (c *Client) RevokeTokens(ctx context.Context, app string) error {
	_, err := c.call(ctx, http.MethodPost, "/access/apps/"+url.PathEscape(app)+"/revoke_tokens", nil)
	return err
}

// Organizations returns the endpoint of the account's access settings, which has one resource.
func (c *Client) Organizations() Collection[Organization] {
	return collection[Organization](c, KindOrganization)
}

func (o Organization) ResourceID() string   { return "" }
func (o Organization) ResourceName() string { return o.Name }

// Keys returns the rotation of signing keys.
func (c *Client) Keys(ctx context.Context) (Item[Keys], error) {
	return decode[Item[Keys]](c.call(ctx, http.MethodGet, "/access/keys", nil))
}

// KeyInterval sets the days between rotations, 21 to 365.
func (c *Client) KeyInterval(ctx context.Context, days int) (Item[Keys], error) {
	return decode[Item[Keys]](c.call(ctx, http.MethodPut, "/access/keys",
		map[string]int{"key_rotation_interval_days": days}))
}

// RotateKeys makes the next signing key the current one.
func (c *Client) RotateKeys(ctx context.Context) (Item[Keys], error) {
	return decode[Item[Keys]](c.call(ctx, http.MethodPost, "/access/keys/rotate", nil))
}
