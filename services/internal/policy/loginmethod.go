package policy

import (
	"errors"

	"plumbline.dev/proto"
)

var errIDP = errors.New("it does not name an identity provider, by its id, which is a UUID")

var _ = register(Selector{
	Name: "login_method", Members: []string{"id"}, Value: "id", Usage: "PROVIDER",
	Refs: map[string]Resource{"id": ProviderResource}, Identity: true, parse: parseLoginMethod,
})

// loginMethod matches logins through one identity provider.
type loginMethod struct{ idp proto.ID }

func parseLoginMethod(body []byte) (Matcher, error) {
	var b struct {
		ID string `json:"id"`
	}
	if err := decode(body, &b); err != nil {
		return nil, err
	}
	idp, err := parseID(b.ID, errIDP)
	if err != nil {
		return nil, err
	}
	return loginMethod{idp}, nil
}

func (l loginMethod) Matches(f *Facts) Truth { return truth(f.LoggedIn && f.IDP == l.idp) }
