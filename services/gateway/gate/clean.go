package gate

import (
	"net/http"
	"slices"
	"strings"

	"plumbline.dev/services/internal/headername"
)

// The headers that the origin gets (api/README.md 8.4).
const (
	assertionHeader = "Cf-Access-Jwt-Assertion"
	emailHeader     = "Cf-Access-Authenticated-User-Email"
	rayHeader       = "Cf-Ray"
)

// sessionCookie is the cookie that holds a person's application token; it goes on to the origin with the
// token that was found right, for people only: a service's origin finds the token in the header.
const sessionCookie = "CF_Authorization"

// appSessionCookie binds a person's login to the browser. The gateway sets one; a second value is a neighbour's of
// the domain.
const appSessionCookie = "CF_AppSession"

// ourCookies are between the client and the gateway. Their names are compared in any case: nobody else's
// begin with CF_.
var ourCookies = []string{sessionCookie, "CF_Binding", appSessionCookie, "CF_Session", "CF_Device", "CF_Denied"}

// Clean takes from a request's headers what its origin must not see or believe: credentials, our cookies
// (the others stay byte for byte), Cf-Access-* and what a proxy would say, in every spelling that a server
// may read as the same. Then it puts on what the answer has for the origin. It is to be called after the
// hop-by-hop headers were taken off, so that no Connection header removes what it puts on.
func Clean(h http.Header, a *Answer) {
	for name := range h {
		if !forOrigin(name, a) {
			delete(h, name)
		}
	}
	cleanCookies(h)
	put(h, a)
}

// forOrigin tells whether the origin may see a header of the client's.
func forOrigin(name string, a *Answer) bool {
	return !headername.Claimed(name) && !slices.Contains(a.Drop, name)
}

// put puts on what the answer has for the origin.
func put(h http.Header, a *Answer) {
	person := a.Identity.Session != nil && a.Assertion != ""
	if person {
		h["Cookie"] = append(h["Cookie"], sessionCookie+"="+a.Assertion)
	}
	values := [...]string{a.Ray, a.Assertion, a.Email}
	h[rayHeader] = values[0:1:1]
	if a.Assertion != "" {
		h[assertionHeader] = values[1:2:2]
	}
	if a.Email != "" && person {
		h[emailHeader] = values[2:3:3]
	}
}

// cleanCookies takes our cookies out of the Cookie headers.
func cleanCookies(h http.Header) {
	lines, ok := h["Cookie"]
	if !ok {
		return
	}
	var kept []string
	for i, line := range lines {
		rest, changed := withoutCookies(line)
		if changed && kept == nil {
			kept = append(make([]string, 0, len(lines)+1), lines[:i]...)
		}
		if changed && strings.Trim(rest, "; \t") == "" {
			continue
		}
		if kept != nil {
			kept = append(kept, rest)
		}
	}
	switch {
	case kept == nil:
		h["Cookie"] = lines[:len(lines):len(lines)] // what is added must not be written into the client's own
	case len(kept) == 0:
		delete(h, "Cookie")
	default:
		h["Cookie"] = kept
	}
}

// withoutCookies takes our pairs out of a Cookie header; the others stay as they are, in their order.
func withoutCookies(line string) (rest string, changed bool) {
	if !mayHoldOurs(line) {
		return line, false
	}
	var kept []string
	for pair := range strings.SplitSeq(line, ";") {
		if isOurs(pair) {
			changed = true
		} else {
			kept = append(kept, pair)
		}
	}
	if !changed {
		return line, false
	}
	return strings.TrimLeft(strings.Join(kept, ";"), " \t"), true
}

// mayHoldOurs is the quick look: is there anything like CF_ in it at all?
func mayHoldOurs(line string) bool {
	for i := 0; i+2 < len(line); i++ {
		if line[i]|0x20 == 'c' && line[i+1]|0x20 == 'f' && line[i+2] == '_' {
			return true
		}
	}
	return false
}

func isOurs(pair string) bool {
	name, _, _ := strings.Cut(pair, "=")
	name = strings.Trim(name, " \t\r\n\"") // net/http reads names without these blanks
	for _, ours := range ourCookies {
		if strings.EqualFold(name, ours) {
			return true
		}
	}
	return false
}

// cookies gives the values of a cookie, at most the first few.
func cookies(h http.Header, name string) []string {
	var all []string
	for _, line := range h["Cookie"] {
		if !mayHoldOurs(line) {
			continue
		}
		for pair := range strings.SplitSeq(line, ";") {
			n, value, ok := strings.Cut(strings.Trim(pair, " \t"), "=")
			if ok && n == name && len(all) < maxTokens {
				all = append(all, strings.Trim(value, `"`))
			}
		}
	}
	return all
}

// hasSeveral reports whether a request has cookies of a name with different values.
func hasSeveral(h http.Header, name string) bool {
	all := cookies(h, name)
	return len(all) > 1 && slices.ContainsFunc(all[1:], func(v string) bool { return v != all[0] })
}
