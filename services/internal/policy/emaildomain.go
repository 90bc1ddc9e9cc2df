package policy

import (
	"errors"
	"fmt"
	"strings"
	"unicode/utf8"

	"plumbline.dev/services/internal/hostname"
)

var (
	errDomain = errors.New(`domain is not a domain such as "example.com"`)
	// emailUnknown is the problem of an address with a domain that cannot be compared.
	emailUnknown = &Problem{Reason: ClaimsUnknown, Selector: "email_domain"}
)

var _ = register(Selector{Name: "email_domain", Members: []string{"domain"}, Value: "domain", Usage: "DOMAIN",
	Identity: true, parse: parseEmailDomain})

// emailDomain matches the people with an address in one domain, which is everything after the last @. Domains are
// compared as A-labels.
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
	domain, err := hostname.ASCII(domain)
	if err != nil {
		return nil, fmt.Errorf("%w: %w", errDomain, err)
	}
	return emailDomain{domain}, nil
}

func (e emailDomain) Matches(f *Facts) Truth {
	at := strings.LastIndexByte(f.Email, '@')
	if !f.LoggedIn || at < 0 {
		return no()
	}
	domain, ok := mailDomain(f.Email[at+1:])
	if !ok {
		return unknown(emailUnknown)
	}
	return truth(domain == e.domain)
}

// mailDomain returns the domain of an address as A-labels. ok is false if the domain cannot be converted, or if a
// non-ASCII label maps to a plain ASCII one. Otherwise a person with a Kelvin sign in their address could pass as the
// person with a k, or evade a rule about them.
func mailDomain(s string) (domain string, ok bool) {
	domain, err := hostname.ASCII(s)
	if err != nil {
		return "", false
	}
	if !strings.ContainsFunc(s, notASCII) {
		return domain, true
	}
	converted, typed := strings.Split(domain, "."), strings.Split(strings.TrimSuffix(s, "."), ".")
	if len(converted) != len(typed) {
		return "", false
	}
	for i, label := range typed {
		if strings.ContainsFunc(label, notASCII) && !strings.HasPrefix(converted[i], "xn--") {
			return "", false
		}
	}
	return domain, true
}

func notASCII(r rune) bool { return r >= utf8.RuneSelf }
