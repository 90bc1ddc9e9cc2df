package fetcher

import (
	"fmt"
	"net"
	"net/url"
	"strings"

	"plumbline.dev/proto"
	"plumbline.dev/services/internal/catalog"
	"plumbline.dev/services/internal/excerpt"
)

// uncovered describes the credentials sent to a scoring API whose URL belongs to no application, and names the closest
// destination, such as a protected localhost for 127.0.0.1. The text is added to the sentence about a rejected call.
func uncovered(apps []catalog.Record[proto.Application], u *url.URL) string {
	text := "No application covers this URL, so the Client ID and Secret were sent and no application token."
	best, most := "", 0
	for _, app := range apps {
		for _, d := range app.Value.Domains {
			if n := closeness(d, u); n > most || n == most && n > 0 && d < best {
				best, most = d, n
			}
		}
	}
	if best != "" {
		text += fmt.Sprintf(" The closest destination of an application is %q.", excerpt.Of(best, maxShown))
	}
	return text
}

// closeness compares a destination with a URL; 0 means they have nothing in common.
func closeness(destination string, u *url.URL) int {
	hostport, path, _ := strings.Cut(destination, "/")
	host, port, err := net.SplitHostPort(hostport)
	if err != nil {
		host, port = hostport, ""
	}
	host, wanted := strings.ToLower(strings.Trim(host, "[]")), strings.ToLower(u.Hostname())
	var score int
	switch {
	case host == wanted:
		score = 100
	case isLoopback(host) && isLoopback(wanted):
		score = 80
	default:
		score = 10 * sharedLabels(strings.TrimPrefix(host, "*."), wanted)
	}
	if score == 0 {
		return 0
	}
	if port == u.Port() {
		score += 4
	}
	if path != "" && strings.HasPrefix(strings.TrimPrefix(u.Path, "/"), path) {
		score += 2
	}
	return score
}

func isLoopback(host string) bool {
	ip := net.ParseIP(host)
	return host == "localhost" || strings.HasSuffix(host, ".localhost") || ip != nil && ip.IsLoopback()
}

// sharedLabels counts the equal labels at the end of two names, if there are more than a top-level domain; addresses
// have none.
func sharedLabels(a, b string) int {
	if net.ParseIP(a) != nil || net.ParseIP(b) != nil {
		return 0
	}
	x, y := strings.Split(a, "."), strings.Split(b, ".")
	n := 0
	for n < len(x) && n < len(y) && x[len(x)-1-n] == y[len(y)-1-n] {
		n++
	}
	if n < 2 {
		return 0
	}
	return n
}

// maxShown bounds a destination in a message, in bytes.
const maxShown = 120
