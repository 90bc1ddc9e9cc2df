package client

import (
	"context"
	"encoding/json"
	"maps"
	"net/http"
	"net/url"
	"slices"
	"strings"
	"time"
)

// APIToken is an API token of the control plane. Value is set in the answer that creates it only.
type APIToken struct {
	ID         string           `json:"id,omitempty"`
	Name       string           `json:"name,omitempty"`
	Status     string           `json:"status,omitempty"` // active, disabled, expired
	Policies   []APITokenPolicy `json:"policies,omitempty"`
	Condition  *TokenCondition  `json:"condition,omitempty"`
	NotBefore  time.Time        `json:"not_before,omitzero"`
	ExpiresOn  time.Time        `json:"expires_on,omitzero"`
	IssuedOn   time.Time        `json:"issued_on,omitzero"`
	ModifiedOn time.Time        `json:"modified_on,omitzero"`
	LastUsedOn time.Time        `json:"last_used_on,omitzero"` // rounded to the hour
	// Email is the address with which the token works as an API key (X-Auth-Email, X-Auth-Key).
	Email     string `json:"x_email,omitempty"`
	All       bool   `json:"x_all,omitempty"` // every permission
	CreatedBy string `json:"x_created_by,omitempty"`
	Value     string `json:"value,omitempty"`
}

func (t APIToken) ResourceID() string   { return t.ID }
func (t APIToken) ResourceName() string { return t.Name }

// APITokenPolicy allows or denies permission groups.
type APITokenPolicy struct {
	ID     string            `json:"id,omitempty"`
	Effect string            `json:"effect"` // allow, deny
	Groups []PermissionGroup `json:"permission_groups"`
	// Resources holds the account or the zones of the policy: see [WholeAccount].
	Resources json.RawMessage `json:"resources"`
}

// Zones returns the ids of the policy's zones. A policy of an account has none.
func (p APITokenPolicy) Zones() []string {
	var resources map[string]json.RawMessage
	if json.Unmarshal(p.Resources, &resources) != nil {
		return nil
	}
	var ids []string
	for _, name := range slices.Sorted(maps.Keys(resources)) {
		if id, ok := strings.CutPrefix(name, ScopeZone+"."); ok {
			ids = append(ids, id)
		}
	}
	return ids
}

// PermissionGroup is a permission. A policy of a token needs its id only.
type PermissionGroup struct {
	ID     string   `json:"id"`
	Name   string   `json:"name,omitempty"`
	Scopes []string `json:"scopes,omitempty"`
}

// TokenCondition restricts the networks that a token is accepted from, in CIDR notation.
type TokenCondition struct {
	RequestIP struct {
		In    []string `json:"in,omitempty"`
		NotIn []string `json:"not_in,omitempty"`
	} `json:"request_ip"`
}

// APITokens returns the endpoint of API tokens. An update keeps members that it leaves out; null removes a member.
func (c *Client) APITokens() Collection[APIToken] {
	return collection[APIToken](c, KindAPIToken)
}

// RollAPIToken replaces the value of an API token and returns the new one. The previous value stops working at once.
func (c *Client) RollAPIToken(ctx context.Context, id string) (string, error) {
	return decode[string](c.call(ctx, http.MethodPut, "/tokens/"+url.PathEscape(id)+"/value", struct{}{}))
}

// PermissionGroups returns every permission.
func (c *Client) PermissionGroups(ctx context.Context) ([]PermissionGroup, error) {
	return decode[[]PermissionGroup](c.call(ctx, http.MethodGet, "/tokens/permission_groups", nil))
}

// VerifyToken gives the id and the status of the token that the client calls with.
func (c *Client) VerifyToken(ctx context.Context) (APIToken, error) {
	return decode[APIToken](c.call(ctx, http.MethodGet, "/tokens/verify", nil))
}

// The scopes of permissions.
const (
	ScopeAccount = "com.cloudflare.api.account"
	ScopeZone    = "com.cloudflare.api.account.zone"
)

// Zones returns the resources of a policy for some zones.
func Zones(ids []string) json.RawMessage {
	resources := map[string]string{}
	for _, id := range ids {
		resources[ScopeZone+"."+id] = "*"
	}
	b, _ := json.Marshal(resources) // strings always encode
	return b
}

// WholeAccount returns the resources of a policy for an account.
func WholeAccount(account string) json.RawMessage {
	b, _ := json.Marshal(map[string]string{ScopeAccount + "." + account: "*"}) // strings always encode
	return b
}
