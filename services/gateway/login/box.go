package login

import (
	"crypto/aes"
	"crypto/cipher"
	"crypto/hmac"
	"crypto/rand"
	"crypto/sha256"
	"encoding/base64"
	"errors"
	"fmt"
	"strings"

	"plumbline.dev/proto"
)

// KeySize is the length of the key that gateways share, in bytes.
const KeySize = 32

// errSealed is returned for what was not sealed here, was changed, or was sealed for another purpose. It says
// no more: what arrives may be anything.
var errSealed = errors.New("it was not sealed by a gateway of this key for this purpose")

// maxSealed bounds what is opened, in characters.
const maxSealed = 6 << 10

// box seals what the browser carries for us, with AES-256-GCM. What was sealed for one purpose opens for no
// other. It is safe for concurrent use.
type box struct {
	aead    cipher.AEAD
	binding []byte // the key of CF_Binding
}

func newBox(key []byte) (*box, error) {
	if len(key) != KeySize {
		return nil, fmt.Errorf("the session key has %d bytes, %d are needed: give the one that all gateways share with --session-key", len(key), KeySize)
	}
	block, err := aes.NewCipher(derive(key, "sealing"))
	if err != nil {
		return nil, err
	}
	aead, err := cipher.NewGCMWithRandomNonce(block)
	if err != nil {
		return nil, err
	}
	return &box{aead: aead, binding: derive(key, "binding")}, nil
}

// derive gives a key for one use, so that no two uses share one.
func derive(key []byte, use string) []byte {
	mac := hmac.New(sha256.New, key)
	mac.Write([]byte("plumbline gateway " + use))
	return mac.Sum(nil)
}

// seal gives a text that goes into a URL or a cookie as it is.
func (b *box) seal(purpose string, m proto.Message) (string, error) {
	plain, err := proto.Marshal(m)
	if err != nil {
		return "", err
	}
	return base64.RawURLEncoding.EncodeToString(b.aead.Seal(nil, nil, plain, []byte(purpose))), nil
}

func (b *box) open(purpose, text string, into proto.Message) error {
	// One sealed text has one spelling only, so that its hash says whether it was used: the decoder would pass
	// over line ends.
	if len(text) > maxSealed || strings.ContainsAny(text, "\r\n") {
		return errSealed
	}
	sealed, err := base64.RawURLEncoding.Strict().DecodeString(text)
	if err != nil {
		return errSealed
	}
	plain, err := b.aead.Open(nil, nil, sealed, []byte(purpose))
	if err != nil || proto.Unmarshal(plain, into) != nil {
		return errSealed
	}
	return nil
}

// bind gives the CF_Binding cookie that belongs to a token. The origin sees the token and not this, so that a
// token which leaks there is of no use in a browser.
func (b *box) bind(token string) string {
	mac := hmac.New(sha256.New, b.binding)
	mac.Write([]byte(token))
	return base64.RawURLEncoding.EncodeToString(mac.Sum(nil))
}

// newSecret gives 43 characters that nobody guesses.
func newSecret() string {
	var b [32]byte
	rand.Read(b[:]) // never fails since Go 1.24
	return base64.RawURLEncoding.EncodeToString(b[:])
}

// isSecret tells what newSecret may have made from what somebody else put into a cookie.
func isSecret(s string) bool {
	if len(s) != 43 || strings.ContainsAny(s, "\r\n") {
		return false
	}
	b, err := base64.RawURLEncoding.Strict().DecodeString(s)
	return err == nil && len(b) == 32
}

// hashOf is how a sealed thing names a cookie without holding it.
func hashOf(secret string) []byte {
	sum := sha256.Sum256([]byte(secret))
	return sum[:]
}

// newNonce gives 16 characters that name a session (api/README.md 8.3): 95 bits.
func newNonce() string {
	const alphabet = "0123456789ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz"
	out := make([]byte, 0, 16)
	for len(out) < cap(out) {
		var b [32]byte
		rand.Read(b[:])
		for _, c := range b {
			// 248 is a multiple of 62: what is above would make some characters likelier.
			if c < 248 && len(out) < cap(out) {
				out = append(out, alphabet[int(c)%len(alphabet)])
			}
		}
	}
	return string(out)
}

// isNonce tells what may stand in a key of SESSIONS.
func isNonce(s string) bool {
	if len(s) != 16 {
		return false
	}
	for _, c := range []byte(s) {
		if (c < '0' || c > '9') && (c < 'A' || c > 'Z') && (c < 'a' || c > 'z') {
			return false
		}
	}
	return true
}
