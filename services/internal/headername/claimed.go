package headername

// claimed lists headers that only the gateway, or a proxy in front of it, may set. From them an origin may derive
// another URL, host or method than the evaluated one, the client's address, or the user. The names are in lower case.
var claimed = set(
	// Another URL, host, method or scheme.
	"x-host", "x-override-url", "x-override-uri", "x-http-host-override", "x-host-override", "x-http-method",
	"x-http-method-override", "x-method-override", "x-http-destinationurl", "x-proxy-url", "x-backend-host", "x-scheme",
	"x-url-scheme", "x-waws-unencoded-url", "base-url", "front-end-https", "x-forwarded", "forwarded",
	// Another address.
	"true-client-ip", "x-real-ip", "x-client-ip", "x-cluster-client-ip", "x-remote-ip", "x-remote-addr",
	"x-originating-ip", "client-ip", "fastly-client-ip", "remote-addr",
	// Another user, as set by authenticating proxies.
	"remote-user", "remote-email", "remote-groups", "remote-name", "x-remote-user", "x-remote-email", "x-remote-groups",
	// CGI turns it into the variable HTTP_PROXY, used by HTTP clients in the origin's process.
	"proxy",
)

// claimedFamilies lists prefixes of such names. Origins previously behind Cloudflare, or behind another
// authenticating proxy, trust these headers.
var claimedFamilies = []string{
	"cf-", "x-forwarded-", "x-original-", "x-rewrite-", "x-envoy-", "x-accel-", "x-sendfile-", "x-ms-original-",
	"x-ms-client-principal", "x-auth-request-", "x-webauth-", "x-authenticated-", "x-goog-authenticated-", "x-goog-iap-",
	"x-amzn-oidc-", "x-pomerium-", "x-authentik-", "proxy-",
}

// httpsOwn lists headers of HTTP itself: they determine a request's end, target, type or sender. An origin that turns
// names into variables treats another spelling, such as Content_Length, as the same header.
var httpsOwn = set(
	"host", "cookie", "set-cookie", "connection", "keep-alive", "te", "trailer", "trailers", "transfer-encoding",
	"upgrade", "http2-settings", "content-length", "content-type", "content-encoding", "expect", "origin", "via",
)

// httpsOwnFamilies lists prefixes of such names, which belong to browsers.
var httpsOwnFamilies = []string{"sec-", "access-control-"}

// longestName is the length of the longest name in the lists above that is compared in full.
const longestName = 48

// Claimed reports whether a client must not set a header: the gateway removes it and sets its own value if it has
// one. Claimed covers every spelling that some server treats as equal and, for the headers of HTTP itself, all other
// spellings.
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

// Misspelt reports whether a header is claimed in another spelling, with a sign other than "-". A proxy told to
// remove the header by its name would miss it.
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

// foldInto folds a name, up to the size of room.
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
