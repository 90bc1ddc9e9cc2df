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

// APIToken is a token of the control plane itself. Of one that is made, Value is told once.
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
	LastUsedOn time.Time        `json:"last_used_on,omitzero"` // to the hour
	// Email is the address beside which the token works as an API key (X-Auth-Email, X-Auth-Key).
	Email     string `json:"x_email,omitempty"`
	All       bool   `json:"x_all,omitempty"` // it may do everything
	CreatedBy string `json:"x_created_by,omitempty"`
	Value     string `json:"value,omitempty"`
}

func (t APIToken) ResourceID() string   { return t.ID }
func (t APIToken) ResourceName() string { return t.Name }

// APITokenPolicy allows or denies what permission groups name.
type APITokenPolicy struct {
	ID     string            `json:"id,omitempty"`
	Effect string            `json:"effect"` // allow, deny
	Groups []PermissionGroup `json:"permission_groups"`
	// Resources are the account or zones of it: see [WholeAccount].
	Resources json.RawMessage `json:"resources"`
}

// Zones are the ids of the zones that the policy is about; none, where it is about an account.
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

// PermissionGroup is something that tokens can be allowed. A token's policy needs the id alone.
type PermissionGroup struct {
	ID     string   `json:"id"`
	Name   string   `json:"name,omitempty"`
	Scopes []string `json:"scopes,omitempty"`
}

// TokenCondition restricts from where a token is used, in CIDR.
type TokenCondition struct {
	RequestIP struct {
		In    []string `json:"in,omitempty"`
		NotIn []string `json:"not_in,omitempty"`
	} `json:"request_ip"`
}

// APITokens are the tokens of the control plane. An update keeps what it does not name; null takes it away.
func (c *Client) APITokens() Collection[APIToken] {
	return collection[APIToken](c, KindAPIToken)
}

// RollAPIToken gives a token a new value and returns it. The one it had ends at once.
func (c *Client) RollAPIToken(ctx context.Context, id string) (string, error) {
	return decode[string](c.call(ctx, http.MethodPut, "/tokens/"+url.PathEscape(id)+"/value", struct{}{}))
}

// PermissionGroups are all that there are.
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

// Zones are the resources of a policy about some zones.
func Zones(ids []string) json.RawMessage {
	resources := map[string]string{}
	for _, id := range ids {
		resources[ScopeZone+"."+id] = "*"
	}
	b, _ := json.Marshal(resources) // strings always encode
	return b
}

// WholeAccount are the resources of a policy about all of an account.
func WholeAccount(account string) json.RawMessage {
	b, _ := json.Marshal(map[string]string{ScopeAccount + "." + account: "*"}) // strings always encode
	return b
}
