package headername

// claimed are single headers that only the gateway, or a proxy before it, may set. An origin reads from them
// another URL, host or method than the one that was decided about, the address of the client, or the user.
// The names are in lower case.
var claimed = set(
	// Another URL, host, method or scheme.
	"x-host", "x-override-url", "x-override-uri", "x-http-host-override", "x-host-override", "x-http-method",
	"x-http-method-override", "x-method-override", "x-http-destinationurl", "x-proxy-url", "x-backend-host", "x-scheme", "x-url-scheme",
	"x-waws-unencoded-url", "base-url", "front-end-https", "x-forwarded", "forwarded",
	// Another address.
	"true-client-ip", "x-real-ip", "x-client-ip", "x-cluster-client-ip", "x-remote-ip", "x-remote-addr", "x-originating-ip", "client-ip",
	"fastly-client-ip", "remote-addr",
	// Another user, as proxies that log people in name them.
	"remote-user", "remote-email", "remote-groups", "remote-name", "x-remote-user", "x-remote-email", "x-remote-groups",
	// CGI makes the variable HTTP_PROXY of it, which clients in the origin's process obey.
	"proxy",
)

// claimedFamilies are beginnings of such names. Origins that were behind Cloudflare, or behind another proxy that
// logs people in, believe what they say.
var claimedFamilies = []string{
	"cf-", "x-forwarded-", "x-original-", "x-rewrite-", "x-envoy-", "x-accel-", "x-sendfile-", "x-ms-original-", "x-ms-client-principal",
	"x-auth-request-", "x-webauth-", "x-authenticated-", "x-goog-authenticated-", "x-goog-iap-", "x-amzn-oidc-", "x-pomerium-",
	"x-authentik-", "proxy-",
}

// httpsOwn are headers of HTTP itself that decide where a request ends, where it goes, what it is or who sends it.
// One in another spelling, such as Content_Length, is the same header to an origin that makes variables of names.
var httpsOwn = set(
	"host", "cookie", "set-cookie", "connection", "keep-alive", "te", "trailer", "trailers", "transfer-encoding", "upgrade",
	"http2-settings", "content-length", "content-type", "content-encoding", "expect", "origin", "via",
)

// httpsOwnFamilies are beginnings of such names, which belong to browsers.
var httpsOwnFamilies = []string{"sec-", "access-control-"}

// longestName is the longest name in the lists above that has to be compared in full.
const longestName = 48

// Claimed reports whether a client has no say in a header: the gateway removes it, and sets those anew that it
// vouches for. It covers every spelling that some server reads as the same name, and, of the headers of HTTP
// itself, the spellings that are not their own.
func Claimed(name string) bool {
	if name == "" {
		return false
	}
	plain := isPlain(name)
	if plain && !mayBeClaimed(name[0]) {
		return false
	}
	var room [longestName]byte
	folded := foldInto(room[:], name)
	whole := len(name) <= longestName
	if whole && claimed[string(folded)] || hasFamily(folded, claimedFamilies) {
		return true
	}
	return !plain && (whole && httpsOwn[string(folded)] || hasFamily(folded, httpsOwnFamilies))
}

// Misspelt reports whether a header is claimed in a spelling that is not its own: with a sign other than "-".
// A proxy that is told to remove the header by its name leaves it in place.
func Misspelt(name string) bool { return !isPlain(name) && Claimed(name) }

// mayBeClaimed reports whether a claimed name begins with the letter.
func mayBeClaimed(first byte) bool {
	switch first | 0x20 {
	case 'b', 'c', 'f', 'p', 'r', 't', 'x':
		return true
	}
	return false
}

// isPlain reports whether a name consists of letters, digits and "-".
func isPlain(name string) bool {
	for i := range len(name) {
		if name[i] != '-' && fold(name[i]) == '-' {
			return false
		}
	}
	return true
}

// foldInto folds as much of a name as there is room for.
func foldInto(room []byte, name string) []byte {
	n := min(len(room), len(name))
	for i := range n {
		room[i] = fold(name[i])
	}
	return room[:n]
}

func hasFamily(folded []byte, families []string) bool {
	for _, f := range families {
		if len(folded) >= len(f) && string(folded[:len(f)]) == f {
			return true
		}
	}
	return false
}

// isHTTPOwn reports whether a name is one of HTTP's own, in any spelling.
func isHTTPOwn(name string) bool {
	var room [longestName]byte
	folded := foldInto(room[:], name)
	return len(name) <= longestName && httpsOwn[string(folded)] || hasFamily(folded, httpsOwnFamilies)
}

func set(names ...string) map[string]bool {
	all := make(map[string]bool, len(names))
	for _, n := range names {
		all[n] = true
	}
	return all
}
