package keys

import (
	"encoding/json"
	"encoding/pem"
	"fmt"
	"time"

	"github.com/go-jose/go-jose/v4"
)

// Set is the keys as they stand at a moment: the one that signs, and the document that publishes it with those
// that may sign before long and those whose tokens are still accepted. It does not change.
type Set struct {
	signing *Key
	certs   []byte

	Published int       // how many keys
	Since     time.Time // when the one that signs began to
}

// Signing is the key to sign with.
func (s *Set) Signing() *Key { return s.signing }

// Certs is what /cdn-cgi/access/certs serves. It must not be modified.
func (s *Set) Certs() []byte { return s.certs }

// document is the document of public keys in the shape of api/README.md 8.2. The first key is the one that
// signs.
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
