package policy

import "plumbline.dev/proto"

// serviceToken holds for the credentials of one service token.
type serviceToken struct{ id proto.ID }

func parseServiceToken(body []byte) (Matcher, error) {
	var b struct {
		TokenID string `json:"token_id"`
	}
	if err := decode(body, &b); err != nil {
		return nil, err
	}
	id, err := proto.ParseID(b.TokenID)
	if err != nil || id.IsZero() {
		return nil, errTokenID
	}
	return serviceToken{id}, nil
}

func (s serviceToken) Matches(f *Facts) Truth {
	return truth(!f.ServiceToken.IsZero() && f.ServiceToken == s.id)
}

// anyServiceToken holds for the credentials of any service token.
type anyServiceToken struct{}

func parseAnyServiceToken(body []byte) (Matcher, error) {
	return anyServiceToken{}, decode(body, &struct{}{})
}

func (anyServiceToken) Matches(f *Facts) Truth { return truth(!f.ServiceToken.IsZero()) }
