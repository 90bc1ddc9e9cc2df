package policy

import (
	"errors"
	"slices"
)

var (
	errAuthMethod     = errors.New(`auth_method is empty; it is one of RFC 8176, such as "hwk"`)
	authMethodUnknown = &Problem{Reason: AuthMethodUnknown, Selector: "auth_method"}
)

var _ = register(Selector{Name: "auth_method", Members: []string{"auth_method"}, Value: "auth_method", Usage: "AMR",
	Identity: true, parse: parseAuthMethod})

// authMethod matches logins with one authentication method (RFC 8176). The comparison is exact.
type authMethod struct{ method string }

func parseAuthMethod(body []byte) (Matcher, error) {
	var b struct {
		AuthMethod string `json:"auth_method"`
	}
	if err := decode(body, &b); err != nil {
		return nil, err
	}
	if b.AuthMethod == "" {
		return nil, errAuthMethod
	}
	return authMethod{b.AuthMethod}, nil
}

func (a authMethod) Matches(f *Facts) Truth {
	switch {
	case !f.LoggedIn:
		return no()
	case len(f.AMR) == 0:
		return unknown(authMethodUnknown)
	}
	return truth(slices.Contains(f.AMR, a.method))
}
