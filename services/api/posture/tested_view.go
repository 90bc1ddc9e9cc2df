package posture

import (
	"strings"
	"time"

	"plumbline.dev/proto"
	"plumbline.dev/services/api/v4"
)

// testView is the result of a test. Nothing was saved.
type testView struct {
	At       v4.Timestamp `json:"at"`
	Error    string       `json:"error"`  // why the call failed, as for a poll; empty if it did not
	Detail   string       `json:"detail"` // the same as a sentence
	Attempts int          `json:"attempts"`
	TookMS   int64        `json:"took_ms"` // of the whole call, with application tokens
	// Connection is null if none was attempted, Request if the call could not be prepared, Response if none came.
	Connection *testConnection `json:"connection"`
	Credential *testCredential `json:"credential"`
	Request    *testMessage    `json:"request"`
	Response   *testResponse   `json:"response"`
	Asked      int             `json:"asked"`
	Answered   int             `json:"answered"` // devices with a valid score
	Missing    int             `json:"missing"`
	Invalid    int             `json:"invalid"`
	Unknown    int             `json:"unknown"` // devices in the response but not in the request
	Checks     []testedCheck   `json:"checks"`  // checks of the stored integration
	Devices    []testedDevice  `json:"devices"`
}

type testConnection struct {
	Address     string           `json:"address"`
	Proxied     bool             `json:"proxied"`
	ResolvedMS  float64          `json:"resolved_ms"`
	ConnectedMS float64          `json:"connected_ms"`
	HandshakeMS float64          `json:"handshake_ms"`
	TLSVersion  string           `json:"tls_version"`
	CipherSuite string           `json:"cipher_suite"`
	Certificate *testCertificate `json:"certificate"`
	Failure     string           `json:"failure"` // empty if the connection was made
}

type testCertificate struct {
	Subject   string       `json:"subject"`
	Issuer    string       `json:"issuer"`
	Names     []string     `json:"names"`
	NotBefore v4.Timestamp `json:"not_before"`
	NotAfter  v4.Timestamp `json:"not_after"`
	Trusted   bool         `json:"trusted"`
}

// The status of a credential.
const (
	credentialAccepted = "accepted" // the API answered 200
	credentialRefused  = "refused"  // by the exchange or by the API
	credentialUnknown  = "unknown"
)

// The kinds of credentials.
const (
	credentialToken  = "application_token"
	credentialSecret = "service_credentials" // Client ID and Client Secret
)

type testCredential struct {
	Kind            string  `json:"kind"`
	ApplicationID   *string `json:"application_id"` // whose token is shown; null for service credentials
	ApplicationName string  `json:"application_name"`
	Audience        string  `json:"audience"`
	Status          string  `json:"status"`
	Detail          string  `json:"detail"`
}

type testMessage struct {
	Method string       `json:"method"`
	URL    string       `json:"url"`
	Header []testHeader `json:"headers"`
	Body   string       `json:"body"` // the beginning
	Size   int64        `json:"size"`
	Cut    bool         `json:"cut"` // body is not the whole body
}

type testResponse struct {
	Status      int          `json:"http_status"`
	Protocol    string       `json:"protocol"`
	FirstByteMS float64      `json:"first_byte_ms"`
	TookMS      float64      `json:"took_ms"` // from the beginning of the last request to the end of its response
	Header      []testHeader `json:"headers"`
	Body        string       `json:"body"` // the beginning
	Size        int64        `json:"size"` // bytes that were read
	Cut         bool         `json:"cut"`
	Unread      bool         `json:"unread"` // the response was not read to its end
	// Withheld says why headers and body are left out; empty if they are not.
	Withheld string `json:"withheld"`
}

type testHeader struct {
	Name  string `json:"name"`
	Value string `json:"value"`
}

func (s *API) viewTest(a proto.Account, i *proto.Integration, stored bool, devices []proto.Device,
	answer *proto.ProbeAnswer) *testView {
	p := &answer.Poll
	v := &testView{At: v4.Timestamp(proto.At(s.store.Clock.Now())), Error: reasonText(p.Error), Detail: p.Detail,
		Attempts: p.Attempts, TookMS: p.Took.Milliseconds(), Asked: len(devices), Unknown: p.Unknown}
	if r := answer.Report; r != nil {
		v.Connection, v.Credential = viewConnection(r.Connection), s.viewCredential(a, r)
		v.Request = &testMessage{Method: r.Request.Method, URL: r.Request.URL, Header: viewHeader(r.Request.Header),
			Body: viewBody(r.Request.Body), Size: r.Request.Size, Cut: r.Request.Cut}
		if m := r.Response; m != nil {
			v.Response = &testResponse{Status: r.Status, Protocol: r.Protocol, FirstByteMS: millis(r.FirstByte),
				TookMS: millis(r.Took), Header: viewHeader(m.Header), Body: viewBody(m.Body), Size: m.Size, Cut: m.Cut,
				Unread: m.Unread, Withheld: m.Withheld}
		}
	}
	s.decideTest(v, a, i, stored, devices, answer)
	return v
}

func viewConnection(c *proto.ProbeConnection) *testConnection {
	if c == nil {
		return nil
	}
	v := &testConnection{Address: c.Address, Proxied: c.Proxied, ResolvedMS: millis(c.Resolved),
		ConnectedMS: millis(c.Connected), HandshakeMS: millis(c.Handshake), TLSVersion: c.TLSVersion,
		CipherSuite: c.CipherSuite, Failure: c.Failure}
	if x := c.Certificate; x != nil {
		v.Certificate = &testCertificate{Subject: x.Subject, Issuer: x.Issuer, Names: append([]string{}, x.Names...),
			NotBefore: v4.Timestamp(x.NotBefore), NotAfter: v4.Timestamp(x.NotAfter), Trusted: x.Trusted}
	}
	return v
}

func (s *API) viewCredential(a proto.Account, r *proto.ProbeReport) *testCredential {
	v := &testCredential{Kind: credentialSecret, Status: credentialUnknown, Detail: r.Credential.Detail}
	if id := r.Credential.Application; !id.IsZero() {
		v.Kind, v.ApplicationID = credentialToken, v4.TextOrNull(id.String())
		if app, found := s.store.Catalog.Application(a, id); found {
			v.ApplicationName, v.Audience = app.Value.Name, app.Value.AUD
		}
	}
	switch {
	case r.Credential.Refused:
		v.Status = credentialRefused
	case r.Credential.Sent && r.Status == 200:
		v.Status = credentialAccepted
	}
	return v
}

func viewHeader(all []proto.ProbeHeader) []testHeader {
	out := make([]testHeader, len(all))
	for n, h := range all {
		out[n] = testHeader{h.Name, strings.ToValidUTF8(h.Value, "\uFFFD")}
	}
	return out
}

func viewBody(b []byte) string { return strings.ToValidUTF8(string(b), "\uFFFD") }

func millis(d time.Duration) float64 { return float64(d.Microseconds()) / 1000 }
