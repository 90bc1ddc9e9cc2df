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
	// emailUnknown stands for an address whose domain cannot be compared with others.
	emailUnknown = &Problem{Reason: ClaimsUnknown, Selector: "email_domain"}
)

var _ = register(Selector{Name: "email_domain", Members: []string{"domain"}, Value: "domain", Usage: "DOMAIN", Identity: true, parse: parseEmailDomain})

// emailDomain holds for the people whose address ends in one domain: what follows the last @ is the domain,
// not only its end. It is compared as A-labels.
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

// mailDomain is the domain of an address as A-labels. It is not ok if it cannot be converted, or if a label in other
// letters becomes one of plain ones: whoever gets an address with a Kelvin sign at a provider must not pass for the
// one with a k, nor get around a rule about the one with a k.
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
