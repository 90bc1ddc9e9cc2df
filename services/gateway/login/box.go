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

// KeySize is the length of the gateways' shared key, in bytes.
const KeySize = 32

// errSealed is returned for text that was not encrypted by this key and for this purpose. It gives no details,
// because the input may be arbitrary.
var errSealed = errors.New("not sealed with this session key for this purpose")

// maxSealed bounds the encrypted text, in characters.
const maxSealed = 6 << 10

// box encrypts state that the browser stores for us, with AES-256-GCM. Text encrypted for one purpose cannot be
// decrypted for another. It is safe for concurrent use.
type box struct {
	aead    cipher.AEAD
	binding []byte // the key of CF_Binding
}

func newBox(key []byte) (*box, error) {
	if len(key) != KeySize {
		return nil, fmt.Errorf(
			"the session key has %d bytes, must have %d: give the key shared by all gateways with --session-key",
			len(key), KeySize)
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

// derive returns a separate key for each use.
func derive(key []byte, use string) []byte {
	mac := hmac.New(sha256.New, key)
	mac.Write([]byte("plumbline gateway " + use))
	return mac.Sum(nil)
}

// seal returns encrypted text that is safe in a URL or a cookie.
func (b *box) seal(purpose string, m proto.Message) (string, error) {
	plain, err := proto.Marshal(m)
	if err != nil {
		return "", err
	}
	return base64.RawURLEncoding.EncodeToString(b.aead.Seal(nil, nil, plain, []byte(purpose))), nil
}

func (b *box) open(purpose, text string, into proto.Message) error {
	// An encrypted text must have a single spelling, because its hash marks it as used. The decoder would ignore line
	// ends.
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

// bind returns the CF_Binding cookie of a token. The origin sees only the token, so a token leaked there is useless
// in a browser.
func (b *box) bind(token string) string {
	mac := hmac.New(sha256.New, b.binding)
	mac.Write([]byte(token))
	return base64.RawURLEncoding.EncodeToString(mac.Sum(nil))
}

// newSecret returns 43 random characters.
func newSecret() string {
	var b [32]byte
	rand.Read(b[:]) // never fails since Go 1.24
	return base64.RawURLEncoding.EncodeToString(b[:])
}

// isSecret reports whether s has the form of newSecret. Others can set our cookies.
func isSecret(s string) bool {
	if len(s) != 43 || strings.ContainsAny(s, "\r\n") {
		return false
	}
	b, err := base64.RawURLEncoding.Strict().DecodeString(s)
	return err == nil && len(b) == 32
}

// hashOf returns a hash that identifies a cookie in sealed state without revealing it.
func hashOf(secret string) []byte {
	sum := sha256.Sum256([]byte(secret))
	return sum[:]
}

// newNonce returns a session's name of 16 characters (api/README.md 8.3): 95 bits.
func newNonce() string {
	const alphabet = "0123456789ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz"
	out := make([]byte, 0, 16)
	for len(out) < cap(out) {
		var b [32]byte
		rand.Read(b[:])
		for _, c := range b {
			// 248 is a multiple of 62: larger bytes would make some characters more likely.
			if c < 248 && len(out) < cap(out) {
				out = append(out, alphabet[int(c)%len(alphabet)])
			}
		}
	}
	return string(out)
}

// isNonce reports whether s is valid in a key of SESSIONS.
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
