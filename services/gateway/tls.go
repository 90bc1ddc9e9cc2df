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

// certificates is the TLS configuration that some files make, read again when they change. A handshake uses
// what was last good.
type certificates struct {
	cert, key, ca string
	clock         clock.Clock
	log           *slog.Logger
	current       atomic.Pointer[tls.Config]
	read          [sha256.Size]byte // of the files that current was made of
	// When the certificate, and the first of the authorities, end: Unix seconds, 0 for none.
	certEnds, caEnds atomic.Int64
}

// lookAgain is how often the files are looked at.
const lookAgain = time.Second

func newCertificates(cfg Config, c clock.Clock, log *slog.Logger) (*certificates, error) {
	f := &certificates{cert: cfg.TLSCert, key: cfg.TLSKey, ca: cfg.DeviceCA, clock: c, log: log}
	if _, err := f.load(); err != nil {
		return nil, err
	}
	return f, nil
}

// listener is the configuration of the listener, which takes the newest for each handshake.
func (f *certificates) listener() *tls.Config {
	return &tls.Config{
		MinVersion: tls.VersionTLS12, NextProtos: protocols,
		GetConfigForClient: func(*tls.ClientHelloInfo) (*tls.Config, error) { return f.current.Load(), nil },
	}
}

var protocols = []string{"h2", "http/1.1"}

// load makes the configuration, if the files are others than those that it was made of.
func (f *certificates) load() (changed bool, err error) {
	var files [3][]byte
	sum := sha256.New()
	for i, name := range [...]string{f.cert, f.key, f.ca} {
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
	if read == f.read && f.current.Load() != nil {
		return false, nil
	}
	pair, err := tls.X509KeyPair(files[0], files[1])
	if err != nil {
		return false, fmt.Errorf("TLS certificate %s with key %s: %w", f.cert, f.key, err)
	}
	c := &tls.Config{MinVersion: tls.VersionTLS12, NextProtos: protocols, Certificates: []tls.Certificate{pair}}
	if f.ca != "" {
		c.ClientAuth = tls.VerifyClientCertIfGiven
		if c.ClientCAs, err = authorities(f.ca, files[2]); err != nil {
			return false, err
		}
		f.caEnds.Store(firstEnd(files[2]))
	}
	f.certEnds.Store(pair.Leaf.NotAfter.Unix())
	f.read = read
	f.current.Store(c)
	return true, nil
}

func authorities(name string, file []byte) (*x509.CertPool, error) {
	pool := x509.NewCertPool()
	if !pool.AppendCertsFromPEM(file) {
		return nil, fmt.Errorf("there is no certificate in %s, which is to name the authorities of client certificates", name)
	}
	return pool, nil
}

// firstEnd is when the first certificate of a PEM file ends, in Unix seconds.
func firstEnd(file []byte) int64 {
	var first int64
	for block, rest := pem.Decode(file); block != nil; block, rest = pem.Decode(rest) {
		if c, err := x509.ParseCertificate(block.Bytes); err == nil && (first == 0 || c.NotAfter.Unix() < first) {
			first = c.NotAfter.Unix()
		}
	}
	return first
}

var certificateDesc = prometheus.NewDesc("plumbline_gateway_certificate_expires_timestamp_seconds",
	"When the certificate, or the first of the authorities of client certificates, ends: Unix time. file is tls_cert or device_ca.", []string{"file"}, nil)

// Describe implements prometheus.Collector.
func (f *certificates) Describe(out chan<- *prometheus.Desc) { out <- certificateDesc }

// Collect implements prometheus.Collector.
func (f *certificates) Collect(out chan<- prometheus.Metric) {
	for file, ends := range map[string]int64{"tls_cert": f.certEnds.Load(), "device_ca": f.caEnds.Load()} {
		if ends != 0 {
			out <- prometheus.MustNewConstMetric(certificateDesc, prometheus.GaugeValue, float64(ends), file)
		}
	}
}

// Run looks at the files until ctx ends. A pair that does not fit together may be half written: it is looked
// at again.
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
			f.log.Error("the TLS files cannot be used, going on with the last ones that could", "err", err)
		case changed:
			f.log.Info("the TLS files were read again")
		}
		broken = err != nil
	}
}
