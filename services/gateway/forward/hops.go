package forward

import (
	"net/netip"
	"strings"
)

// Scheme returns the scheme, http or https, between the client and the first trusted proxy, from X-Forwarded-Proto;
// empty if the header has no known value. A list has one entry per proxy, starting at the client. If X-Forwarded-For
// is equally long, Scheme uses the entry of the client's address, because a client may have forged the entries before
// it. Otherwise it uses the first entry.
func Scheme(protos, forwardedFor []string, trusted []netip.Prefix) string {
	list := entries(protos)
	if len(list) == 0 {
		return ""
	}
	at, ok := clientsEntry(len(list), forwardedFor, trusted)
	if !ok {
		at = 0
	}
	return schemeOf(list[at])
}

// Host returns the host requested from the first trusted proxy, from X-Forwarded-Host. The host selects the
// application, so a list with different entries is accepted only if X-Forwarded-For is equally long. Otherwise, and
// if the header occurs twice, Host returns "", which is no host.
func Host(hosts, forwardedFor []string, trusted []netip.Prefix) string {
	if len(hosts) != 1 {
		return ""
	}
	list := entries(hosts)
	if at, ok := clientsEntry(len(list), forwardedFor, trusted); ok {
		return list[at]
	}
	for _, h := range list[1:] {
		if !strings.EqualFold(h, list[0]) {
			return ""
		}
	}
	return list[0]
}

// schemeOf normalizes a scheme. Those of WebSockets map to http and https.
func schemeOf(s string) string {
	switch strings.ToLower(s) {
	case "http", "ws":
		return "http"
	case "https", "wss":
		return "https"
	}
	return ""
}

// entries splits a list from one or several headers.
func entries(lines []string) []string {
	if len(lines) == 1 && !strings.Contains(lines[0], ",") {
		return lines
	}
	var all []string
	for _, line := range lines {
		for part := range strings.SplitSeq(line, ",") {
			if len(all) > maxHops {
				return all
			}
			all = append(all, strings.Trim(part, " \t"))
		}
	}
	return all
}

// clientsEntry returns the index of the client's address in X-Forwarded-For, as found by [ClientAddr]; false unless
// the header has n entries, and more than one.
func clientsEntry(n int, forwardedFor []string, trusted []netip.Prefix) (int, bool) {
	if n < 2 {
		return 0, n == 1
	}
	addrs := entries(forwardedFor)
	if len(addrs) != n {
		return 0, false
	}
	for at := n - 1; at > 0; at-- {
		if a, ok := parse(addrs[at]); !ok || !Contains(trusted, a) {
			return at, true
		}
	}
	return 0, true
}
