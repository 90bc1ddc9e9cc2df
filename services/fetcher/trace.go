package fetcher

import (
	"crypto/tls"
	"crypto/x509"
	"net/http/httptrace"
	"net/netip"

	"plumbline.dev/proto"
)

// The steps of a connection.
const (
	stepResolve   = "resolve"
	stepConnect   = "connect"
	stepHandshake = "handshake"
)

// trace returns the hooks that record a connection and the header that was sent. The transport may try several
// addresses at once; the record is of the one that connected first, or of the last one that failed.
func (a *attemptRecord) trace() *httptrace.ClientTrace {
	locked := func(record func()) {
		a.recorder.mu.Lock()
		defer a.recorder.mu.Unlock()
		record()
	}
	begin := func(step string) {
		locked(func() { a.step[step], a.connecting = a.recorder.clock.Now(), true })
	}
	return &httptrace.ClientTrace{
		DNSStart: func(httptrace.DNSStartInfo) { begin(stepResolve) },
		DNSDone: func(httptrace.DNSDoneInfo) {
			locked(func() { a.conn.Resolved = a.since(a.step[stepResolve]) })
		},
		ConnectStart: func(_, addr string) { begin(stepConnect + addr) },
		ConnectDone: func(_, addr string, err error) {
			locked(func() {
				if a.conn.Connected > 0 {
					return
				}
				if a.conn.Address = addr; err == nil {
					a.conn.Connected = max(1, a.since(a.step[stepConnect+addr]))
				}
			})
		},
		GotConn: func(info httptrace.GotConnInfo) {
			// Several addresses may be tried at once, so the address of the last try may be another one.
			peer, _ := netip.ParseAddrPort(info.Conn.RemoteAddr().String())
			locked(func() { a.peer = peer.Addr().Unmap() })
		},
		TLSHandshakeStart: func() { begin(stepHandshake) },
		TLSHandshakeDone: func(state tls.ConnectionState, err error) {
			locked(func() {
				a.conn.Handshake = a.since(a.step[stepHandshake])
				if err != nil {
					return
				}
				a.conn.TLSVersion = tls.VersionName(state.Version)
				a.conn.CipherSuite = tls.CipherSuiteName(state.CipherSuite)
				if len(state.PeerCertificates) > 0 {
					a.conn.Certificate = certificateOf(state.PeerCertificates[0], true)
				}
			})
		},
		WroteHeaderField: func(name string, values []string) {
			locked(func() {
				for _, v := range values {
					a.report.Request.Header = append(a.report.Request.Header, a.scrub.header(name, v))
				}
			})
		},
		GotFirstResponseByte: func() { locked(func() { a.report.FirstByte = a.since(a.began) }) },
	}
}

// Bounds of the names of a certificate in a report.
const (
	maxCertificateNames = 20
	maxCertificateText  = 256 // bytes of a name
)

func certificateOf(c *x509.Certificate, trusted bool) *proto.ProbeCertificate {
	names := c.DNSNames
	for _, ip := range c.IPAddresses {
		names = append(names[:len(names):len(names)], ip.String())
	}
	out := &proto.ProbeCertificate{Subject: short(c.Subject.String()), Issuer: short(c.Issuer.String()),
		NotBefore: proto.At(c.NotBefore), NotAfter: proto.At(c.NotAfter), Trusted: trusted}
	for _, n := range names[:min(len(names), maxCertificateNames)] {
		out.Names = append(out.Names, short(n))
	}
	return out
}

func short(text string) string { return text[:min(len(text), maxCertificateText)] }
