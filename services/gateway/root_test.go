package gateway

import (
	"strings"
	"testing"
)

// TestTheTeamDomainsRoot: the root of the team domain shows a page that explains its purpose.
func TestTheTeamDomainsRoot(t *testing.T) {
	w := newFixture(t, Config{})
	for _, c := range []struct {
		request string
		page    bool
	}{
		{"GET / HTTP/1.1\r\nHost: team.example.com\r\nConnection: close\r\n\r\n", true},
		{"GET /?x=1 HTTP/1.1\r\nHost: team.example.com\r\nConnection: close\r\n\r\n", true},
		{"GET /x HTTP/1.1\r\nHost: team.example.com\r\nConnection: close\r\n\r\n", false},
		{"POST / HTTP/1.1\r\nHost: team.example.com\r\nContent-Length: 0\r\nConnection: close\r\n\r\n", false},
	} {
		got := w.send(c.request)
		if got.status != 404 || strings.Contains(got.body, "/cdn-cgi/access/logout") != c.page {
			t.Errorf("%q: %d %s", c.request, got.status, got.body)
		}
	}
}
