package client

import (
	"context"
	"net/http"
	"time"
)

// IntegrationTestRequest asks for a test of an integration that is not saved. Integration has the members to change of
// the integration with the id IntegrationID, or is a whole new one without one. Devices are ids; nil stands for the
// first enrolled devices.
type IntegrationTestRequest struct {
	IntegrationID string    `json:"integration_id,omitempty"`
	Integration   any       `json:"integration,omitempty"`
	Devices       *[]string `json:"device_ids,omitempty"`
}

// IntegrationTest is the result of a test. Secrets in it are replaced by "(hidden)".
type IntegrationTest struct {
	At         time.Time       `json:"at"`
	Error      string          `json:"error"` // why the call failed; empty if it did not
	Detail     string          `json:"detail"`
	Attempts   int             `json:"attempts"`
	TookMS     int64           `json:"took_ms"`
	Connection *TestConnection `json:"connection"` // nil if none was attempted
	Credential *TestCredential `json:"credential"`
	Request    *TestRequest    `json:"request"`
	Response   *TestResponse   `json:"response"` // nil if none came
	Asked      int             `json:"asked"`
	Answered   int             `json:"answered"` // devices with a valid score
	Missing    int             `json:"missing"`
	Invalid    int             `json:"invalid"`
	Unknown    int             `json:"unknown"` // devices in the response but not in the request
	Checks     []TestedCheck   `json:"checks"`
	Devices    []TestedDevice  `json:"devices"`
}

// TestConnection is how a connection was made.
type TestConnection struct {
	Address     string           `json:"address"`
	Proxied     bool             `json:"proxied"`
	ResolvedMS  float64          `json:"resolved_ms"`
	ConnectedMS float64          `json:"connected_ms"`
	HandshakeMS float64          `json:"handshake_ms"`
	TLSVersion  string           `json:"tls_version"`
	CipherSuite string           `json:"cipher_suite"`
	Certificate *TestCertificate `json:"certificate"`
	Failure     string           `json:"failure"` // empty if the connection was made
}

// TestCertificate is the certificate of a scoring API, trusted or not.
type TestCertificate struct {
	Subject   string    `json:"subject"`
	Issuer    string    `json:"issuer"`
	Names     []string  `json:"names"`
	NotBefore time.Time `json:"not_before"`
	NotAfter  time.Time `json:"not_after"`
	Trusted   bool      `json:"trusted"`
}

// TestCredential is what the request proved itself with. Kind is application_token or service_credentials, Status is
// accepted, refused or unknown.
type TestCredential struct {
	Kind            string  `json:"kind"`
	ApplicationID   *string `json:"application_id"`
	ApplicationName string  `json:"application_name"`
	Audience        string  `json:"audience"`
	Status          string  `json:"status"`
	Detail          string  `json:"detail"`
}

// TestHeader is a line of a header.
type TestHeader struct {
	Name  string `json:"name"`
	Value string `json:"value"`
}

// TestRequest is the request of a test. Body is its beginning.
type TestRequest struct {
	Method string       `json:"method"`
	URL    string       `json:"url"`
	Header []TestHeader `json:"headers"`
	Body   string       `json:"body"`
	Size   int64        `json:"size"`
	Cut    bool         `json:"cut"`
}

// TestResponse is the response of a scoring API. Body is its beginning. Withheld says why headers and body are left
// out; it is empty if they are not.
type TestResponse struct {
	Status      int          `json:"http_status"`
	Protocol    string       `json:"protocol"`
	FirstByteMS float64      `json:"first_byte_ms"`
	TookMS      float64      `json:"took_ms"`
	Header      []TestHeader `json:"headers"`
	Body        string       `json:"body"`
	Size        int64        `json:"size"`
	Cut         bool         `json:"cut"`
	Unread      bool         `json:"unread"`
	Withheld    string       `json:"withheld"`
}

// TestedCheck is a check of a tested integration.
type TestedCheck struct {
	ID       string  `json:"id"`
	Name     string  `json:"name"`
	Operator string  `json:"operator"`
	Score    float64 `json:"score"`
}

// TestedDevice is a device of a test, with the decisions of the checks in their order.
type TestedDevice struct {
	ID      string `json:"device_id"`
	Name    string `json:"name"`
	Serial  string `json:"serial_number"`
	Email   string `json:"email"`
	Score   *int   `json:"score"`
	Problem string `json:"problem"`
	S2SID   string `json:"s2s_id"`
	Checks  []struct {
		Check    string `json:"check_id"`
		Outcome  string `json:"outcome"`
		Observed string `json:"observed"`
		Reason   string `json:"reason"`
	} `json:"checks"`
}

// TestIntegration has a fetcher call a scoring API as a poll would, and saves nothing.
func (c *Client) TestIntegration(ctx context.Context, q IntegrationTestRequest) (Item[IntegrationTest], error) {
	return decode[Item[IntegrationTest]](c.call(ctx, http.MethodPost, "/plumbline/integrations/test", q))
}
