package apitoken

import (
	"encoding/json"

	"plumbline.dev/proto"
	"plumbline.dev/services/api/permission"
	"plumbline.dev/services/api/v4"
)

// Statuses of an API token in responses.
const (
	statusActive   = "active"
	statusDisabled = "disabled"
	statusExpired  = "expired"
)

func tokenStatus(t *proto.APIToken, now proto.Millis) string {
	switch {
	case t.ExpiresAt != 0 && t.ExpiresAt <= now:
		return statusExpired
	case t.Disabled:
		return statusDisabled
	}
	return statusActive
}

// apiTokenView is an API token in a response, in the shape of Cloudflare's account-owned tokens. The x_ members are
// ours.
type apiTokenView struct {
	ID         proto.ID          `json:"id"`
	Name       string            `json:"name"`
	Status     string            `json:"status"`
	IssuedOn   v4.Timestamp      `json:"issued_on"`
	ModifiedOn v4.Timestamp      `json:"modified_on"`
	LastUsedOn v4.Timestamp      `json:"last_used_on,omitzero"`
	NotBefore  v4.Timestamp      `json:"not_before,omitzero"`
	ExpiresOn  v4.Timestamp      `json:"expires_on,omitzero"`
	Condition  *tokenCondition   `json:"condition,omitempty"`
	Policies   []tokenPolicyView `json:"policies"`
	Email      string            `json:"x_email,omitempty"`
	All        bool              `json:"x_all,omitempty"` // the policies show what this covers today
	Creator    proto.ID          `json:"x_created_by,omitzero"`
	Value      string            `json:"value,omitempty"`
}

type tokenCondition struct {
	RequestIP requestIP `json:"request_ip"`
}

type requestIP struct {
	In    []string `json:"in,omitempty"`
	NotIn []string `json:"not_in,omitempty"`
}

type tokenPolicyView struct {
	ID        proto.ID        `json:"id"`
	Effect    string          `json:"effect"`
	Groups    []groupRef      `json:"permission_groups"`
	Resources json.RawMessage `json:"resources"`
}

type groupRef struct {
	ID   string `json:"id"`
	Name string `json:"name"`
}

// view returns a token as responses show it. value is set only in the response that creates the token.
func (s *API) view(a proto.Account, t *proto.APIToken, value string) apiTokenView {
	v := apiTokenView{
		ID: t.ID, Name: t.Name, Status: tokenStatus(t, proto.At(s.store.Clock.Now())), IssuedOn: v4.Timestamp(t.CreatedAt),
		ModifiedOn: v4.Timestamp(max(t.UpdatedAt, t.CreatedAt)), LastUsedOn: v4.Timestamp(s.store.Tokens.LastUsed(a, t.ID)),
		NotBefore: v4.Timestamp(t.NotBefore),
		ExpiresOn: v4.Timestamp(t.ExpiresAt), Policies: []tokenPolicyView{}, Email: t.Email, All: t.All, Creator: t.Creator,
		Value: value,
	}
	if len(t.AllowFrom)+len(t.DenyFrom) > 0 {
		v.Condition = &tokenCondition{requestIP{t.AllowFrom, t.DenyFrom}}
	}
	policies := t.Policies
	if t.All {
		policies = []proto.TokenPolicy{everything(a, t.ID)}
	}
	for _, p := range policies {
		one := tokenPolicyView{ID: p.ID, Effect: effectAllow, Groups: make([]groupRef, len(p.Groups)), Resources: p.Resources}
		if p.Deny {
			one.Effect = effectDeny
		}
		for n, id := range p.Groups {
			g, _ := permission.Find(id)
			one.Groups[n] = groupRef{id, g.Name}
		}
		v.Policies = append(v.Policies, one)
	}
	return v
}

// everything returns a policy with every permission in an account.
func everything(a proto.Account, id proto.ID) proto.TokenPolicy {
	p := proto.TokenPolicy{ID: id}
	for _, g := range permission.Groups {
		if !g.ForZone {
			p.Groups = append(p.Groups, g.ID)
		}
	}
	resources := v4.Object{}
	resources.Set(accountResource+a.String(), "*")
	p.Resources = resources.Encode()
	return p
}
