package gateway

import (
	"context"
	"crypto/sha256"
	"crypto/tls"
	"crypto/x509"
	"encoding/pem"
	"fmt"
	"log/slog"
	"os"
	"sync/atomic"
	"time"

	"github.com/prometheus/client_golang/prometheus"
	"plumbline.dev/services/internal/clock"
)

// pemFiles names the files of one listener; empty: none.
type pemFiles struct {
	listener      string // its name in the log
	cert, key, ca string
	// certName and caName are the labels of the two in the metric.
	certName, caName string
	// demanded reports whether clients must present a certificate; otherwise it is optional.
	demanded bool
}

// certificates holds the contents of the files and reloads them when they change. The last valid contents stay in
// use.
type certificates struct {
	files   pemFiles
	clock   clock.Clock
	log     *slog.Logger
	current atomic.Pointer[tls.Config] // nil without a certificate
	trusted atomic.Pointer[authorities]
	read    [sha256.Size]byte // hash of the files in use
	// Expiry of the certificate and of the first authority to expire: Unix seconds, 0 for none.
	certEnds, caEnds atomic.Int64
}

// authorities are those of client certificates.
type authorities struct {
	pool  *x509.CertPool
	roots map[string]struct{} // DER
}

// lookAgain is the interval between checks of the files.
const lookAgain = time.Second

func newCertificates(files pemFiles, c clock.Clock, log *slog.Logger) (*certificates, error) {
	f := &certificates{files: files, clock: c, log: log.With("listener", files.listener)}
	if _, err := f.load(); err != nil {
		return nil, err
	}
	return f, nil
}

// listener returns the configuration of the listener, which uses the newest contents for each handshake.
func (f *certificates) listener(protocols ...string) *tls.Config {
	return &tls.Config{
		MinVersion: tls.VersionTLS12, NextProtos: protocols,
		GetConfigForClient: func(*tls.ClientHelloInfo) (*tls.Config, error) { return f.current.Load(), nil },
	}
}

// authorities returns the pool that verifies client certificates; nil: none is accepted.
func (f *certificates) authorities() *x509.CertPool {
	if a := f.trusted.Load(); a != nil {
		return a.pool
	}
	return nil
}

// trusts reports whether a client's certificate, verified when its connection began, would still be accepted. A
// connection may outlive the certificate and its authority.
func (f *certificates) trusts(s *tls.ConnectionState, now time.Time) bool {
	a := f.trusted.Load()
	if a == nil {
		return false
	}
	for _, chain := range s.VerifiedChains {
		if _, ok := a.roots[string(chain[len(chain)-1].Raw)]; ok && valid(chain, now) {
			return true
		}
	}
	return false
}

func valid(chain []*x509.Certificate, now time.Time) bool {
	for _, c := range chain {
		if now.After(c.NotAfter) || now.Before(c.NotBefore) {
			return false
		}
	}
	return true
}

// load reloads the files if they have changed.
func (f *certificates) load() (changed bool, err error) {
	var files [3][]byte
	sum := sha256.New()
	for i, name := range [...]string{f.files.cert, f.files.key, f.files.ca} {
		if name == "" {
			continue
		}
		if files[i], err = os.ReadFile(name); err != nil {
			return false, err
		}
		fmt.Fprintf(sum, "%d:", len(files[i]))
		sum.Write(files[i])
	}
	read := [sha256.Size]byte(sum.Sum(nil))
	if read == f.read {
		return false, nil
	}
	var a *authorities
	if f.files.ca != "" {
		if a, err = parseAuthorities(f.files.ca, files[2]); err != nil {
			return false, err
		}
	}
	if f.files.cert != "" {
		pair, err := tls.X509KeyPair(files[0], files[1])
		if err != nil {
			return false, fmt.Errorf("TLS certificate %s with key %s: %w", f.files.cert, f.files.key, err)
		}
		f.certEnds.Store(pair.Leaf.NotAfter.Unix())
		f.current.Store(f.config(pair, a))
	}
	if a != nil {
		f.caEnds.Store(firstEnd(files[2]))
		f.trusted.Store(a)
	}
	f.read = read
	return true, nil
}

// protocols are those of all our listeners: gRPC is HTTP/2.
var protocols = []string{"h2", "http/1.1"}

func (f *certificates) config(pair tls.Certificate, a *authorities) *tls.Config {
	c := &tls.Config{MinVersion: tls.VersionTLS12, NextProtos: protocols, Certificates: []tls.Certificate{pair}}
	if a == nil {
		return c
	}
	c.ClientAuth, c.ClientCAs = tls.VerifyClientCertIfGiven, a.pool
	if f.files.demanded {
		c.ClientAuth = tls.RequireAndVerifyClientCert
	}
	return c
}

func parseAuthorities(name string, file []byte) (*authorities, error) {
	a := &authorities{pool: x509.NewCertPool(), roots: map[string]struct{}{}}
	for block, rest := pem.Decode(file); block != nil; block, rest = pem.Decode(rest) {
		if c, err := x509.ParseCertificate(block.Bytes); err == nil && block.Type == "CERTIFICATE" {
			a.pool.AddCert(c)
			a.roots[string(c.Raw)] = struct{}{}
		}
	}
	if len(a.roots) == 0 {
		return nil, fmt.Errorf("%s has no certificate of an authority for client certificates", name)
	}
	return a, nil
}

// firstEnd returns the earliest expiry of the certificates in a PEM file, in Unix seconds.
func firstEnd(file []byte) int64 {
	var first int64
	for block, rest := pem.Decode(file); block != nil; block, rest = pem.Decode(rest) {
		if c, err := x509.ParseCertificate(block.Bytes); err == nil && (first == 0 || c.NotAfter.Unix() < first) {
			first = c.NotAfter.Unix()
		}
	}
	return first
}

// ends collects the expiry of certificates.
type ends []*certificates

var certificateDesc = prometheus.NewDesc("plumbline_gateway_certificate_expires_timestamp_seconds",
	"Expiry of the certificate, or of the first authority of client certificates to expire: Unix time. file is "+
		"tls_cert, device_ca, ext_authz_cert or ext_authz_ca.", []string{"file"}, nil)

// Describe implements prometheus.Collector.
func (ends) Describe(out chan<- *prometheus.Desc) { out <- certificateDesc }

// Collect implements prometheus.Collector.
func (all ends) Collect(out chan<- prometheus.Metric) {
	for _, f := range all {
		for file, at := range map[string]int64{f.files.certName: f.certEnds.Load(), f.files.caName: f.caEnds.Load()} {
			if at != 0 {
				out <- prometheus.MustNewConstMetric(certificateDesc, prometheus.GaugeValue, float64(at), file)
			}
		}
	}
}

// Run checks the files until ctx ends. A mismatched pair may be half written, so it is checked again.
func (f *certificates) Run(ctx context.Context) error {
	broken := false
	for {
		select {
		case <-ctx.Done():
			return nil
		case <-f.clock.After(lookAgain):
		}
		changed, err := f.load()
		switch {
		case err != nil && !broken:
			f.log.Error("failed to load the TLS files, using the previous ones", "err", err)
		case err == nil && (changed || broken):
			f.log.Info("TLS files reloaded")
		}
		broken = err != nil
	}
}
