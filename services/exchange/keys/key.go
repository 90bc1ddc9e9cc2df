package keys

import (
	"crypto/rand"
	"crypto/rsa"
	"crypto/sha256"
	"crypto/x509"
	"crypto/x509/pkix"
	"encoding/hex"
	"errors"
	"fmt"
	"math/big"
	"time"

	"filippo.io/age"
	"github.com/go-jose/go-jose/v4"
	"plumbline.dev/proto"
	"plumbline.dev/services/internal/seal"
)

// Bits is the size of a signing key.
const Bits = 2048

// certificateLife is long: a certificate only carries the public key to verifiers, and rotation ends its use.
const certificateLife = 10 * 365 * 24 * time.Hour

// Key is an RS256 key pair. It is safe for concurrent use.
type Key struct {
	id          string
	certificate *x509.Certificate
	signer      jose.Signer
}

// ID returns the key's id as used in tokens and by the certs endpoint: 64 hex characters, the SHA-256 of the public
// key's SubjectPublicKeyInfo.
func (k *Key) ID() string { return k.id }

// Sign returns a compact JWS of a JSON payload, with the header {"alg":"RS256","kid":...,"typ":"JWT"} (api/README.md
// 8.3). It takes one RSA operation.
func (k *Key) Sign(payload []byte) (string, error) {
	s, err := k.signer.Sign(payload)
	if err != nil {
		return "", fmt.Errorf("sign with key %s: %w", k.id, err)
	}
	return s.CompactSerialize()
}

// generate creates a key pair and returns its record, encrypted to the recipients.
func generate(now time.Time, to []age.Recipient) (*proto.SigningKey, error) {
	private, err := rsa.GenerateKey(rand.Reader, Bits)
	if err != nil {
		return nil, fmt.Errorf("create a signing key: %w", err)
	}
	id, err := idOf(&private.PublicKey)
	if err != nil {
		return nil, err
	}
	certificate, err := selfSigned(private, id, now)
	if err != nil {
		return nil, fmt.Errorf("make a certificate for signing key %s: %w", id, err)
	}
	pkcs8, err := x509.MarshalPKCS8PrivateKey(private)
	if err != nil {
		return nil, fmt.Errorf("encode signing key %s: %w", id, err)
	}
	defer clear(pkcs8)
	sealed, err := seal.Seal(to, id, pkcs8)
	if err != nil {
		return nil, err
	}
	return &proto.SigningKey{KID: id, Certificate: certificate, Sealed: sealed, CreatedAt: proto.At(now)}, nil
}

// open decrypts a record. It trusts only what the encrypted part proves.
func open(r *proto.SigningKey, identities []age.Identity) (*Key, error) {
	pkcs8, err := seal.Open(identities, r.KID, r.Sealed)
	if err != nil {
		return nil, fmt.Errorf("signing key: %w", err)
	}
	defer clear(pkcs8)
	parsed, err := x509.ParsePKCS8PrivateKey(pkcs8)
	if err != nil {
		return nil, fmt.Errorf("signing key %s cannot be read", r.KID) // the parser's error may quote the key
	}
	private, ok := parsed.(*rsa.PrivateKey)
	if !ok || private.N.BitLen() < Bits {
		return nil, fmt.Errorf("signing key %s is not an RSA key of at least %d bits", r.KID, Bits)
	}
	k, err := published(r)
	if err != nil {
		return nil, err
	}
	if !private.PublicKey.Equal(k.certificate.PublicKey) {
		return nil, fmt.Errorf("the record of signing key %s contains another key", r.KID)
	}
	signer, err := jose.NewSigner(
		jose.SigningKey{Algorithm: jose.RS256, Key: jose.JSONWebKey{Key: private, KeyID: r.KID}},
		(&jose.SignerOptions{}).WithType("JWT"))
	if err != nil {
		return nil, fmt.Errorf("signing key %s: %w", r.KID, err)
	}
	k.signer = signer
	return k, nil
}

// published returns the public half of a record, which cannot sign.
func published(r *proto.SigningKey) (*Key, error) {
	certificate, err := x509.ParseCertificate(r.Certificate)
	if err != nil {
		return nil, fmt.Errorf("certificate of signing key %s: %w", r.KID, err)
	}
	public, ok := certificate.PublicKey.(*rsa.PublicKey)
	if !ok {
		return nil, fmt.Errorf("signing key %s is not an RSA key", r.KID)
	}
	id, err := idOf(public)
	if err != nil {
		return nil, err
	}
	if id != r.KID {
		return nil, fmt.Errorf("the record of signing key %s contains another key", r.KID)
	}
	return &Key{id: id, certificate: certificate}, nil
}

func idOf(public *rsa.PublicKey) (string, error) {
	info, err := x509.MarshalPKIXPublicKey(public)
	if err != nil {
		return "", errors.New("cannot encode the public half of a signing key")
	}
	sum := sha256.Sum256(info)
	return hex.EncodeToString(sum[:]), nil
}

func selfSigned(private *rsa.PrivateKey, id string, now time.Time) ([]byte, error) {
	serial, _ := new(big.Int).SetString(id[:32], 16)
	t := &x509.Certificate{
		SerialNumber: serial, Subject: pkix.Name{CommonName: "Plumbline application tokens"},
		// A verifier's clock may lag behind ours.
		NotBefore: now.Add(-time.Hour), NotAfter: now.Add(certificateLife),
		KeyUsage: x509.KeyUsageDigitalSignature, BasicConstraintsValid: true,
	}
	return x509.CreateCertificate(rand.Reader, t, t, &private.PublicKey, private)
}
