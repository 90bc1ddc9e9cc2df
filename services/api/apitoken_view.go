package api

import (
	"encoding/json"

	"plumbline.dev/proto"
)

// The states of an API token, as clients know them.
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

// apiTokenView is an API token in an answer, in the shape of Cloudflare's account-owned tokens. The x_
// members are ours.
type apiTokenView struct {
	ID         proto.ID          `json:"id"`
	Name       string            `json:"name"`
	Status     string            `json:"status"`
	IssuedOn   stamp             `json:"issued_on"`
	ModifiedOn stamp             `json:"modified_on"`
	LastUsedOn stamp             `json:"last_used_on,omitzero"`
	NotBefore  stamp             `json:"not_before,omitzero"`
	ExpiresOn  stamp             `json:"expires_on,omitzero"`
	Condition  *tokenCondition   `json:"condition,omitempty"`
	Policies   []tokenPolicyView `json:"policies"`
	Email      string            `json:"x_email,omitempty"`
	All        bool              `json:"x_all,omitempty"` // the policies show what that is today
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

// viewAPIToken shows a token. value is for the one answer that makes it.
func (s *Service) viewAPIToken(a proto.Account, t *proto.APIToken, value string) apiTokenView {
	v := apiTokenView{
		ID: t.ID, Name: t.Name, Status: tokenStatus(t, proto.At(s.clock.Now())), IssuedOn: stamp(t.CreatedAt),
		ModifiedOn: stamp(max(t.UpdatedAt, t.CreatedAt)), LastUsedOn: stamp(s.tokens.lastUsed(a, t.ID)), NotBefore: stamp(t.NotBefore),
		ExpiresOn: stamp(t.ExpiresAt), Policies: []tokenPolicyView{}, Email: t.Email, All: t.All, Creator: t.Creator, Value: value,
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
			g, _ := findGroup(id)
			one.Groups[n] = groupRef{id, g.name}
		}
		v.Policies = append(v.Policies, one)
	}
	return v
}

// everything is all that there is to allow in an account.
func everything(a proto.Account, id proto.ID) proto.TokenPolicy {
	p := proto.TokenPolicy{ID: id}
	for _, g := range permissionGroups {
		if !g.zone {
			p.Groups = append(p.Groups, g.id)
		}
	}
	resources := object{}
	resources.set(accountResource+a.String(), "*")
	p.Resources = resources.sent()
	return p
}
