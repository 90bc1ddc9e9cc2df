package forward

import (
	"net/netip"
	"strings"
)

// Scheme returns the scheme, http or https, in which the client spoke to the first trusted proxy, as
// X-Forwarded-Proto says; empty if the header says nothing that is known. A list has an entry for each proxy,
// the client's first. If X-Forwarded-For has as many entries, the entry that belongs to the client's address
// counts, since a client may have sent those before it itself; otherwise the first.
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

// Host returns the host that the client asked the first trusted proxy for, as X-Forwarded-Host says. As it
// chooses the application, a list with different entries counts only if X-Forwarded-For has as many. Otherwise,
// and if the header is sent twice, Host returns "", which is no host.
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

// schemeOf reads a scheme in any case. Those of WebSockets stand for the ones that they are opened with.
func schemeOf(s string) string {
	switch strings.ToLower(s) {
	case "http", "ws":
		return "http"
	case "https", "wss":
		return "https"
	}
	return ""
}

// entries are the parts of a list that stands in one header or in several.
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

// clientsEntry returns the index of the client's address in X-Forwarded-For, as [ClientAddr] finds it; false if
// the header has not n entries, more than one.
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
