package exchange

import (
	"bytes"
	"crypto/sha256"
	"crypto/x509"
	"encoding/hex"
	"encoding/json"
	"encoding/pem"
	"errors"
	"io"
	"net/http"
	"os/exec"
	"path/filepath"
	"strings"
	"testing"

	"github.com/go-jose/go-jose/v4"
	"plumbline.dev/bus/bustest"
	"plumbline.dev/bus/topology"
	"plumbline.dev/proto"
	"plumbline.dev/services/internal/seal"
)

func kids(t testing.TB, tokens ...string) map[string]bool {
	all := map[string]bool{}
	for _, token := range tokens {
		all[part(t, token, 0)["kid"].(string)] = true
	}
	return all
}

func TestExchangesThatStartTogetherAgreeOnOneKey(t *testing.T) {
	for _, c := range []struct {
		name string
		bus  func(testing.TB) *bustest.Bus
	}{{"one server", bustest.Start}, {"three replicas", bustest.Cluster}} {
		t.Run(c.name, func(t *testing.T) {
			w := fixtureOn(t, c.bus(t))
			var services []*Service
			for range 3 {
				s, _ := w.launch(w.deps(nil))
				services = append(services, s)
			}
			seen := map[string]bool{}
			for _, s := range services {
				w.ready(s)
				seen[s.keys.Latest().Signing().ID()] = true
			}
			if len(seen) != 1 {
				t.Fatalf("%d keys: %v", len(seen), seen)
			}
			var tokens []string
			for range 20 {
				tokens = append(tokens, w.ask(w.request()).Token)
			}
			if signed := kids(t, tokens...); len(signed) != 1 {
				t.Errorf("tokens name %d keys", len(signed))
			}
		})
	}
}

func TestARestartKeepsTheKey(t *testing.T) {
	w := newFixture(t)
	_, stop := w.start(w.deps(nil))
	first := w.ask(w.request()).Token
	stop()
	w.start(w.deps(nil))
	if all := kids(t, first, w.ask(w.request()).Token); len(all) != 1 {
		t.Fatalf("after a restart there are %d keys", len(all))
	}
}

func TestAKeyIsUselessWithoutTheIdentity(t *testing.T) {
	w := newFixture(t)
	s, stop := w.start(w.deps(nil))
	var record proto.SigningKey
	if _, err := w.bus.Conn(topology.Exchange).Get(t.Context(), topology.Keys, topology.SigningKeyKey(1),
		&record); err != nil {
		t.Fatal(err)
	}
	if record.KID != s.keys.Latest().Signing().ID() {
		t.Errorf("record of %s", record.KID)
	}
	pkcs8, err := seal.Open(w.ids, record.KID, record.Sealed)
	if err != nil {
		t.Fatal(err)
	}
	raw := dump(t, w.bus.Conn(topology.Operator), topology.BucketStream(topology.Keys))
	for n := 0; n+32 <= len(pkcs8); n += 32 {
		// Only public values may be there in clear: the modulus is in the certificate too.
		if at := pkcs8[n : n+32]; strings.Contains(raw, string(at)) && !bytes.Contains(record.Certificate, at) {
			t.Fatalf("bytes %d to %d of the private key are in KEYS", n, n+32)
		}
	}
	stop()
	other, _, err := seal.NewIdentity()
	if err != nil {
		t.Fatal(err)
	}
	deps := w.deps(nil)
	if deps.Identities, err = seal.ParseIdentities(other); err != nil {
		t.Fatal(err)
	}
	stranger, err := New(Config{TeamDomain: team}, deps)
	if err != nil {
		t.Fatal(err)
	}
	if err := stranger.Run(t.Context()); !errors.Is(err, seal.ErrNotForUs) {
		t.Errorf("with another identity: %v", err)
	}
	// An identity is replaced by starting with both.
	both := w.deps(nil)
	both.Identities = append(append(both.Identities[:0:0], deps.Identities...), w.ids...)
	w.start(both)
}

func TestARecordOfAnotherKeyIsRefused(t *testing.T) {
	w := newFixture(t)
	_, stop := w.start(w.deps(nil))
	stop()
	conn := w.bus.Conn(topology.Exchange)
	var record proto.SigningKey
	revision, err := conn.Get(t.Context(), topology.Keys, topology.SigningKeyKey(1), &record)
	if err != nil {
		t.Fatal(err)
	}
	good := record
	for name, bend := range map[string]func(){
		"kid":         func() { record.KID = strings.Repeat("0", 64) },
		"certificate": func() { record.Certificate = []byte("x") },
		"sealed":      func() { record.Sealed[len(record.Sealed)-1] ^= 1 },
	} {
		record = good
		record.Sealed = bytes.Clone(good.Sealed)
		bend()
		if revision, err = conn.Put(t.Context(), topology.Keys, topology.SigningKeyKey(1), &record, revision); err != nil {
			t.Fatal(err)
		}
		deps := w.deps(nil)
		s, err := New(Config{TeamDomain: team}, deps)
		if err != nil {
			t.Fatal(err)
		}
		if name == "sealed" { // no identity of ours opens it: the operator has to give the right one
			if err := s.Run(t.Context()); err == nil {
				t.Errorf("a record with another %s is used", name)
			}
			continue
		}
		// A record without a key is reported, and ends nothing; nothing is signed with it.
		stop := bustest.Run(t, s.Run)
		bustest.Eventually(t, "the record is reported", func() bool { return len(deps.Bus.UnreadableRecords()) > 0 })
		if s.Ready(t.Context()) == nil {
			t.Errorf("an exchange is ready with a record with another %s", name)
		}
		stop()
	}
}

func TestCertsEndpoint(t *testing.T) {
	w := newFixture(t)
	s, err := New(Config{TeamDomain: team, AccessAddr: "127.0.0.1:0"}, w.deps(nil))
	if err != nil {
		t.Fatal(err)
	}
	stop := bustest.Run(t, s.Run)
	bustest.Eventually(t, "the exchange is ready",
		func() bool { return s.Ready(t.Context()) == nil && s.AccessAddr() != "" })
	url := "http://" + s.AccessAddr() + CertsPath

	get := func(method, url string) (*http.Response, []byte) {
		t.Helper()
		q, err := http.NewRequestWithContext(t.Context(), method, url, nil)
		if err != nil {
			t.Fatal(err)
		}
		r, err := http.DefaultClient.Do(q)
		if err != nil {
			t.Fatal(err)
		}
		defer r.Body.Close()
		body, err := io.ReadAll(r.Body)
		if err != nil {
			t.Fatal(err)
		}
		return r, body
	}
	bustest.Eventually(t, "the next key is published", func() bool { return s.keys.Latest().Published == 2 })
	r, body := get("GET", url)
	if r.StatusCode != 200 || r.Header.Get("Content-Type") != "application/json" ||
		!strings.Contains(r.Header.Get("Cache-Control"), "max-age=") {
		t.Errorf("%d %v", r.StatusCode, r.Header)
	}
	checkCerts(t, body, part(t, w.ask(w.request()).Token, 0)["kid"].(string))

	var answer proto.CertsAnswer
	if err := w.fetcher.Request(t.Context(), topology.Certs, &proto.CertsQuery{}, &answer); err != nil ||
		!bytes.Equal(answer.Certs, body) {
		t.Errorf("on the bus: %s, %v", answer.Certs, err)
	}
	if r, body := get("HEAD", url); r.StatusCode != 200 || len(body) != 0 {
		t.Errorf("HEAD: %d, %q", r.StatusCode, body)
	}
	for _, method := range []string{"POST", "PUT", "DELETE", "PATCH", "OPTIONS"} {
		if r, _ := get(method, url); r.StatusCode != http.StatusMethodNotAllowed || r.Header.Get("Allow") != "GET, HEAD" {
			t.Errorf("%s: %d, Allow %q", method, r.StatusCode, r.Header.Get("Allow"))
		}
	}
	if r, _ := get("GET", "http://"+s.AccessAddr()+"/"); r.StatusCode != http.StatusNotFound {
		t.Errorf("elsewhere: %d", r.StatusCode)
	}
	stop()
	if _, err := http.Get(url); err == nil {
		t.Error("the endpoint still listens")
	}
}

// checkCerts checks that a response with the public keys has the members of api/README.md 8.2, and contains kid.
func checkCerts(t *testing.T, body []byte, kid string) {
	t.Helper()
	type cert struct{ KID, Cert string }
	var raw struct {
		Keys        []map[string]string
		PublicCert  cert   `json:"public_cert"`
		PublicCerts []cert `json:"public_certs"`
	}
	if err := json.Unmarshal(body, &raw); err != nil {
		t.Fatal(err)
	}
	// The signing key, and the next.
	if len(raw.Keys) != 2 || len(raw.PublicCerts) != 2 || raw.PublicCerts[0] != raw.PublicCert ||
		raw.PublicCerts[1] == raw.PublicCert {
		t.Fatalf("%s", body)
	}
	key := raw.Keys[0]
	if key["kid"] != kid || key["kty"] != "RSA" || key["alg"] != "RS256" || key["use"] != "sig" || key["e"] != "AQAB" ||
		key["n"] == "" || len(key) != 6 {
		t.Errorf("%v", key)
	}
	block, rest := pem.Decode([]byte(raw.PublicCert.Cert))
	if block == nil || len(rest) > 0 || raw.PublicCert.KID != kid {
		t.Fatalf("%+v", raw.PublicCert)
	}
	c, err := x509.ParseCertificate(block.Bytes)
	if err != nil {
		t.Fatal(err)
	}
	if sum := sha256.Sum256(c.RawSubjectPublicKeyInfo); hex.EncodeToString(sum[:]) != kid {
		t.Error("the kid is not that of the certificate's key")
	}
	if err := c.CheckSignature(c.SignatureAlgorithm, c.RawTBSCertificate, c.Signature); err != nil {
		t.Error(err)
	}
	var set jose.JSONWebKeySet
	if err := json.Unmarshal(body, &set); err != nil || len(set.Key(kid)) != 1 || !set.Key(kid)[0].IsPublic() {
		t.Errorf("not a set of public keys: %v", err)
	}
}

func TestBeforeTheKeyIsThere(t *testing.T) {
	w := newFixture(t)
	s, err := New(Config{TeamDomain: team}, w.deps(nil))
	if err != nil {
		t.Fatal(err)
	}
	r, err := http.Get(w.serveCerts(s))
	if err != nil {
		t.Fatal(err)
	}
	defer r.Body.Close()
	if r.StatusCode != http.StatusServiceUnavailable || r.Header.Get("Retry-After") == "" {
		t.Errorf("%d %v", r.StatusCode, r.Header)
	}
	if s.Ready(t.Context()) == nil {
		t.Error("ready")
	}
}

// Invariant 8: only the exchange and plumb link the package to open signing keys. plumb is all services in one.
func TestOnlyTheExchangeLinksTheKeys(t *testing.T) {
	const keysPackage = "plumbline.dev/services/exchange/keys"
	mains, err := filepath.Glob("../cmd/*/main.go")
	if err != nil {
		t.Fatal(err)
	}
	linked := false
	for _, main := range append(mains, "doc.go") {
		dir := filepath.Dir(main)
		name := filepath.Base(dir)
		out, err := exec.CommandContext(t.Context(), "go", "list", "-deps", "./"+dir).CombinedOutput()
		if err != nil {
			t.Fatalf("go list -deps %s: %v\n%s", dir, err, out)
		}
		links := strings.Contains("\n"+string(out), "\n"+keysPackage+"\n")
		linked = linked || links
		if links && name != "exchange" && name != "plumb" && main != "doc.go" {
			t.Errorf("cmd/%s links %s", name, keysPackage)
		}
	}
	if !linked {
		t.Errorf("nothing links %s: is that still its name?", keysPackage)
	}
}
