package entrysign

import (
	"crypto/ed25519"
	"crypto/sha256"
	"encoding/base64"
	"encoding/json"
	"fmt"
	"slices"
	"strings"
	"sync"

	"plumbline.dev/proto"
)

// Algorithm is the only accepted algorithm.
const Algorithm = "EdDSA"

// Header is the protected header of an entry's signature.
type Header struct {
	Alg     string   `json:"alg"`
	B64     bool     `json:"b64"`
	Crit    []string `json:"crit"`
	KID     string   `json:"kid"` // the result of [KeyID]
	Subject string   `json:"subject"`
	Tick    uint64   `json:"tick"`
	// Prev is the result of [Digest] for the payload of the page's previous entry. It is empty if the page had none.
	Prev    string `json:"prev,omitempty"`
	Schema  string `json:"schema"`  // value of [proto.HeaderSchema]
	Headers string `json:"headers"` // the result of [HeadersDigest]
}

// Signer signs entries with one key. It is safe for concurrent use.
type Signer struct {
	kid     string
	private ed25519.PrivateKey
}

// NewSigner returns the signer of a key.
func NewSigner(private ed25519.PrivateKey) *Signer {
	return &Signer{kid: KeyID(private.Public().(ed25519.PublicKey)), private: private}
}

// KID returns the id of the key.
func (s *Signer) KID() string { return s.kid }

// Public returns the public key.
func (s *Signer) Public() ed25519.PublicKey { return s.private.Public().(ed25519.PublicKey) }

// Sign returns the signature of a payload with the given headers, [proto.HeaderSchema] included. It overwrites the
// members of h that follow from the arguments or from the key.
func (s *Signer) Sign(h Header, headers map[string][]string, payload []byte) (string, error) {
	h.Alg, h.B64, h.Crit, h.KID = Algorithm, false, []string{"b64"}, s.kid
	h.Headers = HeadersDigest(headers)
	text, err := json.Marshal(h)
	if err != nil {
		return "", fmt.Errorf("header of the signature of %s: %w", h.Subject, err)
	}
	input := inputs.Get().(*[]byte)
	defer inputs.Put(input)
	*input = append(base64.RawURLEncoding.AppendEncode((*input)[:0], text), '.')
	jws := append(make([]byte, 0, len(*input)+1+base64.RawURLEncoding.EncodedLen(ed25519.SignatureSize)), *input...)
	*input = append(*input, payload...)
	signature := ed25519.Sign(s.private, *input)
	return string(base64.RawURLEncoding.AppendEncode(append(jws, '.'), signature)), nil
}

// inputs holds buffers for the input of a signature, protected header "." payload, which has the size of an entry.
var inputs = sync.Pool{New: func() any { return new([]byte) }}

// validSignature verifies the signature of a payload.
func validSignature(public ed25519.PublicKey, protected string, payload, signature []byte) bool {
	input := inputs.Get().(*[]byte)
	defer inputs.Put(input)
	*input = append(append(append((*input)[:0], protected...), '.'), payload...)
	return ed25519.Verify(public, *input, signature)
}

// Digest returns the SHA-256 of a payload in base64url without padding.
func Digest(payload []byte) string { return sum(payload) }

// HeadersDigest returns the SHA-256, in base64url without padding, of the lines "name:value\n" of every header whose
// name begins with "Plumb-", except that of the signature, sorted by name. These headers repeat facts of the entry for
// readers that do not read it.
func HeadersDigest(headers map[string][]string) string {
	names := make([]string, 0, len(headers))
	for name := range headers {
		if name != proto.HeaderSignature && strings.HasPrefix(strings.ToLower(name), "plumb-") {
			names = append(names, name)
		}
	}
	slices.Sort(names)
	var lines []byte
	for _, name := range names {
		for _, value := range headers[name] {
			lines = append(append(append(append(lines, name...), ':'), value...), '\n')
		}
	}
	return sum(lines)
}

func sum(data []byte) string {
	digest := sha256.Sum256(data)
	return base64.RawURLEncoding.EncodeToString(digest[:])
}
