package policy

import (
	"errors"

	"plumbline.dev/proto"
)

var (
	errTokenID          = errors.New("token_id is not the id of a service token, which is a UUID")
	credentialsRequired = &Problem{Reason: CredentialsRequired, Selector: "service_token"}
)

var _ = register(Selector{
	Name: "service_token", Members: []string{"token_id"}, Value: "token_id", Usage: "NAME",
	Refs: map[string]Resource{"token_id": ServiceTokenResource}, parse: parseServiceToken,
})

// serviceToken matches requests with the credentials of one service token.
type serviceToken struct{ id proto.ID }

func parseServiceToken(body []byte) (Matcher, error) {
	var b struct {
		TokenID string `json:"token_id"`
	}
	if err := decode(body, &b); err != nil {
		return nil, err
	}
	id, err := parseID(b.TokenID, errTokenID)
	if err != nil {
		return nil, err
	}
	return serviceToken{id}, nil
}

func (s serviceToken) Matches(f *Facts) Truth {
	if f.ServiceToken.IsZero() {
		return withoutToken(f)
	}
	return truth(f.ServiceToken == s.id)
}

// withoutToken is false. A logged-in person is not asked for a service token.
func withoutToken(f *Facts) Truth {
	if f.LoggedIn {
		return no()
	}
	return lacking(credentialsRequired)
}
