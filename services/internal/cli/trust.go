package cli

import (
	"crypto/x509"
	"fmt"
	"os"
)

// Trust is the flag for private certificate authorities of servers that a service calls.
type Trust struct {
	TrustedCA string `name:"trusted-ca" type:"path" help:"PEM file with certificate authorities to trust, besides the system's, for outgoing TLS." placeholder:"PATH"`

	pool *x509.CertPool
}

// AfterApply reads the file once the flags are parsed.
func (t *Trust) AfterApply() error {
	if t.TrustedCA == "" {
		return nil
	}
	pem, err := os.ReadFile(t.TrustedCA)
	if err != nil {
		return fmt.Errorf("--trusted-ca: %w", err)
	}
	pool, err := x509.SystemCertPool()
	if err != nil {
		pool = x509.NewCertPool() // a system without any
	}
	if !pool.AppendCertsFromPEM(pem) {
		return fmt.Errorf("--trusted-ca: %s holds no certificate in PEM format", t.TrustedCA)
	}
	t.pool = pool
	return nil
}

// Roots returns the system's authorities and those of the file. Without a file it returns nil, meaning the system's.
func (t *Trust) Roots() *x509.CertPool { return t.pool }
