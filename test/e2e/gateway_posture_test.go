package e2e_test

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
	"log/slog"
	"math/big"
	"net/http"
	"net/url"
	"os"
	"path/filepath"
	"sync/atomic"
	"testing"
	"time"

	"plumbline.dev/bus"
	"plumbline.dev/bus/bustest"
	"plumbline.dev/bus/topology"
	"plumbline.dev/proto"
	"plumbline.dev/test/internal/stack"
	"plumbline.dev/test/scorer"
)

// laptop is the device of the requests in these tests.
var laptop = proto.Device{ID: proto.DeriveID(proto.Account{}, "laptop"), Hostname: "laptop", IPv4: "127.0.0.77"}

// measured is an installation with one device and a check over it; the test sets the score.
type measured struct {
	*testing.T
	plumb       *stack.Plumb
	control     *stack.Control
	integration proto.ID
	check       proto.ID
	score       atomic.Int64
}

func newMeasured(t *testing.T, args ...string) *measured {
	t.Helper()
	m := &measured{T: t, plumb: stack.Up(t, args...)}
	var err error
	if m.control, err = m.plumb.Control(); err != nil {
		t.Fatal(err)
	}
	m.score.Store(90)
	if _, err := m.control.Import(t.Context(), func(yield func(proto.Device) bool) { yield(laptop) }); err != nil {
		t.Fatal(err)
	}
	api := new(scorer.API)
	api.Score(func(scorer.Device, int) any { return m.score.Load() })
	m.integration = protect(t, m.control, api, m.plumb, "1h", 0)
	if m.check, err = m.control.CreateCheck(t.Context(),
		stack.Check{Name: "healthy", Integration: m.integration, Operator: ">=", Score: threshold}); err != nil {
		t.Fatal(err)
	}
	return m
}

// follows returns a channel of the changed outcomes of the laptop's check.
func (m *measured) follows() <-chan proto.Outcome {
	m.Helper()
	conn, err := m.plumb.Follower(m.Context(), slog.New(slog.DiscardHandler))
	if err != nil {
		m.Fatal(err)
	}
	m.Cleanup(conn.Close)
	changes := make(chan proto.Outcome, 100)
	bustest.Run(m, func(ctx context.Context) error {
		return conn.Follow(ctx, bus.Following{}, func(_ context.Context, e bus.Event) error {
			if e.Kind == bus.EventChange && e.Ref.Check == m.check {
				changes <- e.Ref.Outcome
			}
			return nil
		})
	})
	return changes
}

// The device behind a request is found by its address in the overlay network. When its check turns to fail,
// or to unknown, its next request is refused within a second of the posture log's entry.
func TestADeviceThatFailsIsRefusedAtItsNextRequest(t *testing.T) {
	m := newMeasured(t, "--overlay", "127.0.0.64/26")
	changes := m.follows()
	s := newSite(t, m.control, m.plumb.Access, laptop.IPv4, m.plumb, stack.PostureRule(m.check.String()))
	s.enters()

	// The same credentials from an address of no device.
	elsewhere := *s
	elsewhere.visitor = stack.NewVisitor(t, m.plumb.Access, "127.0.0.78", nil)
	if v := elsewhere.visit(s.token.Credentials()...); v.Status != http.StatusForbidden || v.Reason == "" {
		t.Errorf("from no device: %+v", v)
	}
	outside := *s
	outside.visitor = stack.NewVisitor(t, m.plumb.Access, "", nil)
	if v := outside.visit(append(s.token.Credentials(), "X-Forwarded-For",
		laptop.IPv4)...); v.Status != http.StatusForbidden {
		t.Errorf("with an address that the client made up: %+v", v)
	}

	turns := func(want proto.Outcome) {
		t.Helper()
		deadline := time.After(soon * stack.Slowness())
		for {
			select {
			case got := <-changes:
				if got == want {
					return
				}
			case <-deadline:
				t.Fatalf("the log does not tell of %v", want)
			}
		}
	}
	refused := func(outcome string) {
		t.Helper()
		s.becomes(atOnce, http.StatusForbidden, "", s.token)
		v := s.visit(s.token.Credentials()...)
		if v.Check.ID != m.check.String() || v.Check.Name != "healthy" || v.Check.Outcome != outcome ||
			time.Since(v.Check.LookedAt) > time.Minute {
			t.Errorf("the refusal names %+v: %s", v.Check, v.Body)
		}
	}
	m.score.Store(10)
	s.do(m.control.PollNow(t.Context(), m.integration))
	turns(proto.OutcomeFail)
	refused("fail")

	m.score.Store(90)
	s.do(m.control.PollNow(t.Context(), m.integration))
	turns(proto.OutcomePass)
	s.becomes(atOnce, http.StatusOK, "", s.token)

	// Expired results of a check are unknown.
	s.do(m.control.ChangeCheck(t.Context(), m.check,
		stack.Check{Name: "healthy", Integration: m.integration, Operator: ">=", Score: threshold, Expiration: "1s"}))
	turns(proto.OutcomeUnknown)
	refused("unknown")
}

// authority is a certificate authority for tests.
type authority struct {
	key  *ecdsa.PrivateKey
	cert *x509.Certificate
	path string // of its certificate, PEM
}

func newAuthority(t *testing.T, dir, name string) *authority {
	t.Helper()
	a := &authority{path: filepath.Join(dir, name+".pem")}
	var err error
	if a.key, err = ecdsa.GenerateKey(elliptic.P256(), rand.Reader); err != nil {
		t.Fatal(err)
	}
	template := &x509.Certificate{SerialNumber: big.NewInt(1), Subject: pkix.Name{CommonName: name},
		NotBefore: time.Now().Add(-time.Minute), NotAfter: time.Now().Add(time.Hour), IsCA: true, BasicConstraintsValid: true,
		KeyUsage: x509.KeyUsageCertSign}
	der, err := x509.CreateCertificate(rand.Reader, template, template, &a.key.PublicKey, a.key)
	if err != nil {
		t.Fatal(err)
	}
	if a.cert, err = x509.ParseCertificate(der); err != nil {
		t.Fatal(err)
	}
	if err := os.WriteFile(a.path, pem.EncodeToMemory(&pem.Block{Type: "CERTIFICATE", Bytes: der}), 0o600); err != nil {
		t.Fatal(err)
	}
	return a
}

// issue signs a certificate.
func (a *authority) issue(t *testing.T, template *x509.Certificate) (cert tls.Certificate, certPEM, keyPEM []byte) {
	t.Helper()
	key, err := ecdsa.GenerateKey(elliptic.P256(), rand.Reader)
	if err != nil {
		t.Fatal(err)
	}
	template.SerialNumber, template.NotBefore, template.NotAfter = big.NewInt(2), time.Now().Add(-time.Minute),
		time.Now().Add(time.Hour)
	der, err := x509.CreateCertificate(rand.Reader, template, a.cert, &key.PublicKey, a.key)
	if err != nil {
		t.Fatal(err)
	}
	text, err := x509.MarshalPKCS8PrivateKey(key)
	if err != nil {
		t.Fatal(err)
	}
	certPEM, keyPEM = pem.EncodeToMemory(&pem.Block{Type: "CERTIFICATE", Bytes: der}),
		pem.EncodeToMemory(&pem.Block{Type: "PRIVATE KEY", Bytes: text})
	if cert, err = tls.X509KeyPair(certPEM, keyPEM); err != nil {
		t.Fatal(err)
	}
	return cert, certPEM, keyPEM
}

// Over TLS the device is found by the SAN of its certificate, if the certificate is signed by the operator's authority.
func TestADeviceIsKnownByItsCertificate(t *testing.T) {
	dir := t.TempDir()
	servers, devices, others := newAuthority(t, dir, "servers"), newAuthority(t, dir, "devices"),
		newAuthority(t, dir, "others")
	_, certPEM, keyPEM := servers.issue(t, &x509.Certificate{DNSNames: []string{"wiki.example.com"}})
	certPath, keyPath := filepath.Join(dir, "tls.crt"), filepath.Join(dir, "tls.key")
	for path, text := range map[string][]byte{certPath: certPEM, keyPath: keyPEM} {
		if err := os.WriteFile(path, text, 0o600); err != nil {
			t.Fatal(err)
		}
	}
	m := newMeasuredTLS(t, servers, certPath, keyPath, devices.path)
	roots := x509.NewCertPool()
	roots.AddCert(servers.cert)
	name, err := url.Parse("urn:uuid:" + laptop.ID.String())
	if err != nil {
		t.Fatal(err)
	}
	of := func(a *authority, template *x509.Certificate) *tls.Config {
		c := &tls.Config{RootCAs: roots}
		if a != nil {
			template.ExtKeyUsage = []x509.ExtKeyUsage{x509.ExtKeyUsageClientAuth}
			cert, _, _ := a.issue(t, template)
			c.Certificates = []tls.Certificate{cert}
		}
		return c
	}
	const app = "https://wiki.example.com/page"
	visit := func(c *tls.Config) (stack.Visit, error) {
		return stack.NewVisitor(t, m.plumb.Access, "", c).Get(t.Context(), app, m.token.Credentials()...)
	}
	stack.Until(t, soon, "the device's certificate opens", func() error {
		v, err := visit(of(devices, &x509.Certificate{URIs: []*url.URL{name}}))
		if err == nil && v.Status != http.StatusOK {
			err = fmt.Errorf("%+v", v)
		}
		return err
	})
	for what, c := range map[string]*tls.Config{
		"no certificate":        of(nil, nil),
		"one that names nobody": of(devices, &x509.Certificate{DNSNames: []string{"laptop"}}),
		"another authority's":   of(others, &x509.Certificate{URIs: []*url.URL{name}}),
	} {
		if v, err := visit(c); err == nil && v.Status != http.StatusForbidden {
			t.Errorf("%s: %+v", what, v)
		}
	}
}

// measuredTLS is measured behind TLS, with an application for healthy devices.
type measuredTLS struct {
	*measured
	token stack.ServiceToken
}

func newMeasuredTLS(t *testing.T, servers *authority, cert, key, deviceCA string) *measuredTLS {
	t.Helper()
	m := &measured{T: t, plumb: stack.Up(t, "--tls-cert", cert, "--tls-key", key, "--device-ca", deviceCA)}
	var err error
	if m.control, err = m.plumb.Control(); err != nil {
		t.Fatal(err)
	}
	if _, err := m.control.Import(t.Context(), func(yield func(proto.Device) bool) { yield(laptop) }); err != nil {
		t.Fatal(err)
	}
	// The scoring API belongs to no application here: it is shown the credentials.
	api := &scorer.API{ClientID: "0123456789abcdef0123456789abcdef.access", ClientSecret: "the-secret"}
	api.Score(func(scorer.Device, int) any { return 90 })
	if m.integration, err = m.control.CreateIntegration(t.Context(),
		stack.Integration{Name: "scores", URL: api.Listen(t), Interval: "1h",
			ClientID: api.ClientID, ClientSecret: api.ClientSecret}); err != nil {
		t.Fatal(err)
	}
	if m.check, err = m.control.CreateCheck(t.Context(),
		stack.Check{Name: "healthy", Integration: m.integration, Operator: ">=", Score: threshold}); err != nil {
		t.Fatal(err)
	}
	token, err := m.control.CreateToken(t.Context(), "service")
	if err != nil {
		t.Fatal(err)
	}
	policy := stack.Policy("healthy devices", "non_identity", []any{stack.TokenRule(token.ID)},
		stack.PostureRule(m.check.String()))
	if _, err := m.control.CreateGuarded(t.Context(), stack.Guarded{Name: "wiki", Domain: "wiki.example.com",
		Origin: stack.NewOrigin(t, nil).URL, Policies: []any{policy}}); err != nil {
		t.Fatal(err)
	}
	return &measuredTLS{measured: m, token: token}
}

// Without NATS, the gateway serves from its own state for the time set by the operator, then denies all requests, and
// serves again with NATS. It also serves without the exchange.
func TestTheGatewayGoesOnWithoutNATSForItsHold(t *testing.T) {
	const hold = 8 * time.Second // twice the longest confirmation on a busy machine
	s := stack.NewSeparateWith(t, 1, map[topology.Role][]string{topology.Gateway: {"PLUMB_HOLD=" + hold.String()}})
	control, err := s.Control()
	if err != nil {
		t.Fatal(err)
	}
	site := newSite(t, control, s.Access, "", s)
	site.enters()

	exchange := s.Part("exchange")
	exchange.Process().Kill()
	if v := site.visit(site.token.Credentials()...); v.Status != http.StatusOK {
		t.Errorf("without the exchange: %+v", v)
	}
	if err := s.Run(exchange); err != nil {
		t.Fatal(err)
	}

	nats := s.Part("nats")
	nats.Process().Kill()
	gone := time.Now()
	for time.Since(gone) < hold/2 {
		if v := site.visit(site.token.Credentials()...); v.Status != http.StatusOK {
			t.Fatalf("%v after NATS was killed: %d %s", time.Since(gone), v.Status, v.Body)
		}
		if v := site.visit(); v.Status == http.StatusOK {
			t.Fatal("without credentials there is a way in")
		}
		<-time.After(20 * time.Millisecond)
	}
	site.becomes(hold+2*time.Second, http.StatusServiceUnavailable, "stale", site.token)
	if took := time.Since(gone); took < hold/2 {
		t.Errorf("refused after %v", took)
	}
	if err := s.Run(nats); err != nil {
		t.Fatal(err)
	}
	site.becomes(soon, http.StatusOK, "", site.token)
	if err := s.AwaitReady(); err != nil {
		t.Error(err)
	}
	site.do(control.EnableToken(t.Context(), site.token.ID, false))
	site.becomes(atOnce, http.StatusUnauthorized, "", site.token)
}
