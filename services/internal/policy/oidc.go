package policy

import (
	"errors"
	"slices"

	"plumbline.dev/proto"
)

var (
	errClaim      = errors.New("claim_name is empty")
	claimsUnknown = &Problem{Reason: ClaimsUnknown, Selector: "oidc"}
)

var _ = register(Selector{
	Name: "oidc", Members: []string{"claim_name", "claim_value", "identity_provider_id"}, Usage: "PROVIDER,CLAIM=VALUE",
	Refs: ofProvider, Identity: true, parse: parseOIDC,
})

// claim matches logins through one identity provider with a claim that equals the value, or is a list containing it.
// Numbers and bools are compared as written.
type claim struct {
	name, value string
	idp         proto.ID
}

func parseOIDC(body []byte) (Matcher, error) {
	var b struct {
		Name  string  `json:"claim_name"`
		Value *string `json:"claim_value"`
		IDP   string  `json:"identity_provider_id"`
	}
	if err := decode(body, &b); err != nil {
		return nil, err
	}
	if b.Name == "" || b.Value == nil {
		return nil, errClaim
	}
	idp, err := parseID(b.IDP, errIDP)
	if err != nil {
		return nil, err
	}
	return claim{b.Name, *b.Value, idp}, nil
}

func (c claim) Matches(f *Facts) Truth {
	if !f.LoggedIn || f.IDP != c.idp {
		return no()
	}
	values, ok := f.Claims.get(c.name)
	if !ok {
		return unknown(claimsUnknown)
	}
	return truth(slices.Contains(values, c.value))
}
