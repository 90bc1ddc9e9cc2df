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

// Visitor sends requests to applications at a gateway: it connects to the gateway whatever the host in the URL. It
// follows no redirects and keeps no cookies.
type Visitor struct {
	client *http.Client
}

// NewVisitor returns a visitor. from, if not empty, is the source address of its connections. config, if not nil, is
// the TLS configuration for https URLs.
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

// Visit is the result of a request.
type Visit struct {
	Status int
	Header http.Header
	Body   string
	// Reason is the reason of a denial in its JSON body; empty if there is none.
	Reason string
	// Check is the failed check named by a denial.
	Check struct {
		ID, Name, Outcome string
		LookedAt          time.Time `json:"looked_at"`
	}
}

// Get requests a URL with the given headers, in pairs of name and value. It asks for denials in JSON.
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

// Credentials returns the headers with the credentials of a service token (api/README.md 2.7).
func (t ServiceToken) Credentials() []string {
	return []string{"CF-Access-Client-Id", t.ClientID, "CF-Access-Client-Secret", t.ClientSecret}
}
