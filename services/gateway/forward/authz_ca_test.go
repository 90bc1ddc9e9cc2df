package forward

import (
	"crypto/ecdsa"
	"crypto/elliptic"
	"crypto/rand"
	"crypto/x509"
	"crypto/x509/pkix"
	"encoding/pem"
	"math/big"
	"strings"
	"testing"
	"time"
)

// ca signs certificates for tests.
type ca struct {
	cert *x509.Certificate
	key  *ecdsa.PrivateKey
	pool *x509.CertPool
}

func newCA(t *testing.T) *ca {
	t.Helper()
	key, err := ecdsa.GenerateKey(elliptic.P256(), rand.Reader)
	if err != nil {
		t.Fatal(err)
	}
	c := &ca{key: key, pool: x509.NewCertPool()}
	template := &x509.Certificate{SerialNumber: big.NewInt(1), Subject: pkix.Name{CommonName: "CA"},
		NotAfter: time.Now().Add(time.Hour), IsCA: true, BasicConstraintsValid: true, KeyUsage: x509.KeyUsageCertSign}
	der, err := x509.CreateCertificate(rand.Reader, template, template, key.Public(), key)
	if err != nil {
		t.Fatal(err)
	}
	if c.cert, err = x509.ParseCertificate(der); err != nil {
		t.Fatal(err)
	}
	c.pool.AddCert(c.cert)
	return c
}

// issue gives a certificate as Envoy writes it.
func (c *ca) issue(t *testing.T, usage x509.ExtKeyUsage, until time.Time) string {
	t.Helper()
	template := &x509.Certificate{SerialNumber: big.NewInt(2), Subject: pkix.Name{CommonName: "laptop"},
		NotBefore: time.Now().Add(-time.Hour), NotAfter: until, ExtKeyUsage: []x509.ExtKeyUsage{usage}}
	der, err := x509.CreateCertificate(rand.Reader, template, c.cert, c.key.Public(), c.key)
	if err != nil {
		t.Fatal(err)
	}
	return envoyEncoded(pem.EncodeToMemory(&pem.Block{Type: "CERTIFICATE", Bytes: der}))
}

func envoyEncoded(text []byte) string {
	return strings.NewReplacer("\n", "%0A", " ", "%20", "+", "%2B", "/", "%2F", "=", "%3D").Replace(string(text))
}

func TestCertificatesThatEnvoyPassesOn(t *testing.T) {
	ours, theirs := newCA(t), newCA(t)
	soon := time.Now().Add(time.Hour)
	good := ours.issue(t, x509.ExtKeyUsageClientAuth, soon)
	e := newEnvoy(t, func(cfg *AuthzConfig) { cfg.DeviceCA = func() *x509.CertPool { return ours.pool } })
	for name, c := range map[string]struct {
		text   string
		counts bool
	}{
		"a device's":         {good, true},
		"once more":          {good, true},
		"another CA's":       {theirs.issue(t, x509.ExtKeyUsageClientAuth, soon), false},
		"a server's":         {ours.issue(t, x509.ExtKeyUsageServerAuth, soon), false},
		"one that ended":     {ours.issue(t, x509.ExtKeyUsageClientAuth, time.Now().Add(-time.Minute)), false},
		"none":               {"", false},
		"nonsense":           {"nonsense", false},
		"a bad escape":       {"%zz", false},
		"a key":              {envoyEncoded(pem.EncodeToMemory(&pem.Block{Type: "PRIVATE KEY", Bytes: []byte("x")})), false},
		"no certificate":     {envoyEncoded(pem.EncodeToMemory(&pem.Block{Type: "CERTIFICATE", Bytes: []byte("x")})), false},
		"larger than can be": {good + strings.Repeat("%0A", maxCertificate), false},
		"the CA's own after another's": {theirs.issue(t, x509.ExtKeyUsageClientAuth, soon) +
			envoyEncoded(pem.EncodeToMemory(&pem.Block{Type: "CERTIFICATE", Bytes: ours.cert.Raw})), false},
	} {
		at := attributes("GET", "/public")
		at.Source.Certificate = c.text
		e.check(at)
		if got := e.gate.last(t).Certificate; (got != nil) != c.counts || got != nil && got.Subject.CommonName != "laptop" {
			t.Errorf("%s: %v", name, got)
		}
	}
	none := newEnvoy(t, nil)
	at := attributes("GET", "/public")
	at.Source.Certificate = good
	if none.check(at); none.gate.last(t).Certificate != nil {
		t.Error("a certificate counts where no CA is named")
	}
}

// A cached verdict on a certificate ends with the authority that verified it.
func TestAuthoritiesChange(t *testing.T) {
	ours, theirs := newCA(t), newCA(t)
	pool := ours.pool
	c, err := newCertificates(func() *x509.CertPool { return pool })
	if err != nil {
		t.Fatal(err)
	}
	text := ours.issue(t, x509.ExtKeyUsageClientAuth, time.Now().Add(time.Hour))
	if c.verified(text) == nil {
		t.Fatal("not verified")
	}
	if pool = theirs.pool; c.verified(text) != nil {
		t.Error("verified with another authority")
	}
	if pool = nil; c.verified(text) != nil {
		t.Error("verified with none")
	}
	if pool = ours.pool; c.verified(text) == nil {
		t.Error("not verified again")
	}
}

// A verdict about a certificate does not outlive it.
func TestCertificatesEnd(t *testing.T) {
	ours := newCA(t)
	end := time.Now().Add(30 * time.Second)
	c, err := newCertificates(func() *x509.CertPool { return ours.pool })
	if err != nil {
		t.Fatal(err)
	}
	now := time.Now()
	c.now = func() time.Time { return now }
	text := ours.issue(t, x509.ExtKeyUsageClientAuth, end)
	if c.verified(text) == nil {
		t.Fatal("not verified")
	}
	if now = end.Add(time.Second); c.verified(text) != nil {
		t.Error("verified after its end")
	}
}
