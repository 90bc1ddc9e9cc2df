package policy

import (
	"errors"
	"strings"
)

var errDomain = errors.New(`domain is not a domain such as "example.com"`)

// emailDomain holds for the people whose address ends in one domain: what follows the last @ is the domain,
// not only its end.
type emailDomain struct{ domain string }

func parseEmailDomain(body []byte) (Matcher, error) {
	var b struct {
		Domain string `json:"domain"`
	}
	if err := decode(body, &b); err != nil {
		return nil, err
	}
	domain := strings.TrimPrefix(b.Domain, "@")
	if domain == "" || strings.ContainsAny(domain, "@ ") {
		return nil, errDomain
	}
	return emailDomain{domain}, nil
}

func (e emailDomain) Matches(f *Facts) Truth {
	at := strings.LastIndexByte(f.Email, '@')
	return truth(f.LoggedIn && at >= 0 && equalFold(f.Email[at+1:], e.domain))
}
