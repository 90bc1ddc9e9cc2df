package proto

import "time"

// MaxProbeBody bounds each body in a [ProbeReport], in bytes.
const MaxProbeBody = 64 << 10

// ProbeReport describes the last request of a probe and its response. It contains no secret: the Client Secret, the
// application token and cookies are replaced by [Hidden].
type ProbeReport struct {
	Request    ProbeMessage    `msgpack:"request"`
	Credential ProbeCredential `msgpack:"credential"`
	// Connection is nil if no connection was attempted.
	Connection *ProbeConnection `msgpack:"connection"`
	// Response is nil if no response came.
	Response *ProbeMessage `msgpack:"response"`
	Status   int           `msgpack:"status"`
	Protocol string        `msgpack:"protocol"` // of the response, such as "HTTP/2.0"
	// FirstByte and Took are the times from the beginning of the request to the first byte and to the end of the
	// response, or to the failure.
	FirstByte time.Duration `msgpack:"first_byte"`
	Took      time.Duration `msgpack:"took"`
	// Result has the observations for the devices of the probe, if the response was understood.
	Result *Input `msgpack:"result"`
}

// Hidden stands in place of a secret in a [ProbeReport].
const Hidden = "(hidden)"

// ProbeMessage is a request or a response.
type ProbeMessage struct {
	Method string        `msgpack:"method"` // of a request
	URL    string        `msgpack:"url"`    // of a request
	Header []ProbeHeader `msgpack:"header"`
	// Body is the beginning of the body, at most [MaxProbeBody] bytes.
	Body []byte `msgpack:"body"`
	Size int64  `msgpack:"size"` // bytes of the body that were sent or read
	// Cut is set if Body lacks a part of the bytes that were sent or read, Unread if the response was not read to its
	// end.
	Cut    bool `msgpack:"cut"`
	Unread bool `msgpack:"unread"`
	// Withheld is a sentence that says why the header and the body of a response are left out, and what to do about it;
	// empty if they are not.
	Withheld string `msgpack:"withheld"`
}

// ProbeHeader is one line of a header.
type ProbeHeader struct {
	Name  string `msgpack:"name"`
	Value string `msgpack:"value"`
}

// ProbeCredential is what a request proves itself with.
type ProbeCredential struct {
	// Application is the application whose token was obtained from the exchange. It is zero if the request carries the
	// Client ID and Secret.
	Application ID `msgpack:"application"`
	// Sent is set once a request with the credential was sent.
	Sent bool `msgpack:"sent"`
	// Refused is set if the exchange issued no token, or the API rejected the request.
	Refused bool `msgpack:"refused"`
	// Detail is a sentence about the credential, such as why the exchange issued no token.
	Detail string `msgpack:"detail"`
}

// ProbeConnection is how a connection was made. A duration is 0 if its step was not reached or not needed.
type ProbeConnection struct {
	Address     string            `msgpack:"address"` // the last one tried: of the API, or of a proxy
	Proxied     bool              `msgpack:"proxied"`
	Resolved    time.Duration     `msgpack:"resolved"`  // for the name
	Connected   time.Duration     `msgpack:"connected"` // for the connection
	Handshake   time.Duration     `msgpack:"handshake"` // for TLS
	TLSVersion  string            `msgpack:"tls_version"`
	CipherSuite string            `msgpack:"cipher_suite"`
	Certificate *ProbeCertificate `msgpack:"certificate"`
	// Failure is a sentence if the connection could not be made.
	Failure string `msgpack:"failure"`
}

// ProbeCertificate is the certificate that a scoring API presented, trusted or not.
type ProbeCertificate struct {
	Subject   string   `msgpack:"subject"`
	Issuer    string   `msgpack:"issuer"`
	Names     []string `msgpack:"names"`
	NotBefore Millis   `msgpack:"not_before"`
	NotAfter  Millis   `msgpack:"not_after"`
	Trusted   bool     `msgpack:"trusted"`
}
