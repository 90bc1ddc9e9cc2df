package client

import (
	"context"
	"net/http"
	"net/url"
	"time"
)

// Group is an Access group: rules that policies refer to by one rule.
type Group struct {
	ID      string `json:"id,omitempty"`
	Name    string `json:"name,omitempty"`
	Include []Rule `json:"include,omitempty"`
	Exclude []Rule `json:"exclude,omitempty"`
	Require []Rule `json:"require,omitempty"`
	// Unsupported are the selectors that this build cannot evaluate.
	Unsupported []string `json:"x_unsupported,omitempty"`
}

func (g Group) ResourceID() string   { return g.ID }
func (g Group) ResourceName() string { return g.Name }

// IdentityProvider is where people log in.
type IdentityProvider struct {
	ID     string                 `json:"id,omitempty"`
	Name   string                 `json:"name,omitempty"`
	Type   string                 `json:"type,omitempty"`
	Config IdentityProviderConfig `json:"config,omitzero"`
	// Unsupported is what this build does not serve of it: its type, or settings.
	Unsupported []string `json:"x_unsupported,omitempty"`
}

// IdentityProviderConfig is what an OpenID Connect provider is configured with. The secret only goes in.
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

// Organization is an account's settings of access.
type Organization struct {
	Name            string      `json:"name,omitempty"`
	SessionDuration string      `json:"session_duration,omitempty"`
	Strict          *bool       `json:"strict_service_token_auth,omitempty"` // api/README.md 8.6
	Inactivity      *Inactivity `json:"service_token_inactivity,omitempty"`  // api/README.md 2.5
}

// Inactivity is what becomes of service tokens that nobody uses.
type Inactivity struct {
	Enabled bool   `json:"enabled"`
	Days    int    `json:"inactivity_threshold_days,omitempty"`
	Action  string `json:"action,omitempty"` // disable or delete
}

// Keys are how signing keys rotate (api/README.md 8.1).
type Keys struct {
	DaysLeft     float64   `json:"days_until_next_rotation"`
	IntervalDays int       `json:"key_rotation_interval_days"`
	RotatedAt    time.Time `json:"last_key_rotation_at,omitzero"`
}

// act makes a request about one resource that is neither of the usual ones.
func (r Collection[T]) act(ctx context.Context, id, verb string, body any) (Item[T], error) {
	return decode[Item[T]](r.c.call(ctx, http.MethodPost, r.path+"/"+url.PathEscape(id)+"/"+verb, body))
}

// RefreshToken lets a service token be valid for another year.
func (c *Client) RefreshToken(ctx context.Context, id string) (Item[ServiceToken], error) {
	return c.ServiceTokens.act(ctx, id, "refresh", nil)
}

// RotateToken gives a service token another secret, which is in the answer. The one before is accepted
// until the time given; zero: no longer.
func (c *Client) RotateToken(ctx context.Context, id string, previousUntil time.Time) (Item[ServiceToken], error) {
	body := map[string]any{}
	if !previousUntil.IsZero() {
		body["previous_client_secret_expires_at"] = previousUntil.UTC().Format(time.RFC3339)
	}
	return c.ServiceTokens.act(ctx, id, "rotate", body)
}

// RevokeTokens voids every application token that was issued for an application so far.
func (c *Client) RevokeTokens(ctx context.Context, app string) error {
	_, err := c.call(ctx, http.MethodPost, "/access/apps/"+url.PathEscape(app)+"/revoke_tokens", nil)
	return err
}

// Organizations is where the account's settings of access are, which are one.
func (c *Client) Organizations() Collection[Organization] {
	return collection[Organization](c, KindOrganization)
}

func (o Organization) ResourceID() string   { return "" }
func (o Organization) ResourceName() string { return o.Name }

// Organization gives the account's settings of access.
func (c *Client) Organization(ctx context.Context) (Item[Organization], error) {
	return decode[Item[Organization]](c.call(ctx, http.MethodGet, "/access/organizations", nil))
}

// ChangeOrganization changes what is set in o.
func (c *Client) ChangeOrganization(ctx context.Context, o Organization) (Item[Organization], error) {
	return decode[Item[Organization]](c.call(ctx, http.MethodPatch, "/access/organizations", o))
}

// Keys tells how signing keys rotate.
func (c *Client) Keys(ctx context.Context) (Item[Keys], error) {
	return decode[Item[Keys]](c.call(ctx, http.MethodGet, "/access/keys", nil))
}

// KeyInterval sets how often they do, 21 to 365 days.
func (c *Client) KeyInterval(ctx context.Context, days int) (Item[Keys], error) {
	return decode[Item[Keys]](c.call(ctx, http.MethodPut, "/access/keys", map[string]int{"key_rotation_interval_days": days}))
}

// RotateKeys has the next signing key sign.
func (c *Client) RotateKeys(ctx context.Context) (Item[Keys], error) {
	return decode[Item[Keys]](c.call(ctx, http.MethodPost, "/access/keys/rotate", nil))
}
