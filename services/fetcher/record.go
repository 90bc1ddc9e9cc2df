package fetcher

import (
	"crypto/tls"
	"errors"
	"fmt"
	"io"
	"maps"
	"net/http"
	"net/http/httptrace"
	"net/netip"
	"slices"
	"strings"
	"sync"
	"time"

	"plumbline.dev/proto"
	"plumbline.dev/services/internal/clock"
	"plumbline.dev/services/internal/egress"
)

// recorder records the last attempt of a call for a [proto.ProbeReport]. It only observes: a call with a recorder sends
// and accepts the same as a call without one. The methods of a nil recorder do nothing. A recorder is safe for
// concurrent use, because a transport may report about a connection after a call has ended.
type recorder struct {
	clock clock.Clock
	proxy func(*http.Request) bool // whether a request goes through a proxy
	// disclose reports whether a response from an address, or from the proxy at an address, may be shown.
	disclose func(from netip.Addr, proxied bool) bool
	mu       sync.Mutex
	last     *attemptRecord
}

// attemptRecord is the record of one attempt.
type attemptRecord struct {
	recorder   *recorder
	report     proto.ProbeReport
	conn       proto.ProbeConnection
	connecting bool       // a connection was attempted
	peer       netip.Addr // of the connection that carried the request
	scrub      *scrubber
	began      time.Time
	step       map[string]time.Time // when a step of the connection began
	body       capture
}

// begin starts the record of an attempt. r is its request, sent the request's body.
func (c *recorder) begin(r *http.Request, at *target, token string, sent []byte) *http.Request {
	if c == nil {
		return r
	}
	a := &attemptRecord{recorder: c, began: c.clock.Now(), step: map[string]time.Time{},
		scrub: newScrubber(at.secret, token)}
	a.body.limit = proto.MaxProbeBody + a.scrub.longest
	a.conn.Proxied = c.proxy(r)
	a.report.Request = proto.ProbeMessage{Method: r.Method, URL: a.scrub.text(r.URL.String()), Size: int64(len(sent))}
	a.report.Request.Body, a.report.Request.Cut = a.scrub.body(sent, false)
	a.report.Credential = credentialOf(at)
	a.report.Credential.Sent = true
	c.mu.Lock()
	c.last = a
	c.mu.Unlock()
	return r.WithContext(httptrace.WithClientTrace(r.Context(), a.trace()))
}

// credentialOf describes what requests to a target prove themselves with.
func credentialOf(at *target) proto.ProbeCredential {
	if at.app != nil {
		return proto.ProbeCredential{Application: at.app.Value.ID}
	}
	return proto.ProbeCredential{Detail: at.uncovered}
}

// noToken records that no application token could be obtained for a target.
func (c *recorder) noToken(at *target, p *problem) {
	if c == nil {
		return
	}
	a := &attemptRecord{recorder: c, scrub: newScrubber(at.secret, "")}
	a.report.Request = proto.ProbeMessage{Method: http.MethodPost, URL: a.scrub.text(at.url.String())}
	a.report.Credential = credentialOf(at)
	a.report.Credential.Refused, a.report.Credential.Detail = !p.retry, p.sentence
	c.mu.Lock()
	defer c.mu.Unlock()
	c.last = a
}

// failed records that an attempt had no response.
func (c *recorder) failed(err error) {
	if c == nil {
		return
	}
	c.mu.Lock()
	defer c.mu.Unlock()
	a := c.last
	a.report.Took = a.since(a.began)
	if a.conn.Connected > 0 && (a.conn.TLSVersion != "" || a.step[stepHandshake].IsZero()) {
		return // the connection was made
	}
	var cert *tls.CertificateVerificationError
	if errors.As(err, &cert) && len(cert.UnverifiedCertificates) > 0 {
		a.conn.Certificate = certificateOf(cert.UnverifiedCertificates[0], false)
	}
	a.conn.Failure = egress.Explain(err).Sentence
}

// answered records a response. The caller reads its body from the returned reader.
func (c *recorder) answered(resp *http.Response) io.Reader {
	if c == nil {
		return resp.Body
	}
	c.mu.Lock()
	defer c.mu.Unlock()
	a := c.last
	a.report.Status, a.report.Protocol = resp.StatusCode, resp.Proto
	a.report.Response = &proto.ProbeMessage{}
	for _, name := range slices.Sorted(maps.Keys(resp.Header)) {
		for _, v := range resp.Header[name] {
			a.report.Response.Header = append(a.report.Response.Header, a.scrub.header(name, v))
		}
	}
	a.body.r = resp.Body
	return &a.body
}

// restTime bounds the time for reading the rest of a response that is only shown.
const restTime = 2 * time.Second

// ended records the end of an attempt with a response. It reads what is shown of the body and was not read yet.
func (c *recorder) ended(resp *http.Response, p *problem) {
	if c == nil {
		return
	}
	c.mu.Lock()
	a := c.last
	a.report.Took = a.since(a.began)
	a.report.Credential.Refused = p != nil && p.refused
	c.mu.Unlock()
	stop := time.AfterFunc(restTime, func() { resp.Body.Close() })
	defer stop.Stop()
	_, _ = io.CopyN(io.Discard, &a.body, int64(a.body.limit-min(a.body.limit, len(a.body.data))+1))
}

// result returns the report of the last attempt, or nil if none began.
func (c *recorder) result() *proto.ProbeReport {
	c.mu.Lock()
	defer c.mu.Unlock()
	a := c.last
	if a == nil {
		return nil
	}
	report := a.report
	report.Request.Header = slices.Clone(report.Request.Header)
	if a.connecting {
		conn := a.conn
		report.Connection = &conn
	}
	if r := report.Response; r != nil {
		full := int64(len(a.body.data)) < a.body.size
		r.Body, r.Cut = a.scrub.body(a.body.data, full)
		r.Size, r.Unread = a.body.size, !a.body.ended
		if why := a.withheld(); why != "" {
			r.Header, r.Body, r.Cut, r.Withheld = nil, nil, r.Size > 0, why
		}
	}
	return &report
}

// withheld returns the reason why the response is not shown, or "". A person who may test integrations chooses the URL,
// and must not read through a fetcher what only the fetchers' network can.
func (a *attemptRecord) withheld() string {
	why := "is not a public address"
	switch {
	case a.recorder.disclose(a.peer, a.conn.Proxied):
		return ""
	case a.conn.Proxied:
		why = "is a proxy, and the address behind it may be internal"
	}
	return fmt.Sprintf("The headers and the body are not shown, because %s %s. To show them, start the fetchers with "+
		"--egress-allow for its network and those of all other scoring APIs.", a.peer, why)
}

func (a *attemptRecord) since(t time.Time) time.Duration {
	return max(0, a.recorder.clock.Now().Sub(t))
}

// capture reads a body and keeps its first bytes.
type capture struct {
	r     io.Reader
	limit int
	data  []byte
	size  int64
	ended bool // the end was read
}

func (c *capture) Read(p []byte) (int, error) {
	n, err := c.r.Read(p)
	c.size += int64(n)
	c.data = append(c.data, p[:min(n, c.limit-len(c.data))]...)
	c.ended = c.ended || errors.Is(err, io.EOF)
	return n, err
}

// proxied returns a function that reports whether a request goes through a proxy of the environment.
func proxied(cfg egress.Config) func(*http.Request) bool {
	return func(r *http.Request) bool {
		if !cfg.Proxy {
			return false
		}
		u, err := http.ProxyFromEnvironment(r)
		return err == nil && u != nil
	}
}

// secretHeader reports whether the value of a header is a secret.
func secretHeader(name string) bool {
	switch strings.ToLower(name) {
	case "cf-access-client-secret", "cf-access-jwt-assertion", "cookie", "set-cookie", "authorization",
		"proxy-authorization":
		return true
	}
	return false
}
