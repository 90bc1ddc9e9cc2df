package policy

import (
	"errors"
	"strings"
	"unicode"
	"unicode/utf8"
)

var errEmail = errors.New("email is empty")

var _ = register(Selector{Name: "email", Members: []string{"email"}, Value: "email", Usage: "ADDRESS", Identity: true,
	parse: parseEmail})

// email matches the person with an address.
type email struct{ address string }

func parseEmail(body []byte) (Matcher, error) {
	var b struct {
		Email string `json:"email"`
	}
	if err := decode(body, &b); err != nil {
		return nil, err
	}
	if b.Email == "" {
		return nil, errEmail
	}
	return email{b.Email}, nil
}

func (e email) Matches(f *Facts) Truth {
	if !f.LoggedIn || f.Email == "" {
		return no()
	}
	if equalFold(f.Email, e.address) {
		return yes()
	}
	i, j := strings.LastIndexByte(f.Email, '@'), strings.LastIndexByte(e.address, '@')
	if i < 0 || j < 0 || !equalFold(f.Email[:i], e.address[:j]) {
		return no()
	}
	mine, ok := mailDomain(f.Email[i+1:])
	if !ok {
		return unknown(emailUnknown)
	}
	theirs, ok := mailDomain(e.address[j+1:])
	return truth(ok && mine == theirs)
}

// equalFold compares two strings without regard to case. Unlike [strings.EqualFold], it never equates an ASCII letter
// with a non-ASCII one. Otherwise a person with a Kelvin sign in their address could pass as the person with a k.
func equalFold(a, b string) bool {
	for i := range min(len(a), len(b)) {
		x, y := a[i], b[i]
		if x|y >= utf8.RuneSelf {
			return equalFoldRunes(a[i:], b[i:])
		}
		// The cases of an ASCII letter differ in this bit alone.
		if x != y && (x^y != 'a'-'A' || !('a' <= x|y && x|y <= 'z')) {
			return false
		}
	}
	return len(a) == len(b)
}

func equalFoldRunes(a, b string) bool {
	for a != "" && b != "" {
		x, n := utf8.DecodeRuneInString(a)
		y, m := utf8.DecodeRuneInString(b)
		if !sameFold(x, y) || x == utf8.RuneError && a[:n] != b[:m] {
			return false
		}
		a, b = a[n:], b[m:]
	}
	return a == b
}

func sameFold(x, y rune) bool {
	switch {
	case x == y:
		return true
	case x < utf8.RuneSelf || y < utf8.RuneSelf:
		return x < utf8.RuneSelf && y < utf8.RuneSelf && unicode.ToLower(x) == unicode.ToLower(y)
	}
	for r := unicode.SimpleFold(x); r != x; r = unicode.SimpleFold(r) {
		if r == y {
			return true
		}
	}
	return false
}
