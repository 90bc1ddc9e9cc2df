package gateway

import (
	"net/netip"
	"testing"

	"plumbline.dev/proto"
)

// TestOriginDeny: admitted requests are not forwarded to denied addresses.
func TestOriginDeny(t *testing.T) {
	for deny, want := range map[string]int{"127.0.0.0/8": 502, "192.0.2.0/24": 200} {
		w := newFixture(t, Config{OriginDeny: []netip.Prefix{netip.MustParsePrefix(deny)}})
		w.app("app.example.com", w.origin.URL, nil, w.policy(proto.DecisionBypass, "everyone", struct{}{}))
		got := w.send("GET / HTTP/1.1\r\nHost: app.example.com\r\nConnection: close\r\n\r\n")
		if _, reached := got.origin(); got.status != want || reached != (want == 200) {
			t.Errorf("%s denied: %d %s", deny, got.status, got.body)
		}
	}
}
