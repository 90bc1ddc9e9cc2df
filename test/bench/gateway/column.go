package gateway

import (
	"context"
	"crypto/ecdsa"
	"crypto/elliptic"
	"crypto/rand"
	"crypto/tls"
	"crypto/x509"
	"crypto/x509/pkix"
	"encoding/pem"
	"fmt"
	"math/big"
	"os"
	"path/filepath"
	"strings"
	"time"

	"plumbline.dev/test/internal/stack"
)

// column is a kind of request to measure every side with.
type column struct {
	name   string
	method string
	body   int  // bytes of the request's body
	secure bool // over TLS
	h2     bool // over HTTP/2, in TLS
}

// columns are the kinds of request. Caddy is measured with the first one only.
var columns = []column{
	{name: "GET", method: "GET"},
	{name: "POST 1 KB", method: "POST", body: 1 << 10},
	{name: "POST 64 KB", method: "POST", body: 64 << 10},
	{name: "TLS", method: "GET", secure: true},
	{name: "HTTP/2", method: "GET", secure: true, h2: true},
}

// load returns the load of a column, the same for every side.
func (w *workbench) load(c column, secret string) *load {
	l := &load{connections: w.Connections, answered: w.Body, column: c, roots: w.roots, headers: map[string]string{
		"User-Agent": "bench", "Accept": "*/*", "CF-Access-Client-Id": w.token.ClientID, "CF-Access-Client-Secret": secret}}
	l.request = fmt.Appendf(nil, "%s %s HTTP/1.1\r\nHost: %s\r\n", c.method, target, host)
	for name, value := range l.headers {
		l.request = fmt.Appendf(l.request, "%s: %s\r\n", name, value)
	}
	if c.body > 0 {
		l.request = fmt.Appendf(l.request, "Content-Length: %d\r\n", c.body)
	}
	l.request = append(append(l.request, "\r\n"...), strings.Repeat("y", c.body)...)
	return l
}

// certify writes a certificate for the application's host. The TLS listeners of both sides use it.
func (w *workbench) certify() error {
	key, err := ecdsa.GenerateKey(elliptic.P256(), rand.Reader)
	if err != nil {
		return err
	}
	template := &x509.Certificate{SerialNumber: big.NewInt(1), Subject: pkix.Name{CommonName: host},
		DNSNames:  []string{host},
		NotBefore: time.Now().Add(-time.Hour), NotAfter: time.Now().Add(24 * time.Hour), IsCA: true,
		BasicConstraintsValid: true}
	der, err := x509.CreateCertificate(rand.Reader, template, template, &key.PublicKey, key)
	if err != nil {
		return err
	}
	private, err := x509.MarshalPKCS8PrivateKey(key)
	if err != nil {
		return err
	}
	w.cert, w.key = filepath.Join(w.dir, "bench.crt"), filepath.Join(w.dir, "bench.key")
	chain := pem.EncodeToMemory(&pem.Block{Type: "CERTIFICATE", Bytes: der})
	w.roots = x509.NewCertPool()
	w.roots.AppendCertsFromPEM(chain)
	if err := os.WriteFile(w.cert, chain, 0o600); err != nil {
		return err
	}
	return os.WriteFile(w.key, pem.EncodeToMemory(&pem.Block{Type: "PRIVATE KEY", Bytes: private}), 0o600)
}

// startSecure starts both sides once more, with TLS.
func (w *workbench) startSecure(ctx context.Context) error {
	if err := w.certify(); err != nil {
		return err
	}
	bare, addr, err := launch(ctx, "proxy", w.origin, w.cert, w.key)
	if bare != nil {
		w.processes = append(w.processes, bare)
	}
	if err != nil {
		return fmt.Errorf("bare proxy with TLS: %w", err)
	}
	access, err := stack.FreeAddr()
	if err != nil {
		return err
	}
	gateway, err := w.installed.AddGateway("gateway-tls", "PLUMB_ACCESS_ADDR="+access, "PLUMB_TLS_CERT="+w.cert,
		"PLUMB_TLS_KEY="+w.key)
	if err != nil {
		return err
	}
	w.contestants[0].secure, w.contestants[0].secureParties = addr, []*stack.Process{bare}
	w.contestants[1].secure, w.contestants[1].secureParties = access, []*stack.Process{gateway.Process()}
	return nil
}

func (l *load) tls(protocol string) *tls.Config {
	return &tls.Config{RootCAs: l.roots, ServerName: host, NextProtos: []string{protocol}, MinVersion: tls.VersionTLS13}
}
