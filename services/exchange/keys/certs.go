package keys

import (
	"encoding/json"
	"encoding/pem"
	"fmt"
	"time"

	"github.com/go-jose/go-jose/v4"
)

// Snapshot is an immutable snapshot of the keys: the signing key, and the document that publishes it together with
// upcoming keys and those with tokens that are still accepted.
type Snapshot struct {
	signing *Key
	certs   []byte

	Published int       // number of keys
	Since     time.Time // start of use of the signing key
}

// Signing returns the signing key.
func (s *Snapshot) Signing() *Key { return s.signing }

// Certs returns the document for /cdn-cgi/access/certs. It must not be modified.
func (s *Snapshot) Certs() []byte { return s.certs }

// document returns the document of public keys in the form of api/README.md 8.2. The signing key is first.
func document(all []*Key) ([]byte, error) {
	type certificate struct {
		KID  string `json:"kid"`
		Cert string `json:"cert"`
	}
	var document struct {
		Keys        []jose.JSONWebKey `json:"keys"`
		PublicCert  certificate       `json:"public_cert"`
		PublicCerts []certificate     `json:"public_certs"`
	}
	for _, k := range all {
		document.Keys = append(document.Keys, jose.JSONWebKey{
			Key: k.certificate.PublicKey, KeyID: k.id, Algorithm: string(jose.RS256), Use: "sig",
		})
		document.PublicCerts = append(document.PublicCerts, certificate{
			KID: k.id, Cert: string(pem.EncodeToMemory(&pem.Block{Type: "CERTIFICATE", Bytes: k.certificate.Raw})),
		})
	}
	document.PublicCert = document.PublicCerts[0]
	data, err := json.Marshal(document)
	if err != nil {
		return nil, fmt.Errorf("document of public keys: %w", err)
	}
	return data, nil
}
