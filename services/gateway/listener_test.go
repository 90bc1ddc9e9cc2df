package gateway

import (
	"bufio"
	"context"
	"crypto/ecdsa"
	"crypto/elliptic"
	"crypto/rand"
	"crypto/tls"
	"crypto/x509"
	"crypto/x509/pkix"
	"encoding/pem"
	"fmt"
	"io"
	"math/big"
	"net"
	"net/http"
	"net/netip"
	"os"
	"path/filepath"
	"strings"
	"testing"
	"time"

	"github.com/coder/websocket"
	"github.com/prometheus/client_golang/prometheus/testutil"
	"plumbline.dev/bus/bustest"
	"plumbline.dev/bus/topology"
	"plumbline.dev/proto"
)

// issue makes a certificate, signed by a parent or by itself.
func issue(t *testing.T, name string, parent *tls.Certificate) tls.Certificate {
	t.Helper()
	key, err := ecdsa.GenerateKey(elliptic.P256(), rand.Reader)
	if err != nil {
		t.Fatal(err)
	}
	serial, err := rand.Int(rand.Reader, big.NewInt(1<<62))
	if err != nil {
		t.Fatal(err)
	}
	c := &x509.Certificate{SerialNumber: serial, Subject: pkix.Name{CommonName: name}, DNSNames: []string{name},
		NotBefore: time.Now().Add(-time.Hour), NotAfter: time.Now().Add(time.Hour),
		KeyUsage: x509.KeyUsageDigitalSignature | x509.KeyUsageCertSign, BasicConstraintsValid: true, IsCA: parent == nil,
		ExtKeyUsage: []x509.ExtKeyUsage{x509.ExtKeyUsageServerAuth, x509.ExtKeyUsageClientAuth}}
	by, with := c, any(key)
	if parent != nil {
		by, with = parent.Leaf, parent.PrivateKey
	}
	der, err := x509.CreateCertificate(rand.Reader, c, by, key.Public(), with)
	if err != nil {
		t.Fatal(err)
	}
	leaf, err := x509.ParseCertificate(der)
	if err != nil {
		t.Fatal(err)
	}
	return tls.Certificate{Certificate: [][]byte{der}, PrivateKey: key, Leaf: leaf}
}

// write puts a certificate and its key into files.
func write(t *testing.T, c tls.Certificate, cert, key string) {
	t.Helper()
	der, err := x509.MarshalPKCS8PrivateKey(c.PrivateKey)
	if err != nil {
		t.Fatal(err)
	}
	for path, block := range map[string]*pem.Block{cert: {Type: "CERTIFICATE", Bytes: c.Certificate[0]},
		key: {Type: "PRIVATE KEY", Bytes: der}} {
		if path == "" {
			continue
		}
		if err := os.WriteFile(path, pem.EncodeToMemory(block), 0o600); err != nil {
			t.Fatal(err)
		}
	}
}

func TestTLS(t *testing.T) {
	dir := t.TempDir()
	cert, key, ca := filepath.Join(dir, "cert.pem"), filepath.Join(dir, "key.pem"), filepath.Join(dir, "ca.pem")
	first, second, authority := issue(t, "app.example.com", nil), issue(t, "app.example.com", nil),
		issue(t, "devices", nil)
	write(t, first, cert, key)
	write(t, authority, ca, "")
	w := newFixture(t, Config{TLSCert: cert, TLSKey: key, DeviceCA: ca})
	certified := w.policy(proto.DecisionNonIdentity, "common_name", map[string]string{"common_name": "laptop"})
	// The configuration cannot be waited for over plain HTTP: the requests below are repeated.
	w.appUnseen("app.example.com", w.origin.URL, certified)

	get := func(client tls.Certificate, version uint16) (status int, protocol string, serial *big.Int, err error) {
		cfg := &tls.Config{
			InsecureSkipVerify: true, //nolint:gosec // the test looks at the certificate itself
			MinVersion:         version, MaxVersion: version, ServerName: "app.example.com",
			NextProtos: []string{"h2", "http/1.1"}}
		if client.Certificate != nil {
			// The browser sends it although the server does not name its issuer.
			cfg.GetClientCertificate = func(*tls.CertificateRequestInfo) (*tls.Certificate, error) { return &client, nil }
		}
		tr := &http.Transport{TLSClientConfig: cfg, ForceAttemptHTTP2: true,
			DialContext: func(ctx context.Context, network, _ string) (net.Conn, error) {
				return new(net.Dialer).DialContext(ctx, network, w.gateway.AccessAddr())
			}}
		defer tr.CloseIdleConnections()
		r, err := http.NewRequestWithContext(t.Context(), http.MethodGet, "https://app.example.com/", nil)
		if err != nil {
			return 0, "", nil, err
		}
		a, err := tr.RoundTrip(r)
		if err != nil {
			return 0, "", nil, err
		}
		defer a.Body.Close()
		_, _ = io.Copy(io.Discard, a.Body)
		return a.StatusCode, a.Proto, a.TLS.PeerCertificates[0].SerialNumber, nil
	}
	laptop, stranger := issue(t, "laptop", &authority), issue(t, "laptop", nil)
	bustest.Eventually(t, "a device with a certificate is admitted over HTTP/2", func() bool {
		status, protocol, serial, err := get(laptop, tls.VersionTLS13)
		return err == nil && status == 200 && protocol == "HTTP/2.0" && serial.Cmp(first.Leaf.SerialNumber) == 0
	})
	if status, _, _, err := get(tls.Certificate{}, tls.VersionTLS12); err != nil || status != 403 {
		t.Errorf("without a certificate: %d, %v", status, err)
	}
	if status, _, _, err := get(issue(t, "desktop", &authority), tls.VersionTLS13); err != nil || status != 403 {
		t.Errorf("with another's certificate: %d, %v", status, err)
	}
	if status, _, _, err := get(stranger, tls.VersionTLS13); err == nil {
		t.Errorf("with a certificate of nobody's: %d", status)
	}
	if _, _, _, err := get(laptop, tls.VersionTLS11); err == nil {
		t.Error("TLS 1.1 was spoken")
	}
	if err := os.WriteFile(key, []byte("half written"), 0o600); err != nil {
		t.Fatal(err)
	}
	if status, _, _, err := get(laptop, tls.VersionTLS13); err != nil || status != 200 {
		t.Errorf("with a broken file: %d, %v", status, err)
	}
	write(t, second, cert, key)
	bustest.Eventually(t, "the new certificate is shown", func() bool {
		_, _, serial, err := get(laptop, tls.VersionTLS13)
		return err == nil && serial.Cmp(second.Leaf.SerialNumber) == 0
	})
	want := fmt.Sprintf(`
# HELP plumbline_gateway_certificate_expires_timestamp_seconds Expiry of the certificate, or of the first authority of client certificates to expire: Unix time. file is tls_cert, device_ca, ext_authz_cert or ext_authz_ca.
# TYPE plumbline_gateway_certificate_expires_timestamp_seconds gauge
plumbline_gateway_certificate_expires_timestamp_seconds{file="device_ca"} %d
plumbline_gateway_certificate_expires_timestamp_seconds{file="tls_cert"} %d
`, authority.Leaf.NotAfter.Unix(), second.Leaf.NotAfter.Unix())
	if err := testutil.GatherAndCompare(w.metrics, strings.NewReader(want),
		"plumbline_gateway_certificate_expires_timestamp_seconds"); err != nil {
		t.Error(err)
	}
}

// appUnseen makes an application without waiting for it.
func (w *fixture) appUnseen(domain, origin string, p *proto.Policy) {
	w.Helper()
	a := &proto.Application{ID: proto.NewID(), AUD: strings.Repeat("d", 64), Name: domain, Type: "self_hosted",
		Domains: []string{domain}, OriginURL: origin, Policies: []proto.PolicyLink{{Policy: p.ID, Precedence: 1}}}
	w.records.Configure(topology.KindApplication, a.ID, a)
}

func TestHTTP2WithoutTLS(t *testing.T) {
	w := newFixture(t, Config{})
	w.app("app.example.com", w.origin.URL, nil, w.robots())
	var protocols http.Protocols
	protocols.SetUnencryptedHTTP2(true)
	tr := &http.Transport{Protocols: &protocols}
	defer tr.CloseIdleConnections()
	r, err := http.NewRequestWithContext(t.Context(), http.MethodGet, "http://"+w.gateway.AccessAddr()+"/x", nil)
	if err != nil {
		t.Fatal(err)
	}
	r.Host = "app.example.com"
	r.Header.Set("Cf-Access-Client-Id", w.token.ClientID)
	r.Header.Set("Cf-Access-Client-Secret", w.secret)
	r.AddCookie(&http.Cookie{Name: "a", Value: "b"})
	r.AddCookie(&http.Cookie{Name: "CF_Authorization", Value: "x"})
	a, err := tr.RoundTrip(r)
	if err != nil {
		t.Fatal(err)
	}
	defer a.Body.Close()
	body, _ := io.ReadAll(a.Body)
	o, ok := answer{a.StatusCode, a.Header, string(body)}.origin()
	if !ok || a.ProtoMajor != 2 || o.Header.Get("Cf-Access-Client-Secret") != "" || o.Header.Get("Cookie") != "a=b" ||
		o.Header.Get("Cf-Access-Jwt-Assertion") == "" {
		t.Errorf("%s %d: %+v", a.Proto, a.StatusCode, o)
	}
}

func TestWebSocket(t *testing.T) {
	w := newFixture(t, Config{})
	ended := make(chan error, 1)
	w.origin.Config.Handler = http.HandlerFunc(func(rw http.ResponseWriter, r *http.Request) {
		if r.Header.Get("Cf-Access-Jwt-Assertion") == "" || r.Header.Get("Cf-Access-Client-Secret") != "" {
			rw.WriteHeader(http.StatusTeapot)
			return
		}
		c, err := websocket.Accept(rw, r, nil)
		if err != nil {
			ended <- err
			return
		}
		defer c.CloseNow()
		for {
			kind, message, err := c.Read(r.Context())
			if err != nil {
				ended <- err
				return
			}
			_ = c.Write(r.Context(), kind, append([]byte("echo "), message...))
		}
	})
	w.app("app.example.com", w.origin.URL, nil, w.robots())
	dial := func(h http.Header) (*websocket.Conn, *http.Response, error) {
		return websocket.Dial(t.Context(), "ws://"+w.gateway.AccessAddr()+"/ws",
			&websocket.DialOptions{Host: "app.example.com", HTTPHeader: h})
	}
	if _, r, err := dial(nil); err == nil || r == nil || r.StatusCode != 403 {
		t.Errorf("without credentials: %v, %v", r, err)
	}
	c, _, err := dial(http.Header{"Cf-Access-Client-Id": {w.token.ClientID}, "Cf-Access-Client-Secret": {w.secret}})
	if err != nil {
		t.Fatal(err)
	}
	defer c.CloseNow()
	if err := c.Write(t.Context(), websocket.MessageText, []byte("hello")); err != nil {
		t.Fatal(err)
	}
	if _, message, err := c.Read(t.Context()); err != nil || string(message) != "echo hello" {
		t.Errorf("%q, %v", message, err)
	}
	// The connection stays open: the shutdown of the gateway, awaited by newFixture, must not wait for it.
}

func TestStreamsAreFlushed(t *testing.T) {
	w := newFixture(t, Config{})
	next := make(chan struct{})
	w.origin.Config.Handler = http.HandlerFunc(func(rw http.ResponseWriter, _ *http.Request) {
		rw.Header().Set("Content-Type", "text/event-stream")
		for range 2 {
			_, _ = io.WriteString(rw, "data: x\n")
			rw.(http.Flusher).Flush()
			<-next
		}
	})
	w.app("app.example.com", w.origin.URL, nil, w.policy(proto.DecisionBypass, "everyone", struct{}{}))
	conn, err := net.Dial("tcp", w.gateway.AccessAddr())
	if err != nil {
		t.Fatal(err)
	}
	defer conn.Close()
	_ = conn.SetDeadline(time.Now().Add(time.Minute))
	_, _ = io.WriteString(conn, "GET / HTTP/1.1\r\nHost: app.example.com\r\n\r\n")
	r, err := http.ReadResponse(bufio.NewReader(conn), nil)
	if err != nil {
		t.Fatal(err)
	}
	defer r.Body.Close()
	lines := bufio.NewReader(r.Body)
	for range 2 {
		if line, err := lines.ReadString('\n'); err != nil || line != "data: x\n" {
			t.Errorf("%q, %v", line, err)
		}
		next <- struct{}{}
	}
}

func TestTrustedProxies(t *testing.T) {
	for _, c := range []struct {
		name    string
		trusted []netip.Prefix
		lines   []string
		status  int
		from    string // Cf-Connecting-Ip
		chain   string // X-Forwarded-For
		scheme  string
	}{
		{"nobody is trusted", nil, []string{"X-Forwarded-For: 198.51.100.7", "X-Forwarded-Proto: https", "X-Forwarded-Host: other.example.com"}, 200, "127.0.0.1", "127.0.0.1", "http"},
		{"another is trusted", []netip.Prefix{netip.MustParsePrefix("10.0.0.0/8")}, []string{"X-Forwarded-For: 198.51.100.7"}, 200, "127.0.0.1", "127.0.0.1", "http"},
		{"trusted", []netip.Prefix{netip.MustParsePrefix("127.0.0.0/8")}, []string{"X-Forwarded-For: 6.6.6.6, 198.51.100.7", "X-Forwarded-Proto: https"}, 200, "198.51.100.7", "6.6.6.6, 198.51.100.7, 127.0.0.1", "https"},
		{"the scheme of each hop", []netip.Prefix{netip.MustParsePrefix("127.0.0.0/8")}, []string{"X-Forwarded-For: 198.51.100.7", "X-Forwarded-Proto: HTTPS, http"}, 200, "198.51.100.7", "198.51.100.7, 127.0.0.1", "https"},
		{"the scheme twice", []netip.Prefix{netip.MustParsePrefix("127.0.0.0/8")}, []string{"X-Forwarded-For: 198.51.100.7", "X-Forwarded-Proto: wss", "X-Forwarded-Proto: http"}, 200, "198.51.100.7", "198.51.100.7, 127.0.0.1", "https"},
		{"another host", []netip.Prefix{netip.MustParsePrefix("127.0.0.0/8")}, []string{"X-Forwarded-Host: none.example.com"}, 404, "", "", ""},
		{"two hosts", []netip.Prefix{netip.MustParsePrefix("127.0.0.0/8")}, []string{"X-Forwarded-Host: app.example.com", "X-Forwarded-Host: none.example.com"}, 400, "", "", ""},
		{"hosts in one line", []netip.Prefix{netip.MustParsePrefix("127.0.0.0/8")}, []string{"X-Forwarded-Host: app.example.com, none.example.com"}, 400, "", "", ""},
		{"no address", []netip.Prefix{netip.MustParsePrefix("127.0.0.0/8")}, []string{"X-Forwarded-For: unknown"}, 200, "", "unknown, 127.0.0.1", "http"},
	} {
		t.Run(c.name, func(t *testing.T) {
			w := newFixture(t, Config{TrustedProxy: c.trusted})
			w.app("app.example.com", w.origin.URL, nil, w.policy(proto.DecisionBypass, "everyone", struct{}{}))
			got := w.get("app.example.com", "/", c.lines...)
			o, _ := got.origin()
			if got.status != c.status || o.Header.Get("Cf-Connecting-Ip") != c.from ||
				o.Header.Get("X-Forwarded-For") != c.chain || o.Header.Get("X-Forwarded-Proto") != c.scheme {
				t.Errorf("%d, the origin got %v", got.status, o.Header)
			}
		})
	}
}
