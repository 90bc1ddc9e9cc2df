package gateway

import (
	"bytes"
	"context"
	"crypto/tls"
	"crypto/x509"
	"io"
	"log/slog"
	"net"
	"net/http"
	"net/netip"
	"os"
	"path/filepath"
	"strings"
	"testing"
	"testing/synctest"
	"time"

	authv3 "github.com/envoyproxy/go-control-plane/envoy/service/auth/v3"
	"google.golang.org/grpc"
	"google.golang.org/grpc/credentials"
	"plumbline.dev/bus/bustest"
	"plumbline.dev/proto"
	"plumbline.dev/services/internal/clock"
)

// A connection outlives the authority of its certificate; the certificate is then rejected.
func TestOpenConnectionsAndNewAuthorities(t *testing.T) {
	dir := t.TempDir()
	cert, key, ca := filepath.Join(dir, "cert.pem"), filepath.Join(dir, "key.pem"), filepath.Join(dir, "ca.pem")
	authority, other := issue(t, "devices", nil), issue(t, "other devices", nil)
	write(t, issue(t, "app.example.com", nil), cert, key)
	write(t, authority, ca, "")
	w := newFixture(t, Config{TLSCert: cert, TLSKey: key, DeviceCA: ca})
	w.appUnseen("app.example.com", w.origin.URL,
		w.policy(proto.DecisionNonIdentity, "common_name", map[string]string{"common_name": "laptop"}))
	laptop := issue(t, "laptop", &authority)
	dials := 0
	tr := &http.Transport{
		//nolint:gosec // The test is not about the server's certificate.
		TLSClientConfig: &tls.Config{InsecureSkipVerify: true, Certificates: []tls.Certificate{laptop}},
		DialContext: func(ctx context.Context, network, _ string) (net.Conn, error) {
			dials++
			return new(net.Dialer).DialContext(ctx, network, w.gateway.AccessAddr())
		}}
	defer tr.CloseIdleConnections()
	var assertion string // that the origin got
	status := func() int {
		r, err := http.NewRequestWithContext(t.Context(), http.MethodGet, "https://app.example.com/", nil)
		if err != nil {
			t.Fatal(err)
		}
		a, err := tr.RoundTrip(r)
		if err != nil {
			t.Fatal(err)
		}
		defer a.Body.Close()
		body, _ := io.ReadAll(a.Body)
		o, _ := answer{a.StatusCode, a.Header, string(body)}.origin()
		assertion = o.Header.Get("Cf-Access-Jwt-Assertion")
		return a.StatusCode
	}
	bustest.Eventually(t, "the device is admitted", func() bool { return status() == 200 })
	// The request has no identity; the origin receives the certificate's name.
	if c, err := w.gateway.keys.Verify(assertion, strings.Repeat("d", 64)); err != nil || c.CommonName != "laptop" ||
		c.Subject != "" || c.Nonce != "" {
		t.Errorf("%q: %+v, %v", assertion, c, err)
	}
	write(t, other, ca, "")
	bustest.Eventually(t, "its authority counts no longer", func() bool { return status() == 403 })
	write(t, authority, ca, "")
	bustest.Eventually(t, "it counts again", func() bool { return status() == 200 })
	if dials != 1 {
		t.Errorf("%d connections", dials)
	}
}

// An unusable file is reported once, and the previous content stays in use.
func TestBadFilesAreSaidOnce(t *testing.T) {
	dir := t.TempDir()
	files := pemFiles{listener: "access", cert: filepath.Join(dir, "cert.pem"), key: filepath.Join(dir, "key.pem"),
		ca: filepath.Join(dir, "ca.pem")}
	write(t, issue(t, "app.example.com", nil), files.cert, files.key)
	write(t, issue(t, "devices", nil), files.ca, "")
	whole, err := os.ReadFile(files.ca)
	if err != nil {
		t.Fatal(err)
	}
	synctest.Test(t, func(t *testing.T) {
		var log bytes.Buffer
		f, err := newCertificates(files, clock.System, slog.New(slog.NewTextHandler(&log, nil)))
		if err != nil {
			t.Fatal(err)
		}
		ctx, stop := context.WithCancel(t.Context())
		defer stop()
		go func() { _ = f.Run(ctx) }()
		before, pool := f.current.Load(), f.authorities()
		for _, broken := range []func() error{
			func() error { return os.WriteFile(files.ca, []byte("half"), 0o600) },
			func() error { return os.Remove(files.ca) },
		} {
			if err := broken(); err != nil {
				t.Fatal(err)
			}
			time.Sleep(5 * time.Second)
			synctest.Wait()
			if f.current.Load() != before || f.authorities() != pool {
				t.Error("what was good is gone")
			}
		}
		if err := os.WriteFile(files.ca, whole, 0o600); err != nil {
			t.Fatal(err)
		}
		time.Sleep(5 * time.Second)
		synctest.Wait()
		if n := strings.Count(log.String(), "failed to load the TLS files"); n != 1 {
			t.Errorf("said %d times:\n%s", n, log.String())
		}
		if n := strings.Count(log.String(), "TLS files reloaded"); n != 1 {
			t.Errorf("good again %d times:\n%s", n, log.String())
		}
	})
}

// TestEnvoysAskOverTLS: Envoys need client certificates if the operator configures an authority for them.
func TestEnvoysAskOverTLS(t *testing.T) {
	dir := t.TempDir()
	cert, key, ca := filepath.Join(dir, "cert.pem"), filepath.Join(dir, "key.pem"), filepath.Join(dir, "ca.pem")
	first, second, authority := issue(t, "gateway.example.com", nil), issue(t, "gateway.example.com", nil),
		issue(t, "envoys", nil)
	write(t, first, cert, key)
	write(t, authority, ca, "")
	w := newFixture(t, Config{ExtAuthzAddr: "127.0.0.1:0", ExtAuthzCert: cert, ExtAuthzKey: key, ExtAuthzCA: ca,
		ForwardAuthFrom: []netip.Prefix{netip.MustParsePrefix("127.0.0.0/8")}})
	bustest.Eventually(t, "Envoys can ask", func() bool { return w.gateway.authz.Bound() != "" })
	ask := func(server tls.Certificate, own ...tls.Certificate) error {
		roots := x509.NewCertPool()
		roots.AddCert(server.Leaf)
		c, err := grpc.NewClient(w.gateway.authz.Bound(),
			grpc.WithTransportCredentials(credentials.NewTLS(&tls.Config{RootCAs: roots,
				ServerName: "gateway.example.com", Certificates: own, MinVersion: tls.VersionTLS12})))
		if err != nil {
			t.Fatal(err)
		}
		defer c.Close()
		ctx, cancel := context.WithTimeout(t.Context(), time.Minute)
		defer cancel()
		answer, err := authv3.NewAuthorizationClient(c).Check(ctx, &authv3.CheckRequest{})
		if err == nil && answer.GetDeniedResponse() == nil {
			t.Errorf("admitted: %v", answer)
		}
		return err
	}
	envoy := issue(t, "envoy", &authority)
	if err := ask(first, envoy); err != nil {
		t.Errorf("with a certificate: %v", err)
	}
	if err := ask(first); err == nil {
		t.Error("without a certificate there is an answer")
	}
	if err := ask(first, issue(t, "stranger", nil)); err == nil {
		t.Error("with a stranger's certificate there is an answer")
	}
	write(t, second, cert, key)
	bustest.Eventually(t, "the new certificate is shown", func() bool { return ask(second, envoy) == nil })
}
