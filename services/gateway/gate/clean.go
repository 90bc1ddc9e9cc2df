package gate

import (
	"net/http"
	"slices"
	"strings"

	"plumbline.dev/services/internal/headername"
)

// Headers for the origin (api/README.md 8.4).
const (
	assertionHeader = "Cf-Access-Jwt-Assertion"
	emailHeader     = "Cf-Access-Authenticated-User-Email"
	rayHeader       = "Cf-Ray"
)

// sessionCookie holds a person's application token. The origin gets it with the verified token, for people only: a
// service's origin reads the token from the header.
const sessionCookie = "CF_Authorization"

// appSessionCookie binds a person's login to the browser. The gateway sets exactly one; a second value comes from
// another host of the domain.
const appSessionCookie = "CF_AppSession"

// ourCookies are shared by the client and the gateway only. Their names are compared without regard to case; all
// names beginning with CF_ are ours. The last two hold a session of a console that is reached without the gateway: a
// browser sends them to every port of a host.
var ourCookies = []string{sessionCookie, "CF_Binding", appSessionCookie, "CF_Session", "CF_Device", "CF_Denied",
	"plumbline_console", "__Host-plumbline_console"}

// Clean removes everything from a request's headers that its origin must not see or trust: credentials, our cookies,
// Cf-Access-* and the headers of proxies, in every spelling that a server may treat as equal. Other cookies stay byte
// for byte. Clean then adds the answer's headers for the origin. Call it after removing the hop-by-hop headers, so
// that no Connection header can remove an added header.
func Clean(h http.Header, a *Answer) {
	for name := range h {
		if !forOrigin(name, a) {
			delete(h, name)
		}
	}
	cleanCookies(h)
	put(h, a)
}

// forOrigin reports whether the origin may see a header of the client.
func forOrigin(name string, a *Answer) bool {
	return !headername.Claimed(name) && !slices.Contains(a.Drop, name)
}

// put adds the answer's headers for the origin.
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

// cleanCookies removes our cookies from the Cookie headers.
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
		h["Cookie"] = lines[:len(lines):len(lines)] // appending must not write into the client's slice
	case len(kept) == 0:
		delete(h, "Cookie")
	default:
		h["Cookie"] = kept
	}
}

// withoutCookies removes our pairs from a Cookie header and keeps the others unchanged, in order.
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

// mayHoldOurs is a quick check for anything like CF_ or plumbline_ in the line: an underscore after cf or ne.
func mayHoldOurs(line string) bool {
	for i := 2; i < len(line); i++ {
		if line[i] != '_' {
			continue
		}
		if line[i-1]|0x20 == 'f' && line[i-2]|0x20 == 'c' || line[i-1]|0x20 == 'e' && line[i-2]|0x20 == 'n' {
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

// cookies returns the values of a cookie, at most maxTokens of them. It does not use [http.ParseCookie], which
// rejects the whole line for one malformed pair: a neighbour's bad cookie would log people out.
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
