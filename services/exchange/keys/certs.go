package keys

import (
	"encoding/json"
	"encoding/pem"
	"fmt"

	"github.com/go-jose/go-jose/v4"
)

// Certs is the document of public keys that /cdn-cgi/access/certs serves, in the shape of contract.md 8.2:
// current is the key that signs, previous are those whose tokens are still accepted.
func Certs(current *Key, previous ...*Key) ([]byte, error) {
	type certificate struct {
		KID  string `json:"kid"`
		Cert string `json:"cert"`
	}
	var document struct {
		Keys        []jose.JSONWebKey `json:"keys"`
		PublicCert  certificate       `json:"public_cert"`
		PublicCerts []certificate     `json:"public_certs"`
	}
	for _, k := range append([]*Key{current}, previous...) {
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
