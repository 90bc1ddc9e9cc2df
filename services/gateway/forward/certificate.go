package forward

import (
	"crypto/sha256"
	"crypto/x509"
	"encoding/pem"
	"fmt"
	"net/url"
	"time"

	lru "github.com/hashicorp/golang-lru/v2"
)

const (
	maxCertificate     = 32 << 10 // bytes, as written by Envoy
	verifiedFor        = time.Minute
	cachedCertificates = 4096
)

// certificates verifies client certificates forwarded by Envoy. Envoy has verified that the client holds the key;
// only the issuer is checked here. It is safe for concurrent use.
type certificates struct {
	roots func() *x509.CertPool
	known *lru.Cache[[sha256.Size]byte, verdict]
	now   func() time.Time
}

// verdict is the cached result for a certificate: nil if it was rejected. It is valid for one pool of authorities.
type verdict struct {
	cert  *x509.Certificate
	roots *x509.CertPool
	until time.Time
}

func newCertificates(roots func() *x509.CertPool) (*certificates, error) {
	known, err := lru.New[[sha256.Size]byte, verdict](cachedCertificates)
	if err != nil {
		return nil, fmt.Errorf("cache of client certificates: %w", err)
	}
	return &certificates{roots: roots, known: known, now: time.Now}, nil
}

// verified returns the certificate from its URL-encoded PEM, or nil if it is missing or rejected.
func (c *certificates) verified(text string) *x509.Certificate {
	if text == "" || c.roots == nil || len(text) > maxCertificate {
		return nil
	}
	roots := c.roots()
	if roots == nil {
		return nil
	}
	now, key := c.now(), sha256.Sum256([]byte(text))
	if v, ok := c.known.Get(key); ok && now.Before(v.until) && v.roots == roots {
		return v.cert
	}
	v := verdict{cert: verify(text, roots, now), roots: roots, until: now.Add(verifiedFor)}
	if v.cert != nil && v.cert.NotAfter.Before(v.until) {
		v.until = v.cert.NotAfter
	}
	c.known.Add(key, v)
	return v.cert
}

func verify(text string, roots *x509.CertPool, now time.Time) *x509.Certificate {
	plain, err := url.PathUnescape(text)
	if err != nil {
		return nil
	}
	block, rest := pem.Decode([]byte(plain))
	if block == nil || block.Type != "CERTIFICATE" {
		return nil
	}
	cert, err := x509.ParseCertificate(block.Bytes)
	if err != nil {
		return nil
	}
	between := x509.NewCertPool()
	between.AppendCertsFromPEM(rest)
	if _, err := cert.Verify(x509.VerifyOptions{Roots: roots, Intermediates: between, CurrentTime: now,
		KeyUsages: []x509.ExtKeyUsage{x509.ExtKeyUsageClientAuth}}); err != nil {
		return nil
	}
	return cert
}
