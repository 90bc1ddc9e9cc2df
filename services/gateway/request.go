package gateway

import (
	"net/http"
	"net/netip"
	"net/url"
	"strings"

	"plumbline.dev/services/gateway/forward"
	"plumbline.dev/services/gateway/gate"
	"plumbline.dev/services/gateway/proxy"
)

// read returns the request as the client made it. A proxy's headers about its client are used only if the proxy is
// trusted. The connection's certificate then belongs to the proxy and is ignored.
func (f *front) read(r *http.Request) proxy.Request {
	u := &url.URL{Scheme: "http", Host: r.Host, User: r.URL.User, Opaque: r.URL.Opaque, Path: r.URL.Path,
		RawPath: r.URL.RawPath, RawQuery: r.URL.RawQuery, ForceQuery: r.URL.ForceQuery}
	defer gate.Normalize(u)
	q := proxy.Request{Request: &gate.Request{Method: r.Method, URL: u, Header: r.Header, Body: r.ContentLength != 0}}
	if ap, err := netip.ParseAddrPort(r.RemoteAddr); err == nil {
		q.Peer = ap.Addr().Unmap().WithZone("")
	}
	if q.Peer.IsValid() {
		q.From = q.Peer.String()
		q.ForwardedFor = q.From
	}
	if r.TLS != nil {
		u.Scheme = "https"
		if len(r.TLS.VerifiedChains) > 0 && f.clients != nil && f.clients.trusts(r.TLS, f.clock.Now()) {
			q.Certificate = r.TLS.PeerCertificates[0]
		}
	}
	if len(f.trusted) == 0 || !forward.Contains(f.trusted, q.Peer) {
		return q
	}
	q.Certificate = nil
	before := r.Header["X-Forwarded-For"]
	if len(before) == 0 {
		// A proxy that names no client must not pass its own address to rules about addresses.
		q.Peer, q.From = netip.Addr{}, ""
	} else {
		q.Peer = forward.ClientAddr(q.Peer, before, f.trusted)
		q.From = ""
		if q.Peer.IsValid() {
			q.From = q.Peer.String()
		}
		q.ForwardedFor = strings.Join(before, ", ") + ", " + q.ForwardedFor
	}
	if hosts := r.Header["X-Forwarded-Host"]; len(hosts) > 0 {
		u.Host = forward.Host(hosts, before, f.trusted) // empty if ambiguous, and then denied
	}
	if scheme := forward.Scheme(r.Header["X-Forwarded-Proto"], before, f.trusted); scheme != "" {
		u.Scheme = scheme
	}
	return q
}
