package stack

import (
	"context"
	"crypto/tls"
	"encoding/json"
	"io"
	"net"
	"net/http"
	"testing"
	"time"
)

// Visitor makes requests to applications at a gateway: whatever host a URL names, the gateway's address is
// dialled. It follows no redirect and keeps no cookie.
type Visitor struct {
	client *http.Client
}

// NewVisitor makes one. from, where it is not empty, is the address that it comes from; config, where it is
// not nil, is what https URLs are asked for with.
func NewVisitor(t testing.TB, gateway, from string, config *tls.Config) *Visitor {
	t.Helper()
	dialer := &net.Dialer{Timeout: 30 * time.Second}
	if from != "" {
		dialer.LocalAddr = &net.TCPAddr{IP: net.ParseIP(from)}
	}
	transport := &http.Transport{TLSClientConfig: config, DisableCompression: true,
		DialContext: func(ctx context.Context, network, _ string) (net.Conn, error) {
			return dialer.DialContext(ctx, network, gateway)
		}}
	t.Cleanup(transport.CloseIdleConnections)
	return &Visitor{client: &http.Client{Transport: transport, Timeout: time.Minute,
		CheckRedirect: func(*http.Request, []*http.Request) error { return http.ErrUseLastResponse }}}
}

// Visit is what came of a request.
type Visit struct {
	Status int
	Header http.Header
	Body   string
	// Reason is the reason that a refusal names in its JSON body; empty: there is none.
	Reason string
	// Check is the check that stood in the way, as the refusal names it.
	Check struct {
		ID, Name, Outcome string
		LookedAt          time.Time `json:"looked_at"`
	}
}

// Get asks for a URL with the headers, which are in pairs of name and value, and for JSON where it is
// refused.
func (v *Visitor) Get(ctx context.Context, url string, headers ...string) (Visit, error) {
	req, err := http.NewRequestWithContext(ctx, http.MethodGet, url, nil)
	if err != nil {
		return Visit{}, err
	}
	req.Header.Set("Accept", "application/json")
	for i := 0; i+1 < len(headers); i += 2 {
		req.Header.Add(headers[i], headers[i+1])
	}
	resp, err := v.client.Do(req)
	if err != nil {
		return Visit{}, err
	}
	defer resp.Body.Close()
	body, err := io.ReadAll(io.LimitReader(resp.Body, 1<<20))
	visit := Visit{Status: resp.StatusCode, Header: resp.Header, Body: string(body)}
	if resp.StatusCode/100 != 2 {
		refusal := struct {
			Reason *string
			Check  any
		}{&visit.Reason, &visit.Check}
		_ = json.Unmarshal(body, &refusal) // a redirect has none
	}
	return visit, err
}

// Credentials are the headers of a service token (api/README.md 2.7).
func (t ServiceToken) Credentials() []string {
	return []string{"CF-Access-Client-Id", t.ClientID, "CF-Access-Client-Secret", t.ClientSecret}
}
